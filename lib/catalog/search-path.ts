/**
 * search_path: from the setting's text to schema OIDs (namespace.c's rules).
 */
import { hasPrivilege } from './privileges.js';
import type { Catalog, Oid } from './api.js';
import { PG_CATALOG_NAMESPACE } from '../types/oids.js';

/** A search path resolved for one user in one state of the catalogs. */
export interface ResolvedSearchPath {
  readonly setting: string;
  readonly user: Oid;
  readonly epoch: number;
  readonly temp: Oid;
  /** Schemas in order, pg_temp and pg_catalog where they implicitly are. */
  readonly search: readonly Oid[];
  /** Schemas that the setting itself names. */
  readonly explicit: readonly Oid[];
  /** First explicit schema, 0 when none. */
  readonly creation: Oid;
  /** The first word of the path is pg_temp and the session has no temporary schema yet. */
  readonly createsTemp: boolean;
}

/**
 * Splits a list of identifiers as SplitIdentifierString does: unquoted ones are folded to lower case. Null when the text
 * is no such list.
 */
export function splitIdentifiers(text: string): string[] | null {
  const names: string[] = [];
  const source = text.trim();
  if (source === '') return names;
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(,|$)/y;
  for (;;) {
    const match = pattern.exec(source);
    if (!match) return null;
    if (match[1] === '') return null;
    names.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2].toLowerCase());
    if (match[3] === '') return names;
  }
}

/** Resolves the setting: schemas that do not exist or may not be used are left out. */
export function resolveSearchPath(catalog: Catalog, setting: string, user: Oid, epoch: number): ResolvedSearchPath {
  const temp = catalog.tempNamespace;
  const explicit: Oid[] = [];
  let createsTemp = false;
  let creation = 0;
  for (const name of splitIdentifiers(setting) ?? []) {
    if (name === 'pg_temp') {
      if (temp !== 0) explicit.push(temp);
      else if (explicit.length === 0) createsTemp = true;
      continue;
    }
    const wanted = name === '$user' ? catalog.role(user)?.rolname : name;
    const namespace = wanted === undefined ? null : catalog.namespaceByName(wanted);
    if (namespace && !explicit.includes(namespace.oid) && hasPrivilege(catalog, 'schema', namespace.oid, user, 'USAGE')) explicit.push(namespace.oid);
  }
  if (explicit.length > 0) creation = explicit[0];
  const search = [...explicit];
  if (!search.includes(PG_CATALOG_NAMESPACE)) search.unshift(PG_CATALOG_NAMESPACE);
  if (temp !== 0 && !search.includes(temp)) search.unshift(temp);
  return { setting, user, epoch, temp, search, explicit, creation, createsTemp };
}
