/**
 * What a function or expression returns: one value, or rows of known or unknown columns. Follows PostgreSQL's
 * get_expr_result_type (utils/fmgr/funcapi.c).
 */
import type { PgProc } from '../catalog/rows.js';
import type { ArrayValue } from '../types/datum.js';
import { CSTRINGOID, RECORDOID, VOIDOID } from '../types/oids.js';
import { exprCollation, exprType, exprTypmod } from './node-functions.js';
import type { Expr } from './nodes.js';
import { enforceGenericTypeConsistency } from './polymorphic.js';
import type { Oid, ParseState } from './state.js';
import { typeCollation } from './type-name.js';

/** A column of a row type. */
export interface ResultColumn {
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly collation: Oid;
  readonly isDropped: boolean;
}

/** `record`: rows whose columns the caller must say; `other`: a pseudo-type that cannot stand in FROM. */
export type ResultShape =
  | { readonly kind: 'scalar' | 'record' | 'other'; readonly type: Oid }
  | { readonly kind: 'composite'; readonly type: Oid; readonly columns: readonly ResultColumn[] };

function list<T>(array: ArrayValue | null): readonly T[] {
  return (array?.elements ?? []) as readonly T[];
}

/** OUT columns of a function: modes o, b and t; empty when it has fewer than two and returns no record. */
export function outParameters(proc: PgProc): { readonly name: string; readonly type: Oid }[] {
  if (proc.proallargtypes === null || proc.proargmodes === null) return [];
  const types = list<number>(proc.proallargtypes);
  const modes = list<string>(proc.proargmodes);
  const names = list<string>(proc.proargnames);
  const columns: { name: string; type: Oid }[] = [];
  types.forEach((type, i) => {
    if (modes[i] !== 'o' && modes[i] !== 'b' && modes[i] !== 't') return;
    columns.push({ name: names[i] || `column${columns.length + 1}`, type });
  });
  return columns;
}

/** The name of a function's single OUT parameter, or null (get_func_result_name). */
export function functionResultName(proc: PgProc): string | null {
  if (proc.proallargtypes === null || proc.proargmodes === null || proc.proargnames === null) return null;
  const modes = list<string>(proc.proargmodes);
  const out = modes.flatMap((mode, i) => (mode === 'o' || mode === 'b' || mode === 't' ? [i] : []));
  if (out.length !== 1) return null;
  return list<string>(proc.proargnames)[out[0]] || null;
}

/** Columns of a table or composite type by its pg_class OID. */
export function relationColumns(state: ParseState, relid: Oid): ResultColumn[] {
  const relation = state.catalog.relation(relid);
  return (relation?.attributes ?? []).map((attribute) => ({
    name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation, isDropped: attribute.attisdropped,
  }));
}

/** Columns of a composite type or a domain over one; null for other types. */
export function compositeColumns(state: ParseState, type: Oid): ResultColumn[] | null {
  const relid = state.catalog.type(state.catalog.baseType(type))?.typrelid ?? 0;
  return relid === 0 ? null : relationColumns(state, relid);
}

/** What an expression returns. */
export function exprResultShape(state: ParseState, expr: Expr): ResultShape {
  const type = exprType(expr);
  if (expr.node === 'FuncExpr' || expr.node === 'OpExpr') {
    const proc = state.catalog.proc(expr.node === 'FuncExpr' ? expr.funcid : expr.opfuncid);
    if (proc !== null && proc.prorettype === RECORDOID) {
      const outs = outParameters(proc);
      if (outs.length > 0) return { kind: 'composite', type: RECORDOID, columns: resolveOutColumns(state, proc, outs, expr.args) };
    }
  } else if (expr.node === 'RowExpr' && type === RECORDOID) {
    return {
      kind: 'composite', type,
      columns: expr.args.map((arg, i) => ({ name: expr.colnames[i] ?? `f${i + 1}`, type: exprType(arg), typmod: exprTypmod(arg), collation: exprCollation(arg), isDropped: false })),
    };
  }
  return typeShape(state, type);
}

/** What a value of a type is, by the type alone. */
export function typeShape(state: ParseState, type: Oid): ResultShape {
  const base = state.catalog.type(state.catalog.baseType(type));
  switch (base?.typtype) {
    case 'c': return { kind: 'composite', type, columns: relationColumns(state, base.typrelid) };
    case 'b': case 'e': case 'r': case 'm': return { kind: 'scalar', type };
    default:
      if (type === RECORDOID) return { kind: 'record', type };
      return { kind: type === VOIDOID || type === CSTRINGOID ? 'scalar' : 'other', type };
  }
}

function resolveOutColumns(state: ParseState, proc: PgProc, outs: readonly { name: string; type: Oid }[], args: readonly Expr[]): ResultColumn[] {
  const declared = list<number>(proc.proargtypes);
  const actual = args.map(exprType);
  return outs.map(({ name, type }) => {
    const resolved = actual.length === declared.length ? enforceGenericTypeConsistency(state, actual, [...declared], type, true) : type;
    return { name, type: resolved, typmod: -1, collation: typeCollation(state, resolved), isDropped: false };
  });
}
