/**
 * The default operator class of a type for an access method, by PostgreSQL's rules (GetDefaultOpClass), and which types
 * are binary-coercible to which (IsBinaryCoercible).
 */
import type { Oid } from './api.js';
import { ALL_KEYS, Lookup, type LookupKey } from './lookup.js';
import type { DatabaseLookups } from './lookups.js';
import type { PgOpclass, PgType } from './rows.js';
import type { CatalogView, ChangedRow } from './space.js';
import {
  ANYARRAYOID, ANYCOMPATIBLEARRAYOID, ANYCOMPATIBLEMULTIRANGEOID, ANYCOMPATIBLEOID, ANYCOMPATIBLENONARRAYOID, ANYCOMPATIBLERANGEOID, ANYELEMENTOID,
  ANYENUMOID, ANYMULTIRANGEOID, ANYNONARRAYOID, ANYOID, ANYRANGEOID, RECORDARRAYOID, RECORDOID,
} from '../types/oids.js';

/** Key: "type,access method"; value: operator class OID, 0 when none. */
export class DefaultOpclassLookup extends Lookup<Oid> {
  constructor(private readonly lookups: DatabaseLookups) {
    super();
  }

  override load(key: LookupKey, view: CatalogView): Oid {
    const [type, method] = String(key).split(',').map(Number);
    return findDefaultOpclass(this.lookups, view, type, method);
  }

  override affected(change: ChangedRow, _view: CatalogView, add: (key: typeof ALL_KEYS) => void): void {
    switch (change.store.definition.name) {
      case 'pg_opclass': case 'pg_cast': return add(ALL_KEYS);
      // a new type's OID was never asked for
      case 'pg_type': return change.other === null ? undefined : add(ALL_KEYS);
      default:
    }
  }
}

function findDefaultOpclass(lookups: DatabaseLookups, view: CatalogView, typeOid: Oid, method: Oid): Oid {
  const type = baseTypeOf(lookups, view, typeOid);
  const category = view.get(lookups.typeByOid, type)[0]?.typcategory;
  let exact = 0;
  let compatible: PgOpclass[] = [];
  let preferred: PgOpclass[] = [];
  for (const opclass of view.get(lookups.opclassByMethod, method)) {
    if (!opclass.opcdefault) continue;
    if (opclass.opcintype === type) exact = opclass.oid;
    else if (isBinaryCoercible(lookups, view, type, opclass.opcintype)) {
      compatible = [...compatible, opclass];
      const target = view.get(lookups.typeByOid, opclass.opcintype)[0];
      if (target?.typispreferred && target.typcategory === category) preferred = [...preferred, opclass];
    }
  }
  if (exact !== 0) return exact;
  if (preferred.length === 1) return preferred[0].oid;
  return preferred.length === 0 && compatible.length === 1 ? compatible[0].oid : 0;
}

/** Domains unwrapped. */
export function baseTypeOf(lookups: DatabaseLookups, view: CatalogView, oid: Oid): Oid {
  let type: PgType | undefined = view.get(lookups.typeByOid, oid)[0];
  while (type?.typtype === 'd') type = view.get(lookups.typeByOid, type.typbasetype)[0];
  return type?.oid ?? oid;
}

const ANYTHING = new Set<Oid>([ANYOID, ANYELEMENTOID, ANYCOMPATIBLEOID]);

/** True when a value of the source type is one of the target type without conversion. */
export function isBinaryCoercible(lookups: DatabaseLookups, view: CatalogView, source: Oid, target: Oid): boolean {
  if (source === target || ANYTHING.has(target)) return true;
  const sourceOid = baseTypeOf(lookups, view, source);
  if (sourceOid === target) return true;
  const type = view.get(lookups.typeByOid, sourceOid)[0];
  if (!type) return false;
  const isArray = type.typelem !== 0 && type.typlen === -1 && type.typsubscript !== 0;
  switch (target) {
    case ANYARRAYOID: case ANYCOMPATIBLEARRAYOID: if (isArray) return true; break;
    case ANYNONARRAYOID: case ANYCOMPATIBLENONARRAYOID: if (!isArray) return true; break;
    case ANYENUMOID: if (type.typtype === 'e') return true; break;
    case ANYRANGEOID: case ANYCOMPATIBLERANGEOID: if (type.typtype === 'r') return true; break;
    case ANYMULTIRANGEOID: case ANYCOMPATIBLEMULTIRANGEOID: if (type.typtype === 'm') return true; break;
    case RECORDOID: if (type.typtype === 'c') return true; break;
    case RECORDARRAYOID: if (isArray && view.get(lookups.typeByOid, type.typelem)[0]?.typtype === 'c') return true; break;
    default:
  }
  const cast = view.get(lookups.castByTypes, `${sourceOid}\0${target}`)[0];
  return cast !== undefined && cast.castmethod === 'b' && cast.castcontext === 'i';
}
