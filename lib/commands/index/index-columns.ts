/**
 * The columns of an index from the parse tree: attribute or expression, operator class, collation, order.
 *
 * Idea: PostgreSQL's ComputeIndexAttrs and ResolveOpClass (commands/indexcmds.c).
 */
import type { IndexElem, Node } from 'libpg-query';
import { exprCollation, exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { lookupCollation } from '../../analyzer/type-name.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';
import { containsVolatile, cookExpression, expressionState } from '../expressions.js';

/** One column of an index. */
export interface IndexColumn {
  /** Attribute number; 0 for an expression. */
  readonly attnum: number;
  readonly expression: Expr | null;
  /** Name of the index's own column. */
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly collation: Oid;
  readonly opclass: Oid;
  /** pg_index.indoption: bit 0 descending, bit 1 nulls first. */
  readonly option: number;
}

/** Facts of an access method that index definitions ask for. */
export interface IndexMethod {
  readonly oid: Oid;
  readonly name: string;
  readonly canOrder: boolean;
  readonly canUnique: boolean;
  readonly canMultiColumn: boolean;
  readonly canInclude: boolean;
}

const METHODS: Record<string, Omit<IndexMethod, 'oid' | 'name'>> = {
  btree: { canOrder: true, canUnique: true, canMultiColumn: true, canInclude: true },
  hash: { canOrder: false, canUnique: false, canMultiColumn: false, canInclude: false },
};

/** The access method of a name. @throws 42704; 0A000 for those that are not there yet */
export function indexMethod(cx: CommandContext, name: string): IndexMethod {
  const row = cx.session.catalog.table('pg_am').findOne({ amname: name });
  if (!row) throw pgError('UNDEFINED_OBJECT', `access method "${name}" does not exist`);
  if (row.amtype !== 'i') throw pgError('WRONG_OBJECT_TYPE', `access method "${name}" is not of type INDEX`);
  const facts = METHODS[name];
  if (!facts) throw notSupported(`index access method "${name}"`);
  return { oid: row.oid, name, ...facts };
}

/** Resolves the columns of an index; `keyCount` of them are key columns, the rest INCLUDE columns. */
export function indexColumns(
  cx: CommandContext, relation: Relation, method: IndexMethod, keys: readonly Node[], including: readonly Node[],
): IndexColumn[] {
  const columns: IndexColumn[] = [];
  for (const node of keys) columns.push(keyColumn(cx, relation, method, bodyAs<IndexElem>(bodyOf(node)), columns));
  for (const node of including) columns.push(includedColumn(cx, relation, bodyAs<IndexElem>(bodyOf(node)), columns));
  return columns;
}

function keyColumn(cx: CommandContext, relation: Relation, method: IndexMethod, element: IndexElem, before: readonly IndexColumn[]): IndexColumn {
  const source = element.name !== undefined ? plainColumn(relation, element.name) : expressionColumn(cx, relation, element.expr!);
  const collation = element.collation ? explicitCollation(cx, element, source.type) : source.collation;
  const typeRow = cx.session.catalog.type(source.type);
  if (typeRow && typeRow.typcollation !== 0 && collation === 0) {
    throw pgError('INDETERMINATE_COLLATION', 'could not determine which collation to use for index expression', { hint: 'Use the COLLATE clause to set the collation explicitly.' });
  }
  return {
    ...source, collation, name: uniqueColumnName(element.indexcolname ?? source.name, before),
    opclass: resolveOpclass(cx, method, stringList(element.opclass), source.type), option: orderOption(method, element),
  };
}

type Source = Pick<IndexColumn, 'attnum' | 'expression' | 'name' | 'type' | 'typmod' | 'collation'>;

function plainColumn(relation: Relation, name: string): Source {
  const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
  if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" does not exist`);
  if (attribute.attgenerated === 'v') throw notSupported('indexes on virtual generated columns');
  return { attnum: attribute.attnum, expression: null, name, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation };
}

function expressionColumn(cx: CommandContext, relation: Relation, raw: Node): Source {
  const cooked = cookExpression(cx, relation, raw, 'indexExpression');
  const collation = exprCollation(cooked);
  let expression = cooked;
  // A COLLATE at the top is the column's collation, not part of its expression.
  while (expression.node === 'CollateExpr') expression = expression.arg;
  if (expression.node === 'Var' && expression.varattno > 0) {
    return { ...plainColumn(relation, relation.attributes[expression.varattno - 1].attname), collation };
  }
  if (containsVolatile(cx.session.catalog, expression, true)) {
    throw pgError('INVALID_OBJECT_DEFINITION', 'functions in index expression must be marked IMMUTABLE');
  }
  return { attnum: 0, expression, name: expressionColumnName(cx, expression), type: exprType(expression), typmod: -1, collation };
}

/** PostgreSQL names an expression column after its function, else "expr". */
function expressionColumnName(cx: CommandContext, expression: Expr): string {
  if (expression.node === 'FuncExpr' && expression.funcformat === 'call') return cx.session.catalog.proc(expression.funcid)?.proname ?? 'expr';
  if (expression.node === 'CoalesceExpr') return 'coalesce';
  return 'expr';
}

function uniqueColumnName(name: string, before: readonly IndexColumn[]): string {
  let candidate = name;
  for (let pass = 1; before.some((column) => column.name === candidate); pass++) candidate = `${name}${pass}`;
  return candidate;
}

function explicitCollation(cx: CommandContext, element: IndexElem, type: Oid): Oid {
  const state = expressionState(cx, null);
  const collation = lookupCollation(state, stringList(element.collation), -1);
  if ((cx.session.catalog.type(type)?.typcollation ?? 0) === 0) {
    throw pgError('DATATYPE_MISMATCH', `collations are not supported by type ${state.formatType(type)}`);
  }
  return collation;
}

const DESCENDING = 1;
const NULLS_FIRST = 2;

function orderOption(method: IndexMethod, element: IndexElem): number {
  const descending = element.ordering === 'SORTBY_DESC';
  if (!method.canOrder) {
    if (element.ordering !== 'SORTBY_DEFAULT') throw pgError('FEATURE_NOT_SUPPORTED', `access method "${method.name}" does not support ASC/DESC options`);
    if (element.nulls_ordering !== 'SORTBY_NULLS_DEFAULT') throw pgError('FEATURE_NOT_SUPPORTED', `access method "${method.name}" does not support NULLS FIRST/LAST options`);
    return 0;
  }
  const nullsFirst = element.nulls_ordering === 'SORTBY_NULLS_DEFAULT' ? descending : element.nulls_ordering === 'SORTBY_NULLS_FIRST';
  return (descending ? DESCENDING : 0) | (nullsFirst ? NULLS_FIRST : 0);
}

function includedColumn(cx: CommandContext, relation: Relation, element: IndexElem, before: readonly IndexColumn[]): IndexColumn {
  if (element.name === undefined) throw pgError('FEATURE_NOT_SUPPORTED', 'expressions are not supported in included columns');
  if (element.collation) throw pgError('INVALID_OBJECT_DEFINITION', 'including column does not support a collation');
  if (element.opclass) throw pgError('INVALID_OBJECT_DEFINITION', 'including column does not support an operator class');
  if (element.ordering !== 'SORTBY_DEFAULT') throw pgError('INVALID_OBJECT_DEFINITION', 'including column does not support ASC/DESC options');
  if (element.nulls_ordering !== 'SORTBY_NULLS_DEFAULT') throw pgError('INVALID_OBJECT_DEFINITION', 'including column does not support NULLS FIRST/LAST options');
  const source = plainColumn(relation, element.name);
  return { ...source, collation: 0, name: uniqueColumnName(source.name, before), opclass: 0, option: 0 };
}

/** The operator class for a type: the named one, or the default. @throws 42704, 42804 */
export function resolveOpclass(cx: CommandContext, method: IndexMethod, name: readonly string[], type: Oid): Oid {
  const { catalog } = cx.session;
  const typeText = cx.services.types.formatType(type);
  if (name.length === 0) {
    const opclass = catalog.defaultOpclass(type, method.oid);
    if (opclass !== 0) return opclass;
    throw pgError('UNDEFINED_OBJECT', `data type ${typeText} has no default operator class for access method "${method.name}"`, {
      hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
    });
  }
  const bare = name[name.length - 1];
  const schema = name.length > 1 ? catalog.namespaceByName(name[name.length - 2]) : null;
  if (name.length > 1 && !schema) throw pgError('INVALID_SCHEMA_NAME', `schema "${name[name.length - 2]}" does not exist`);
  const candidates = catalog.opclassesByName(bare, method.oid);
  const found = schema
    ? candidates.find((row) => row.opcnamespace === schema.oid)
    : catalog.searchPath.map((namespace) => candidates.find((row) => row.opcnamespace === namespace)).find((row) => row !== undefined);
  if (!found) throw pgError('UNDEFINED_OBJECT', `operator class "${name.join('.')}" does not exist for access method "${method.name}"`);
  if (!binaryCoercible(cx, type, found.opcintype)) {
    throw pgError('DATATYPE_MISMATCH', `operator class "${name.join('.')}" does not accept data type ${typeText}`);
  }
  return found.oid;
}

const ANYARRAY = 2277;
const ANYENUM = 3500;
const ANYRANGE = 3831;
const RECORD = 2249;

/** PostgreSQL's IsBinaryCoercible. */
function binaryCoercible(cx: CommandContext, source: Oid, target: Oid): boolean {
  const { catalog } = cx.session;
  const base = catalog.baseType(source);
  if (base === target || source === target) return true;
  const row = catalog.type(base);
  if (target === ANYARRAY) return row !== null && row.typcategory === 'A';
  if (target === ANYENUM) return row?.typtype === 'e';
  if (target === ANYRANGE) return row?.typtype === 'r';
  if (target === RECORD) return row?.typtype === 'c';
  const cast = catalog.cast(base, target);
  return cast !== null && cast.castmethod === 'b' && cast.castcontext === 'i';
}
