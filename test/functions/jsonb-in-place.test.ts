/** jsonb read from its bytes answers as the tree does: random documents, every function that reads in place. */
import { expect } from 'chai';
import { encodeChunk, PackedChunk } from '../../lib/codec/chunk.js';
import { decodeDatum, encodeDatum } from '../../lib/codec/row.js';
import { PgError } from '../../lib/base/error.js';
import { jsonbChain, jsonbChainNumeric, jsonbChainText, MAX_CHAIN_STEPS, type ChainStep } from '../../lib/functions/json/chain.js';
import { compareEncoded, encodedContains } from '../../lib/functions/json/in-place.js';
import { compareTrees, formatNode, makeObject, treeContains } from '../../lib/functions/json/jsonb.js';
import { escapeJson } from '../../lib/functions/json/text.js';
import { builtin } from '../../lib/functions/registry.js';
import '../../lib/functions/builtins.js';
import { ArrayValue, type Datum } from '../../lib/types/datum.js';
import { Jsonb, type JsonbNode } from '../../lib/types/jsonb.js';
import { Numeric } from '../../lib/types/numeric.js';
import { TEXTOID } from '../../lib/types/oids.js';
import { Values } from '../codec/values.js';

const KEYS = ['', 'a', 'b', 'c', 'ab', 'ba', '\u00e9', '\u00c3\u00a9', 'e\u0301', '\u4e2d', '\u{1f600}', 'user', 'name', 'a longer key than others have', '1', '-1', ' 2', 'k'.repeat(300)];
const STRINGS = [...KEYS, 'x'.repeat(127), 'x'.repeat(128), '\u00e9'.repeat(63), '\u00e9'.repeat(64), 'y'.repeat(300), '"quoted\\\n', '\u0001'];
const NUMBERS = [
  [0n, 0], [0n, 2], [1n, 0], [-1n, 0], [10n, 1], [100n, 2], [-10n, 1], [5n, 3], [255n, 0], [256n, 0], [65535n, 1], [2n ** 32n, 0], [2n ** 48n - 1n, 5], [2n ** 48n, 5],
  [-(2n ** 48n), 0], [-(2n ** 63n), 7], [10n ** 40n, 0], [-(10n ** 400n), 16], [1n, 255], [1n, 256], [123n, 16383], [97789n, 2],
] as const;

/** Random documents from a seed. */
class Documents extends Values {
  scalar(): JsonbNode {
    switch (this.below(5)) {
      case 0: return null;
      case 1: return this.below(2) === 0;
      case 2: return this.pick(STRINGS.slice(0, this.below(8) === 0 ? STRINGS.length : 6));
      case 3: return new Numeric(BigInt(this.below(3)), this.below(2));
      default: {
        const [unscaled, scale] = this.pick(NUMBERS);
        return new Numeric(unscaled, scale);
      }
    }
  }

  override node(depth = 0): JsonbNode {
    const kind = depth > 2 ? 0 : this.below(3);
    if (kind === 0) return this.scalar();
    const size = this.pick([0, 1, 2, 3, 5]);
    if (kind === 1) return Array.from({ length: size }, () => this.node(depth + 1));
    return makeObject(Array.from({ length: size }, () => [this.pick(KEYS), this.node(depth + 1)]));
  }

  /** Something that a value may contain: parts of it, with other things now and then. */
  part(node: JsonbNode): JsonbNode {
    if (this.below(12) === 0) return this.scalar();
    if (Array.isArray(node)) {
      const items: readonly JsonbNode[] = node;
      return items.filter(() => this.below(3) === 0).map((item) => this.part(item)).reverse();
    }
    if (node instanceof Map) {
      const members: ReadonlyMap<string, JsonbNode> = node;
      return makeObject([...members].filter(() => this.below(2) === 0).map(([key, value]): [string, JsonbNode] => [key, this.part(value)]));
    }
    // An equal number of another scale.
    return node instanceof Numeric && node.scale < 100 && this.below(2) === 0 ? new Numeric(node.unscaled * 10n, node.scale + 1) : node;
  }
}

/** A value as a packed column lends it. */
function lent(node: JsonbNode): Jsonb {
  const column = new PackedChunk(encodeChunk([[new Jsonb('before')], [new Jsonb(node)], [new Jsonb('after')]])).column(0);
  if (column.kind !== 'jsonb') throw new Error('a column of jsonb');
  return column.borrow(1)!;
}

function call(name: string, ...args: Datum[]): Datum {
  const entry = builtin(name);
  if (entry?.kind !== 'pure') throw new Error(`no function ${name}`);
  return entry.fn(...args);
}

/** What a call gives, or its error, as text. */
function outcome(name: string, ...args: Datum[]): string {
  try {
    const value = call(name, ...args);
    return value instanceof Jsonb ? `jsonb ${formatNode(value.root)} ${String(call('jsonb_out', value))}` : `${typeof value} ${String(value)}`;
  } catch (error) {
    if (error instanceof PgError) return `${error.sqlstate} ${error.message}`;
    throw error;
  }
}

describe('jsonb in place', () => {
  it('decodes to what was encoded, copied or not', () => {
    const documents = new Documents(1);
    for (let round = 0; round < 300; round++) {
      const node = documents.node();
      const value = lent(node);
      expect(value.root).to.deep.equal(node);
      expect(value.owned().root).to.deep.equal(node);
      expect((decodeDatum(encodeDatum(value)) as Jsonb).root).to.deep.equal(node);
      expect(Buffer.from(encodeDatum(value)).equals(encodeDatum(new Jsonb(node)))).to.equal(true);
      value.settle();
      expect(value.root).to.deep.equal(node);
      const tree = new Jsonb(node);
      tree.settle();
      tree.settle();
      expect(tree.owned()).to.equal(tree);
      expect(tree.root).to.deep.equal(node);
    }
  });

  it('finds and shows what the tree finds and shows', () => {
    const documents = new Documents(2);
    for (let round = 0; round < 150; round++) {
      const node = documents.node();
      const calls: [string, ...Datum[]][] = [
        ['jsonb_out'], ['jsonb_typeof'], ['jsonb_array_length'], ['jsonb_pretty'], ['jsonb_hash'],
        ...KEYS.flatMap((key): [string, ...Datum[]][] => [['jsonb_object_field', key], ['jsonb_object_field_text', key], ['jsonb_exists', key]]),
        ...[-21, -2, -1, 0, 1, 4, 19, 20].flatMap((index): [string, ...Datum[]][] => [['jsonb_array_element', index], ['jsonb_array_element_text', index]]),
      ];
      for (let path = 0; path < 6; path++) {
        const steps = Array.from({ length: documents.below(4) }, () => (documents.below(30) === 0 ? null : documents.pick([...KEYS, '0', '1', '+1', '2x', '99999999999'])));
        const array = ArrayValue.of(TEXTOID, steps);
        calls.push(['jsonb_extract_path', array], ['jsonb_extract_path_text', array], ['jsonb_exists_any', array], ['jsonb_exists_all', array]);
      }
      for (const [name, ...args] of calls) {
        const expected = outcome(name, new Jsonb(node), ...args);
        if (outcome(name, lent(node), ...args) !== expected) expect(`${name} of ${formatNode(node)}: ${outcome(name, lent(node), ...args)}`).to.equal(expected);
      }
    }
  });

  it('contains and orders as trees do', () => {
    const documents = new Documents(3);
    let contained = 0;
    for (let round = 0; round < 1000; round++) {
      const node = documents.node();
      const part = documents.below(3) === 0 ? documents.node() : documents.part(node);
      const answer = treeContains(node, part);
      if (answer) contained++;
      const text = `${formatNode(node)} @> ${formatNode(part)}`.slice(0, 2000);
      expect(encodedContains(lent(node), new Jsonb(part)), text).to.equal(answer);
      expect(encodedContains(lent(node), lent(part)), text).to.equal(answer);
      const order = Math.sign(compareTrees(new Jsonb(node), new Jsonb(part)));
      expect(compareEncoded(lent(node), new Jsonb(part)), text).to.equal(order);
      expect(compareEncoded(lent(part), lent(node)), text).to.equal(0 - order || 0);
      expect(compareEncoded(lent(node), lent(node)), text).to.equal(0);
    }
    expect(contained).to.be.within(100, 900);
  });

  it('follows chains of arrows as single arrows do', () => {
    const documents = new Documents(4);
    const stepOf = (): ChainStep => (documents.below(3) === 0 ? documents.pick([0, -1, 1, -2, 7]) : documents.pick(KEYS.slice(0, 8)));
    const arrow = (value: Datum, step: ChainStep, text: boolean): Datum =>
      (value === null ? null : call(`jsonb_${typeof step === 'string' ? 'object_field' : 'array_element'}${text ? '_text' : ''}`, value, step));
    const shown = (make: () => Datum): string => {
      try {
        const value = make();
        if (value instanceof Jsonb) return formatNode(value.root);
        return value instanceof Numeric ? `${value.unscaled} ${value.scale}` : String(value);
      } catch (error) {
        if (error instanceof PgError) return `${error.sqlstate} ${error.message}`;
        throw error;
      }
    };
    const found = new Set<string>();
    for (let round = 0; round < 4000; round++) {
      const node = documents.node();
      const steps: [ChainStep, ChainStep?, ChainStep?] = [stepOf()];
      for (let more = documents.below(MAX_CHAIN_STEPS); more > 0; more--) steps.push(stepOf());
      for (const value of [new Jsonb(node), lent(node)]) {
        const before = steps.slice(0, -1).reduce<Datum>((from, step) => arrow(from, step as ChainStep, false), new Jsonb(node));
        const last = steps.at(-1) as ChainStep;
        const text = arrow(before, last, true);
        expect(shown(() => jsonbChain(value, ...steps))).to.equal(shown(() => arrow(before, last, false)));
        expect(jsonbChainText(value, ...steps)).to.equal(text);
        const number = shown(() => (text === null ? null : call('numeric_in', text, 0, -1)));
        expect(shown(() => jsonbChainNumeric(value, ...steps))).to.equal(number);
        found.add(number.slice(0, 5));
      }
    }
    expect(found.size).to.be.greaterThan(10);
    expect([...found]).to.include('22P02');
  });

  it('writes string literals as JSON.stringify does', () => {
    for (let unit = 0; unit < 0x10000; unit++) {
      const text = `a${String.fromCharCode(unit)}b`;
      if (escapeJson(text) !== JSON.stringify(text)) expect(escapeJson(text), `unit ${unit}`).to.equal(JSON.stringify(text));
    }
    for (const text of [...STRINGS, '\u{1f600}', '\ud83d', '\ude00\ud83d', 'x'.repeat(48) + '"', '"'.repeat(48)]) expect(escapeJson(text)).to.equal(JSON.stringify(text));
  });

  it('holds many members, and values of many bytes', () => {
    expect(call('jsonb_array_element_text', lent(['z'.repeat(70_000), 'behind']), 1)).to.equal('behind');
    expect(lent('z'.repeat(70_000)).root).to.equal('z'.repeat(70_000));
    for (const count of [15, 16, 252, 253, 65_535, 65_536]) {
      const object = makeObject(Array.from({ length: count }, (_, index) => [`key ${index}`, index % 3 === 0 ? [] : Numeric.fromInteger(index)]));
      const array = Array.from({ length: count }, (_, index) => `item ${index}`);
      const value = lent(object);
      expect(value.root).to.deep.equal(object);
      expect(call('jsonb_object_field_text', value, `key ${count - 2}`)).to.equal(nodeText(object, `key ${count - 2}`));
      expect(call('jsonb_object_field', value, 'no such key')).to.equal(null);
      expect(call('jsonb_array_length', lent(array))).to.equal(count);
      expect(call('jsonb_array_element_text', lent([array, 'behind']), -1)).to.equal('behind');
      expect(call('jsonb_extract_path_text', lent([array, 'behind']), ArrayValue.of(TEXTOID, ['0', '-1']))).to.equal(`item ${count - 1}`);
      expect(encodedContains(value, new Jsonb(new Map([[`key ${count - 1}`, object.get(`key ${count - 1}`)!]])))).to.equal(true);
    }
  });

  it('keeps a tree as deep as one can be written', () => {
    let node: JsonbNode = [];
    for (let depth = 1; depth < 2000; depth++) node = depth % 2 === 0 ? [node] : new Map([['k', node]]);
    expect(call('jsonb_out', lent(node))).to.equal(formatNode(node));
  });
});

function nodeText(object: ReadonlyMap<string, JsonbNode>, key: string): Datum {
  return call('jsonb_object_field_text', new Jsonb(object), key);
}
