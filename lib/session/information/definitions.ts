/**
 * Definitions of catalog objects as SQL text: indexes, constraints, functions. Expressions and queries are deparsed by
 * the analyzer; what is here puts them into the statements that PostgreSQL's ruleutils.c prints.
 */
import { pgError } from '../../base/error.js';
import { quoteIdentifier, quoteQualified } from '../../base/identifier.js';
import type { Catalog, IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import { relationDisplayName } from '../../catalog/namespace.js';
import type { PgConstraint, PgProc } from '../../catalog/rows.js';
import type { TypeServices } from '../../functions/context.js';
import type { ArrayValue } from '../../types/datum.js';

/** What definitions are made from. */
export interface DefinitionContext {
  readonly catalog: Catalog;
  readonly types: TypeServices;
  /** A relation by its name as regclass reads it. */
  relationByText(name: string): Oid;
  /** A stored expression as SQL over the relation's columns (0: no relation). */
  deparseExpression(text: string, relation: Oid, pretty: boolean): string;
  /** Stored expressions of a list, each as SQL. */
  deparseExpressions(text: string, relation: Oid, pretty: boolean): readonly string[];
  /** A view's query; null when the relation is no view. */
  deparseView(oid: Oid, pretty: boolean): string | null;
  /** A rule's CREATE RULE. */
  deparseRule(oid: Oid, pretty: boolean): string | null;
}

/** See the file's comment. */
export class SessionDefinitions {
  constructor(protected readonly context: DefinitionContext) {}

  expression(text: string, relation: Oid, pretty: boolean): string | null {
    if (relation !== 0 && !this.context.catalog.relation(relation)) return null;
    return this.context.deparseExpression(text, relation, pretty);
  }

  viewDefinition(oid: Oid, pretty: boolean): string | null {
    return this.context.deparseView(oid, pretty);
  }

  ruleDefinition(oid: Oid, pretty: boolean): string | null {
    return this.context.deparseRule(oid, pretty);
  }

  // ------------------------------------------------------------------ indexes

  indexDefinition(oid: Oid, column: number, pretty: boolean): string | null {
    const { catalog } = this.context;
    const row = catalog.table('pg_index').findOne({ indexrelid: oid });
    const table = row && catalog.relation(row.indrelid);
    const index = table?.indexes.find((candidate) => candidate.oid === oid);
    if (!table || !index) return null;
    const columns = this.indexColumns(table, index, pretty, column === 0);
    if (column !== 0) return columns[column - 1] ?? '';
    const keys = columns.slice(0, index.keyCount).join(', ');
    const included = columns.slice(index.keyCount);
    const name = pretty ? relationDisplayName(catalog, table.oid) : quoteQualified(table.namespaceName, table.name);
    const parts = [
      `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoteIdentifier(index.name)} ON ${table.kind === 'p' ? 'ONLY ' : ''}${name} USING ${quoteIdentifier(index.accessMethod)} (${keys})`,
    ];
    if (included.length > 0) parts.push(`INCLUDE (${included.join(', ')})`);
    if (index.nullsNotDistinct) parts.push('NULLS NOT DISTINCT');
    const options = index.classRow.reloptions?.elements ?? [];
    if (options.length > 0) parts.push(`WITH (${options.map((option) => formatOption(String(option))).join(', ')})`);
    if (index.predicate !== null) parts.push(`WHERE ${this.context.deparseExpression(index.predicate, table.oid, pretty)}`);
    return parts.join(' ');
  }

  /** The columns of an index; with operator classes and order when `full`. */
  private indexColumns(table: Relation, index: IndexDescriptor, pretty: boolean, full: boolean): string[] {
    const expressions = index.expressions === null ? [] : this.context.deparseExpressions(index.expressions, table.oid, pretty);
    let next = 0;
    return index.attributes.map((attnum, at) => {
      const text = attnum === 0 ? expressionText(expressions[next++]) : quoteIdentifier(table.attributes[attnum - 1].attname);
      return full && at < index.keyCount ? text + this.columnSuffix(table, index, at) : text;
    });
  }

  private columnSuffix(table: Relation, index: IndexDescriptor, at: number): string {
    const { catalog } = this.context;
    let suffix = '';
    const attnum = index.attributes[at];
    const collation = index.collations[at] ?? 0;
    const natural = attnum > 0 ? table.attributes[attnum - 1].attcollation : collation;
    if (collation !== 0 && collation !== natural) suffix += ` COLLATE ${this.collationName(collation)}`;
    const opclass = catalog.opclass(index.opclasses[at]);
    const type = attnum > 0 ? table.attributes[attnum - 1].atttypid : index.keyTypes[at];
    if (opclass && catalog.defaultOpclass(type, opclass.opcmethod) !== opclass.oid) suffix += ` ${quoteIdentifier(opclass.opcname)}`;
    if (index.accessMethod !== 'btree') return suffix;
    if (index.descending[at]) suffix += index.nullsFirst[at] ? ' DESC' : ' DESC NULLS LAST';
    else if (index.nullsFirst[at]) suffix += ' NULLS FIRST';
    return suffix;
  }

  private collationName(oid: Oid): string {
    const { catalog } = this.context;
    const row = catalog.collation(oid);
    if (!row) return String(oid);
    const visible = catalog.searchPath.find((namespace) => catalog.table('pg_collation').findOne({ collname: row.collname, collnamespace: namespace }));
    return visible === row.collnamespace ? quoteIdentifier(row.collname) : quoteQualified(catalog.namespace(row.collnamespace)?.nspname ?? '', row.collname);
  }

  // ------------------------------------------------------------------ constraints

  constraintDefinition(oid: Oid, pretty: boolean): string | null {
    const row = this.context.catalog.constraint(oid);
    if (!row) return null;
    const text = this.constraintBody(row, pretty);
    return text + constraintSuffix(row);
  }

  private constraintBody(row: PgConstraint, pretty: boolean): string {
    switch (row.contype) {
      case 'c': return `CHECK (${this.context.deparseExpression(row.conbin ?? '', row.conrelid, pretty)})${row.connoinherit ? ' NO INHERIT' : ''}`;
      case 'n':
        return row.contypid !== 0 ? 'NOT NULL' : `NOT NULL ${this.columnNames(row.conrelid, row.conkey)}${row.connoinherit ? ' NO INHERIT' : ''}`;
      case 'f': return this.foreignKeyBody(row);
      case 'p': case 'u': return this.keyBody(row);
      case 't': return 'TRIGGER';
      default: throw pgError('INTERNAL_ERROR', `invalid constraint type "${row.contype}"`);
    }
  }

  private columnNames(relation: Oid, columns: ArrayValue | null): string {
    const attributes = this.context.catalog.relation(relation)?.attributes ?? [];
    return (columns?.elements ?? []).map((attnum) => quoteIdentifier(attributes[Number(attnum) - 1]?.attname ?? '')).join(', ');
  }

  private keyBody(row: PgConstraint): string {
    const table = this.context.catalog.relation(row.conrelid);
    const index = table?.indexes.find((candidate) => candidate.oid === row.conindid);
    const nulls = index?.nullsNotDistinct ? 'NULLS NOT DISTINCT ' : '';
    const included = table && index ? index.attributes.slice(index.keyCount).map((attnum) => quoteIdentifier(table.attributes[attnum - 1].attname)) : [];
    const options = index?.classRow.reloptions?.elements ?? [];
    return `${row.contype === 'p' ? 'PRIMARY KEY' : 'UNIQUE'} ${nulls}(${this.columnNames(row.conrelid, row.conkey)})`
      + (included.length > 0 ? ` INCLUDE (${included.join(', ')})` : '')
      + (options.length > 0 ? ` WITH (${options.map((option) => formatOption(String(option))).join(', ')})` : '');
  }

  private foreignKeyBody(row: PgConstraint): string {
    const { catalog } = this.context;
    const actions: Record<string, string> = { r: 'RESTRICT', c: 'CASCADE', n: 'SET NULL', d: 'SET DEFAULT' };
    const setColumns = row.confdelsetcols ? ` (${this.columnNames(row.conrelid, row.confdelsetcols)})` : '';
    return `FOREIGN KEY (${this.columnNames(row.conrelid, row.conkey)}) REFERENCES ${relationDisplayName(catalog, row.confrelid)}(${this.columnNames(row.confrelid, row.confkey)})`
      + (row.confmatchtype === 'f' ? ' MATCH FULL' : '')
      + (actions[row.confupdtype] ? ` ON UPDATE ${actions[row.confupdtype]}` : '')
      + (actions[row.confdeltype] ? ` ON DELETE ${actions[row.confdeltype]}${setColumns}` : '');
  }

  // ------------------------------------------------------------------ functions

  functionArguments(oid: Oid, withDefaults: boolean): string | null {
    const proc = this.context.catalog.proc(oid);
    return proc && this.argumentList(proc, withDefaults, (mode) => mode !== 't');
  }

  functionResult(oid: Oid): string | null {
    const proc = this.context.catalog.proc(oid);
    if (!proc || proc.prokind === 'p') return null;
    const modes = proc.proargmodes?.elements ?? [];
    if (proc.proretset && modes.includes('t')) return `TABLE(${this.argumentList(proc, false, (mode) => mode === 't')})`;
    return `${proc.proretset ? 'SETOF ' : ''}${this.context.types.formatType(proc.prorettype)}`;
  }

  private argumentList(proc: PgProc, withDefaults: boolean, take: (mode: string) => boolean): string {
    const types = (proc.proallargtypes ?? proc.proargtypes).elements as readonly number[];
    const modes = (proc.proargmodes?.elements ?? []) as readonly string[];
    const names = (proc.proargnames?.elements ?? []) as readonly string[];
    const defaults = withDefaults && proc.proargdefaults ? this.context.deparseExpressions(proc.proargdefaults, 0, false) : [];
    const firstDefault = proc.pronargs - proc.pronargdefaults;
    let input = 0;
    const parts: string[] = [];
    types.forEach((type, at) => {
      const mode = modes[at] ?? 'i';
      const isInput = mode === 'i' || mode === 'b' || mode === 'v';
      const position = isInput ? input++ : -1;
      if (!take(mode)) return;
      const prefix = ({ o: 'OUT ', b: 'INOUT ', v: 'VARIADIC ' } as Record<string, string>)[mode] ?? (proc.prokind === 'p' && mode === 'i' ? 'IN ' : '');
      const name = names[at] ? `${quoteIdentifier(names[at])} ` : '';
      const value = isInput && withDefaults && position >= firstDefault ? defaults[position - firstDefault] : undefined;
      parts.push(`${prefix}${name}${this.context.types.formatType(type)}${value === undefined ? '' : ` DEFAULT ${value}`}`);
    });
    return parts.join(', ');
  }

  functionArgumentDefault(oid: Oid, position: number): string | null {
    const proc = this.context.catalog.proc(oid);
    if (!proc?.proargdefaults) return null;
    const at = position - 1 - (proc.pronargs - proc.pronargdefaults);
    return this.context.deparseExpressions(proc.proargdefaults, 0, false)[at] ?? null;
  }

  functionDefinition(oid: Oid): string | null {
    const { catalog, types } = this.context;
    const proc = catalog.proc(oid);
    if (!proc) return null;
    if (proc.prokind === 'a') throw pgError('WRONG_OBJECT_TYPE', `"${proc.proname}" is an aggregate function`);
    const isProcedure = proc.prokind === 'p';
    const name = quoteQualified(catalog.namespace(proc.pronamespace)?.nspname ?? '', proc.proname);
    const lines = [`CREATE OR REPLACE ${isProcedure ? 'PROCEDURE' : 'FUNCTION'} ${name}(${this.functionArguments(oid, true) ?? ''})`];
    if (!isProcedure) lines.push(` RETURNS ${this.functionResult(oid) ?? types.formatType(proc.prorettype)}`);
    lines.push(` LANGUAGE ${quoteIdentifier(catalog.table('pg_language').findOne({ oid: proc.prolang })?.lanname ?? '')}`);
    const traits = functionTraits(proc);
    if (traits) lines.push(traits);
    const tag = dollarTag(proc.prosrc, isProcedure ? 'procedure' : 'function');
    lines.push(`AS ${tag}${proc.prosrc}${tag}`);
    return `${lines.join('\n')}\n`;
  }
}

/** An index expression stands in parentheses unless it is a bare function call. */
function expressionText(text: string): string {
  return /^[\w."]+\(.*\)$/s.test(text) && balanced(text) ? text : `(${text})`;
}

/** True when the first parenthesis closes at the very end. */
function balanced(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return i === text.length - 1;
  }
  return false;
}

/** `fillfactor=70` as `fillfactor='70'`. */
function formatOption(option: string): string {
  const [name, value = ''] = option.split('=');
  return `${quoteIdentifier(name)}='${value}'`;
}

function constraintSuffix(row: PgConstraint): string {
  return (row.condeferrable ? ' DEFERRABLE' : '') + (row.condeferred ? ' INITIALLY DEFERRED' : '')
    + (!row.conenforced ? ' NOT ENFORCED' : !row.convalidated ? ' NOT VALID' : '');
}

/** The words between language and body, as pg_get_functiondef orders them. */
function functionTraits(proc: PgProc): string {
  const words: string[] = [];
  if (proc.prokind === 'w') words.push('WINDOW');
  if (proc.provolatile === 'i') words.push('IMMUTABLE');
  if (proc.provolatile === 's') words.push('STABLE');
  if (proc.proparallel === 's') words.push('PARALLEL SAFE');
  if (proc.proparallel === 'r') words.push('PARALLEL RESTRICTED');
  if (proc.proisstrict) words.push('STRICT');
  if (proc.prosecdef) words.push('SECURITY DEFINER');
  if (proc.proleakproof) words.push('LEAKPROOF');
  const usual = proc.prolang === INTERNAL_LANGUAGE ? 1 : 100;
  if (proc.procost !== usual) words.push(`COST ${proc.procost}`);
  if (proc.prorows > 0 && proc.prorows !== 1000) words.push(`ROWS ${proc.prorows}`);
  return words.length === 0 ? '' : ` ${words.join(' ')}`;
}
const INTERNAL_LANGUAGE = 12;

/** A dollar quote that the body does not contain. */
function dollarTag(body: string, word: string): string {
  let name = word;
  while (body.includes(`$${name}`)) name += 'x';
  return `$${name}$`;
}
