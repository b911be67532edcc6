/**
 * The aclitem type's value: what one role (0 = PUBLIC) was granted on an object, by whom. Text forms need role names and
 * live in `lib/catalog/acl.ts`.
 */
import { DatumObject } from './datum.js';

/** An access control list item; immutable. */
export class AclItem extends DatumObject {
  readonly kind = 'aclitem';
  constructor(
    /** Role that has the privileges; 0 is PUBLIC. */
    readonly grantee: number,
    readonly grantor: number,
    /** Bit set of privileges, PostgreSQL's bits (`AclPrivilege` in `lib/catalog/acl.ts`). */
    readonly privileges: number,
    /** Of these, the ones held with grant option. */
    readonly grantOptions: number,
  ) {
    super();
  }
}
