/** Expressions kept in the catalog as text (defaults, checks, index expressions, domains), read once per text. */
import { deserializeExpr, deserializeExprs } from '../analyzer/serialize.js';
import { readBuiltinDomainCheck } from '../analyzer/stored.js';
import type { Expr } from '../analyzer/nodes.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { SQL_TEXT_PREFIX } from '../catalog/builtin.js';

const KEPT = 5000;
const single = new Map<string, Expr>();
const lists = new Map<string, readonly Expr[]>();

function keep<T>(map: Map<string, T>, text: string, read: (text: string) => T): T {
  let found = map.get(text);
  if (found === undefined) {
    found = read(text);
    if (map.size >= KEPT) map.clear();
    map.set(text, found);
  }
  return found;
}

/** A stored expression. The same text gives the same tree, so that compiled forms can hang on it. */
export function storedExpression(text: string): Expr {
  return keep(single, text, deserializeExpr);
}

/** A stored list of expressions. */
export function storedExpressions(text: string): readonly Expr[] {
  return keep(lists, text, deserializeExprs);
}

/** A domain's CHECK; those of built-in domains are SQL text. */
function checkExpression(catalog: Catalog, domain: Oid, text: string): Expr {
  return text.startsWith(SQL_TEXT_PREFIX) ? keep(single, text, () => readBuiltinDomainCheck(catalog, domain, text)) : storedExpression(text);
}

/** One constraint of a domain, in the order of checking. */
export type DomainConstraint =
  | { readonly kind: 'notNull'; readonly domainName: string; readonly schemaName: string }
  | { readonly kind: 'check'; readonly domainName: string; readonly schemaName: string; readonly constraintName: string; readonly expr: Expr };

/** All constraints of a domain: the innermost base domain's first, NOT NULL before checks, checks by name. */
export function domainConstraints(catalog: Catalog, domain: Oid): readonly DomainConstraint[] {
  const chain: DomainConstraint[][] = [];
  for (let type = catalog.type(domain); type !== null && type.typtype === 'd'; type = catalog.type(type.typbasetype)) {
    const names = { domainName: type.typname, schemaName: catalog.namespace(type.typnamespace)?.nspname ?? '' };
    const own: DomainConstraint[] = type.typnotnull ? [{ kind: 'notNull', ...names }] : [];
    const checks = catalog.table('pg_constraint').find({ contypid: type.oid }).filter((row) => row.contype === 'c' && row.conbin !== null);
    checks.sort((a, b) => (a.conname < b.conname ? -1 : 1));
    for (const row of checks) own.push({ kind: 'check', ...names, constraintName: row.conname, expr: checkExpression(catalog, type.oid, row.conbin!) });
    chain.unshift(own);
  }
  return chain.flat();
}
