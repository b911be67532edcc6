/**
 * The aclitem type: text forms (role names are looked up by the session), comparison, and the functions over lists of them.
 */
import { pgError, type PgError } from '../../base/error.js';
import { AclItem } from '../../types/aclitem.js';
import { ArrayValue, type Row } from '../../types/datum.js';
import { ACLITEMOID } from '../../types/oids.js';
import { pure, rowsReturning, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    readonly aclItems: AclItemServices;
  }
}

/** What the functions ask of the session. */
export interface AclItemServices {
  /** @throws 22P02, 42704 */
  parse(text: string, warn: (warning: PgError) => void): AclItem;
  format(item: AclItem): string;
  /** The list that an object of that kind (acldefault's letter) has when nothing was granted; null for an unknown letter. */
  defaultsOf(kind: string, owner: number): readonly AclItem[] | null;
}

/** Privileges by bit, as aclexplode names them. */
const PRIVILEGES = [
  'INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'EXECUTE', 'USAGE', 'CREATE', 'TEMPORARY', 'CONNECT',
  'SET', 'ALTER SYSTEM', 'MAINTAIN',
] as const;

withContext('aclitemin', (cx, text: string) => cx.services.system.aclItems.parse(text, (warning) => cx.services.notice(warning)));
withContext('aclitemout', (cx, item: AclItem) => cx.services.system.aclItems.format(item));

const same = (a: AclItem, b: AclItem): boolean =>
  a.grantee === b.grantee && a.grantor === b.grantor && a.privileges === b.privileges && a.grantOptions === b.grantOptions;
pure('aclitem_eq', same);

/** Lists must be one-dimensional and without nulls. @throws 22023, 22004 */
function items(list: ArrayValue): readonly AclItem[] {
  if (list.dims.length > 1) throw pgError('INVALID_PARAMETER_VALUE', 'ACL arrays must be one-dimensional');
  return list.elements.map((item) => {
    if (item instanceof AclItem) return item;
    throw pgError('NULL_VALUE_NOT_ALLOWED', 'ACL arrays must not contain null values');
  });
}

pure('aclcontains', (list: ArrayValue, item: AclItem) => items(list).some((own) => own.grantee === item.grantee && own.grantor === item.grantor
  && (item.privileges & ~own.privileges) === 0 && (item.grantOptions & ~own.grantOptions) === 0));

pure('makeaclitem', (grantee: number, grantor: number, text: string, grantable: boolean) => {
  let privileges = 0;
  for (const part of text.split(',')) {
    const bit = PRIVILEGES.findIndex((name) => name === part.trim().toUpperCase() || (name === 'TEMPORARY' && part.trim().toUpperCase() === 'TEMP'));
    if (bit < 0) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized privilege type: "${part.trim()}"`);
    privileges |= 1 << bit;
  }
  return new AclItem(grantee, grantor, privileges, grantable ? privileges : 0);
});

withContext('acldefault_sql', (cx, kind: string, owner: number) => {
  const defaults = cx.services.system.aclItems.defaultsOf(kind, owner);
  if (!defaults) throw pgError('INTERNAL_ERROR', `unrecognized object type abbreviation: ${kind}`);
  return ArrayValue.of(ACLITEMOID, defaults);
});

rowsReturning('aclexplode', function* (_cx, list: ArrayValue): Iterable<Row> {
  for (const item of items(list)) {
    for (let bit = 0; bit < PRIVILEGES.length; bit++) {
      if (item.privileges & (1 << bit)) yield [item.grantor, item.grantee, PRIVILEGES[bit], (item.grantOptions & (1 << bit)) !== 0];
    }
  }
});
for (const name of ['aclinsert', 'aclremove'] as const) {
  pure(name, () => {
    throw pgError('FEATURE_NOT_SUPPORTED', `${name} is no longer supported`);
  });
}
