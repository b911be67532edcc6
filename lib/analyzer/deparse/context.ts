/**
 * What deparsing carries along: the text so far with its indentation, the queries around, and how pretty it shall be.
 * Follows deparse_context of PostgreSQL's utils/adt/ruleutils.c.
 */
import { quoteIdentifier, quoteQualified } from '../../base/identifier.js';
import type { Oid } from '../../catalog/api.js';
import { functionDetail } from '../function-lookup.js';
import type { CommonTableExpr, Expr, RangeTblEntry, TargetEntry, WindowClause } from '../nodes.js';
import { binaryOperator, prefixOperatorOrNull } from '../operators.js';
import type { ParseState } from '../state.js';
import type { ColumnNames } from './names.js';

/** One query level: its entries with the names they get. */
export interface DeparseNamespace {
  readonly rtable: readonly RangeTblEntry[];
  readonly ctes: readonly CommonTableExpr[];
  /** Name of each entry; null for a join without alias. */
  names: readonly (string | null)[];
  columns: ColumnNames[];
  uniqueUsing: boolean;
  readonly usingNames: string[];
}

/** `parentheses`: only where needed; `indent`: line breaks; `schema`: (unused by expressions) hide visible schemas. */
export interface PrettyFlags { readonly parentheses: boolean; readonly indent: boolean }

/** pg_get_viewdef(oid), pg_get_expr(text, oid): line breaks, all parentheses. */
export const PLAIN: PrettyFlags = { parentheses: false, indent: true };
/** The same with pretty = true. */
export const PRETTY: PrettyFlags = { parentheses: true, indent: true };
/** As EXPLAIN shows expressions: one line, all parentheses. */
export const ONE_LINE: PrettyFlags = { parentheses: false, indent: false };

/** Columns of indentation. */
export const INDENT_STANDARD = 8;
export const INDENT_JOIN = 4;
export const INDENT_VARIABLE = 4;
const INDENT_LIMIT = 40;

/** The text, shared by nested contexts. */
export interface DeparseOutput { text: string }

/** See the file's comment. */
export class DeparseContext {
  targetList: readonly TargetEntry[] = [];
  windowClause: readonly WindowClause[] = [];
  /** Names of the result's columns, where a view fixes them. */
  resultNames: readonly string[] | null = null;
  colNamesVisible = true;
  varPrefix = false;
  inGroupBy = false;
  varInOrderBy = false;
  indentLevel = 0;
  /** Text of nodes that only the caller can name (EXPLAIN: columns, parameters and subplans of a plan); null to write as usual. */
  special: ((expr: Expr) => string | null) | null = null;

  constructor(
    readonly state: ParseState, readonly output: DeparseOutput, readonly namespaces: readonly DeparseNamespace[], readonly pretty: PrettyFlags,
    /** Wrap lists beyond this column; 0: every item on a line of its own; negative: never. */
    readonly wrapColumn: number,
  ) {}

  append(text: string): void {
    this.output.text += text;
  }

  /** Runs `body` with an empty text and answers what it wrote. */
  capture(body: () => void): string {
    const saved = this.output.text;
    this.output.text = '';
    body();
    const written = this.output.text;
    this.output.text = saved;
    return written;
  }

  trimSpaces(): void {
    this.output.text = this.output.text.replace(/ +$/, '');
  }

  /** A keyword at the start of a line when indenting, else just in the text. */
  keyword(text: string, before: number, after: number, plus: number): void {
    if (!this.pretty.indent) {
      this.append(text);
      return;
    }
    this.indentLevel += before;
    this.trimSpaces();
    let amount: number;
    if (this.indentLevel < INDENT_LIMIT) {
      amount = Math.max(this.indentLevel, 0) + plus;
    } else {
      amount = INDENT_LIMIT + Math.trunc((this.indentLevel - INDENT_LIMIT) / (INDENT_STANDARD / 2));
      amount = (amount % INDENT_LIMIT) + plus;
    }
    this.append(`\n${' '.repeat(amount)}${text}`);
    this.indentLevel = Math.max(0, this.indentLevel + after);
  }

  /** Length of the last line so far. */
  lineLength(): number {
    return this.output.text.length - (this.output.text.lastIndexOf('\n') + 1);
  }

  formatType(type: Oid, typmod: number): string {
    return this.state.formatType(type, typmod);
  }

  private schemaName(namespace: Oid): string {
    return namespace !== 0 && namespace === this.state.catalog.tempNamespace ? 'pg_temp' : this.state.catalog.namespace(namespace)?.nspname ?? '';
  }

  /** A relation's name, qualified where it is not visible or a WITH item hides it. */
  relationName(relid: Oid): string {
    const relation = this.state.catalog.relation(relid);
    if (relation === null) return String(relid);
    const hidden = this.namespaces.some((namespace) => namespace.ctes.some((cte) => cte.ctename === relation.name));
    const visible = !hidden && this.state.catalog.lookupRelation(relation.name) === relid;
    return quoteQualified(visible ? null : this.schemaName(relation.namespace), relation.name);
  }

  /** A function's name, qualified unless the call would find it without. */
  functionName(oid: Oid, types: readonly Oid[], useVariadic: boolean): string {
    const proc = this.state.catalog.proc(oid);
    if (proc === null) return String(oid);
    const forced = this.inGroupBy && (proc.proname === 'cube' || proc.proname === 'rollup');
    const detail = forced ? null : functionDetail(this.state, [proc.proname], [], [], types, !useVariadic, true, false);
    const found = detail !== null && 'proc' in detail && detail.kind !== 'procedure' && detail.proc.oid === oid;
    return quoteQualified(found ? null : this.schemaName(proc.pronamespace), proc.proname);
  }

  /** An operator as it must be written between these argument types; left 0 for a prefix operator. */
  operatorName(oid: Oid, left: Oid, right: Oid): string {
    const row = this.state.catalog.operator(oid);
    if (row === null) return String(oid);
    const found = row.oprkind === 'b' ? binaryOperator(this.state, [row.oprname], left, right, -1, true) : prefixOperatorOrNull(this.state, [row.oprname], right);
    return found?.oid === oid ? row.oprname : `OPERATOR(${quoteIdentifier(this.schemaName(row.oprnamespace))}.${row.oprname})`;
  }

  /** A collation's name, qualified where it is not visible. */
  collationName(oid: Oid): string {
    const row = this.state.catalog.collation(oid);
    if (row === null) return String(oid);
    const candidates = this.state.catalog.collationsByName(row.collname);
    const first = this.state.catalog.searchPath.find((namespace) => candidates.some((candidate) => candidate.collnamespace === namespace));
    return quoteQualified(first === row.collnamespace ? null : this.schemaName(row.collnamespace), row.collname);
  }
}

/** A string literal as deparsing writes it: never with E''. */
export function simpleLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
