/**
 * The plan cache of the simple protocol. A statement's text without its literals is the key; the literals that the analyzer
 * made parameters of become values, the others are part of a second key. `... WHERE aid = 1` and `... WHERE aid = 2` thus share
 * one plan and are never parsed. Whatever is not sure to mean the same is not cached here and takes the ordinary way.
 *
 * Plans are shared by the sessions for which they mean the same: same database, search path, role and settings
 * (`PlanEnvironment`).
 */
import type { LiteralParameters } from '../analyzer/analyze.js';
import type { LiteralRows } from '../analyzer/state.js';
import type { Oid } from '../catalog/api.js';
import type { GivenRows } from '../executor/executor.js';
import type { TypeServices } from '../functions/context.js';
import type { LiftedRows, LiftedStatement, Literal, LiteralKind, LiteralValue } from '../parser/literals.js';
import type { TextPattern } from '../parser/text-pattern.js';
import { normalizeInt8, type Datum, type Row } from '../types/datum.js';
import type { Statement } from './statement.js';

/** Templates kept per environment; the whole cache starts anew when it is full. */
const MAX_TEMPLATES = 2000;
/** The same for INSERTs of several rows, whose plans are larger. */
const MAX_ROW_TEMPLATES = 200;
/** Variants (values of literals that stay) kept per template. */
const MAX_VARIANTS = 100;

/** Sessions with equal environments share plans. */
export class PlanEnvironment {
  private readonly templates = new Map<string, Template>();
  /** Those of INSERTs by the shapes of their rows: apart, since the shapes of many rows make many sets. */
  private readonly rowTemplates = new Map<string, Template>();
  /** Statements prepared by the extended protocol, by the types given and the text: clients send the same ones again and again. */
  private readonly prepared = new Map<string, Statement>();

  /** A statement prepared before; undefined when it is new. */
  preparedStatement(key: string): Statement | undefined {
    return this.prepared.get(key);
  }

  keepPrepared(key: string, statement: Statement): void {
    if (this.prepared.size >= MAX_TEMPLATES) this.prepared.clear();
    this.prepared.set(key, statement);
  }

  /** The template of a key, made when it is new. */
  template(key: string): Template {
    return templateOf(this.templates, MAX_TEMPLATES, key);
  }

  /** The same for a key with folded rows. */
  rowTemplate(key: string): Template {
    return templateOf(this.rowTemplates, MAX_ROW_TEMPLATES, key);
  }
}

function templateOf(templates: Map<string, Template>, limit: number, key: string): Template {
  let template = templates.get(key);
  if (template === undefined) {
    if (templates.size >= limit) templates.clear();
    templates.set(key, template = new Template());
  }
  return template;
}

/** One statement whose literals became parameters. */
export interface CachedVariant {
  readonly statement: Statement;
  /** How to make the parameters: parameter `n` is literal `literal` (negated), of that type; null for one that is not used. */
  readonly sources: readonly (ParameterSource | null)[];
  /** How to make the values of the given rows: for each shape, for each of its literals. Null: its rows stand for themselves. */
  readonly rowSources: readonly (readonly ParameterSource[])[] | null;
}

interface ParameterSource {
  readonly literal: number;
  readonly negated: boolean;
  readonly type: Oid;
  /** What a literal of type numeric was made of last, and its value: most fractions in statements are constants. */
  last: { readonly text: string; readonly value: Datum } | null;
}

/** All statements that differ in their literals only. */
export class Template {
  /** False once the statement turned out not to be one of those that can be cached. */
  cacheable = true;
  /** The text of one of them; null before there is a plan. */
  pattern: TextPattern | null = null;
  /** What came after it last, in the session that looked last. */
  next: Template | null = null;
  /** Literals that did not become parameters: their text is part of the key. Null before the first analysis. */
  private pinned: readonly number[] | null = null;
  private readonly variants = new Map<string, CachedVariant>();
  /** The variant when nothing is pinned: the common case. */
  private only: CachedVariant | null = null;

  /** The variant for these literals, or null. */
  find(literals: readonly Literal[]): CachedVariant | null {
    if (this.only !== null) return this.only;
    if (this.pinned === null) return null;
    return this.variants.get(this.pinnedKey(literals)) ?? null;
  }

  private pinnedKey(literals: readonly Literal[]): string {
    let key = '';
    for (const index of this.pinned!) key += `${literals[index].text}\0`;
    return key;
  }

  /**
   * Remembers what analysis made of these literals; null, and nothing is kept, when rows cannot stand for others since one of their
   * literals did not become a parameter.
   */
  add(literals: readonly Literal[], statement: Statement, rows: LiftedRows | null = null): CachedVariant | null {
    const { types } = statement.literals!;
    const sources: (ParameterSource | null)[] = [];
    const used = new Set<number>();
    for (let parameter = 0; parameter < types.length; parameter++) {
      const literal = parameter % literals.length;
      if (!types[parameter]) {
        sources.push(null);
        continue;
      }
      used.add(literal);
      sources.push({ literal, negated: parameter >= literals.length, type: types[parameter], last: null });
    }
    const pinned = literals.map((_literal, index) => index).filter((index) => !used.has(index));
    const rowSources = rows === null ? null : sourcesOfRows(sources, literals.length, rows);
    if (rowSources?.some((shape) => shape.includes(null))) return null;
    const variant: CachedVariant = { statement, sources, rowSources: rowSources as CachedVariant['rowSources'] };
    if (this.pinned === null || this.pinned.length !== pinned.length || this.pinned.some((index, at) => index !== pinned[at])) {
      this.variants.clear();
      this.only = null;
      this.pinned = pinned;
    }
    if (pinned.length === 0) this.only = variant;
    else {
      if (this.variants.size >= MAX_VARIANTS) this.variants.clear();
      this.variants.set(this.pinnedKey(literals), variant);
    }
    return variant;
  }
}

/** How each literal of each shape becomes a value; null where it does not. */
function sourcesOfRows(sources: readonly (ParameterSource | null)[], count: number, { shapes, before }: LiftedRows): (ParameterSource | null)[][] {
  let first = before;
  return shapes.map((shape) => {
    const from = first;
    first += shape.literals.length;
    return shape.literals.map((_literal, index) => sources[from + index] ?? sources[from + index + count]);
  });
}

/** The literals of the statement with one row of each shape (`representativeText`), of which `lifted` has those around the rows. */
export function representativeLiterals({ literals }: LiftedStatement, { shapes, before }: LiftedRows): readonly Literal[] {
  const rows = shapes.flatMap((shape) => shape.literals);
  return [...literals.slice(0, before), ...rows, ...(shapes.length === 1 ? rows : []), ...literals.slice(before)];
}

/** What the analyzer is told of the rows of that statement. */
export function literalRows({ shapes, before }: LiftedRows, count: number): LiteralRows {
  const lists = shapes.length === 1 ? [shapes[0], shapes[0]] : shapes;
  const slots = new Map<number, number>();
  let parameter = before;
  for (const { literals } of lists) {
    for (let slot = 0; slot < literals.length; slot++) {
      parameter++;
      slots.set(parameter, slot);
      slots.set(parameter + count, slot);
    }
  }
  return { lists: lists.length, slots, taken: false };
}

/**
 * What the analyzer is told of the literals: literal `i` may become parameter `i + 1`; a number behind a minus sign that
 * the grammar folds into it (`-5`) may become parameter `i + 1 + literals.length`, whose value is the negated literal.
 */
export function literalParameters(sql: string, { literals }: LiftedStatement, rows?: LiteralRows): LiteralParameters {
  const byLocation = new Map<number, number>();
  const kinds: LiteralKind[] = literals.map((literal) => literal.kind);
  literals.forEach((literal, index) => {
    byLocation.set(literal.location, index);
    kinds.push(literal.kind);
    if (literal.kind === 'string') return;
    let at = literal.location - 1;
    while (at >= 0 && BLANKS.has(sql.charCodeAt(at))) at--;
    if (sql.charCodeAt(at) === MINUS) byLocation.set(at, index + literals.length);
  });
  return { byLocation, kinds, types: kinds.map(() => 0), rows };
}

const BLANKS = new Set([32, 9, 10, 13, 12, 11]);
const MINUS = 45;

const INT4 = 23;
const INT8 = 20;
const TEXT = 25;
const VARCHAR = 1043;
const NUMERIC = 1700;

/** The parameters' values. Throws what the type's input throws: then the statement must take the ordinary way. */
export function literalValues(variant: CachedVariant, literals: readonly Literal[], types: TypeServices): Datum[] {
  const { sources } = variant;
  const values: Datum[] = [];
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i];
    values.push(source === null ? null : literalValue(literals[source.literal].kind, literals[source.literal].text, source, types));
  }
  return values;
}

/** The rows' values, in the places of their literals. Throws as `literalValues` does. */
export function rowValues({ rowSources }: CachedVariant, { shapes, shapeOf, values }: LiftedRows, types: TypeServices): GivenRows {
  const rows: Row[] = [];
  let at = 0;
  for (let index = 0; index < shapeOf.length; index++) {
    const { literals } = shapes[shapeOf[index]];
    const first = at;
    at += literals.length;
    rows.push(rowSources![shapeOf[index]].map((source, slot) => literalValue(literals[slot].kind, values[first + slot], source, types)));
  }
  return { shapeOf, values: rows };
}

/** `literal`: its text, or an int4 by itself. */
function literalValue(kind: LiteralKind, literal: LiteralValue, source: ParameterSource, types: TypeServices): Datum {
  const { type, negated } = source;
  if (type === INT4 && kind === 'int4') {
    const value = Number(literal);
    return negated ? -value || 0 : value;
  }
  if (type === INT8 && kind !== 'string') {
    const value = normalizeInt8(BigInt(literal));
    return negated ? (typeof value === 'bigint' ? -value : -value || 0) : value;
  }
  const text = String(literal);
  if (type === TEXT || type === VARCHAR) return text;
  if (type !== NUMERIC) return types.input(type, negated ? `-${text}` : text, -1);
  if (source.last?.text !== text) source.last = { text, value: types.input(type, negated ? `-${text}` : text, -1) };
  return source.last.value;
}
