/**
 * COPY FROM's fast path against its slow twin: the same streams, however they are cut, into a table whose rows go in columns and into
 * one whose rows go one by one (its CHECK sees to that) must leave the same rows, or fail alike.
 */
import { expect } from 'chai';
import { EngineHeap } from '../../lib/access/heap.js';
import { PgError } from '../../lib/base/error.js';
import { drive, type Suspendable } from '../../lib/base/suspend.js';
import { simEnv } from '../../lib/env/sim.js';
import { openEngine, type Engine } from '../../lib/session/engine.js';
import { collector } from '../../lib/session/runner.js';
import type { Session } from '../../lib/session/session.js';
import type { Row } from '../../lib/types/datum.js';

const COLUMNS = 'id int, small int2, big int8, amount float8, label text, short varchar(5), flag bool, day date, price numeric(8,2), mood mood, tags int[]';

/** Bytes into pieces whose sizes `size` tells. */
function pieces(bytes: Uint8Array, size: () => number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + Math.max(1, size()));
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

describe('COPY FROM in columns', () => {
  let engine: Engine;
  let session: Session;
  let other: Session;
  let notices: string[] = [];
  /** Columns of the tables that are there. */
  const made = new Map<string, string>();
  /** Chunks that were stored as columns. */
  let chunks = 0;
  const { insertColumns } = EngineHeap.prototype;

  const connect = (): Session => {
    const none = (): void => undefined;
    return engine.connect({
      role: engine.findRole('postgres')!, database: 'postgres', address: { address: null, port: null }, settings: [], processId: engine.nextProcessId(),
      client: { notice: (notice) => notices.push(notice.message), parameterStatus: none, notification: none, terminated: none },
    });
  };

  before(async () => {
    EngineHeap.prototype.insertColumns = function (...given) {
      const first = insertColumns.apply(this, given);
      if (first !== 0) chunks++;
      return first;
    };
    engine = await openEngine({ dir: 'memory://' });
    session = connect();
    other = connect();
    await run(session, "create type mood as enum ('sad', 'glad')");
  });

  after(async () => {
    EngineHeap.prototype.insertColumns = insertColumns;
    session.close();
    other.close();
    await engine.close();
  });

  /** Rows that a statement answers with. */
  async function run(on: Session, sql: string, stream: readonly Uint8Array[] = []): Promise<Row[]> {
    const rows: Row[] = [];
    const left = [...stream];
    const receiver = { ...collector(rows), copyInput: { begin() {}, *read(): Suspendable<Uint8Array | null> { return left.shift() ?? null; } } };
    const waits = on.simple.query(sql, receiver);
    if (waits !== null) await drive(waits);
    return rows;
  }

  function shown(error: unknown): string {
    if (!(error instanceof PgError)) throw error;
    return [error.sqlstate, error.message, error.detail, error.hint, error.where].join(' | ').replaceAll('slow', 'fast');
  }

  /** What a load into a fresh table leaves, or its error; and what it noticed. */
  async function load(table: 'fast' | 'slow', columns: string, options: string, stream: readonly Uint8Array[], before = ''): Promise<unknown> {
    if (made.get(table) === columns) await run(session, `truncate ${table}`);
    else {
      await run(session, `drop table if exists ${table}`);
      await run(session, `create table ${table} (${columns}${table === 'slow' ? ', check (true)' : ''})`);
      made.set(table, columns);
    }
    if (before !== '') await run(session, before.replaceAll('T', table));
    notices = [];
    let outcome: unknown = 'done';
    try {
      await run(session, `copy ${table} from stdin ${options}`, stream);
    } catch (error) {
      outcome = shown(error);
    }
    return { outcome, notices: [...notices], rows: await run(session, `select * from ${table}`) };
  }

  /** Both agree, and go on doing so when the stream is cut in these ways. */
  async function expectAlike(columns: string, options: string, bytes: Uint8Array, cuts: readonly (() => number)[], before = ''): Promise<unknown> {
    const expected = await load('slow', columns, options, [bytes], before);
    for (const cut of cuts) {
      for (const table of cuts.length === 1 ? ['fast' as const] : ['fast' as const, 'slow' as const]) {
        const found = await load(table, columns, options, pieces(bytes, cut), before);
        expect(found, `${table}, ${JSON.stringify(Buffer.from(bytes).toString('latin1').slice(0, 300))}`).to.deep.equal(expected);
      }
    }
    return expected;
  }

  const { float } = simEnv(7).random;
  const below = (limit: number): number => Math.floor(float() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)];

  const PLAIN: (() => string)[] = [
    () => String(below(3) === 0 ? -below(2 ** 31) : below(2 ** 31)), () => String(below(65536) - 32768),
    () => pick([String(below(1e9)), '9007199254740993', '-9223372036854775808', String(below(1e15))]),
    () => pick([String(below(1e6) / 1000), String(float()), '1e3', '-0', '0.1', '123456789012345', '0.000001', '-12.5', 'Infinity', '.5', '5.']),
    () => pick(['', 'plain', `label ${below(1e6)}`, 'é', '€uro', '😀', 'x'.repeat(below(90)), `w${below(3)}`]), () => pick(['', 'abc', 'abcde', 'é', '€€€€€']),
    () => pick(['t', 'f', 'true', 'no']), () => pick(['2026-11-29', '1999-01-01', 'infinity']), () => pick(['1', '12.345', '-0.5', '999999.99']),
    () => pick(['sad', 'glad']), () => pick(['{}', '{1,2}', '{NULL}']),
  ];
  const ODD = ['', ' 7', '7 ', '+5', '0x10', '1_000', '1e3', 'NaN', '-', '99999999999999999999', '2147483648', '-2147483649', '32768', '1e400', 'abcdef', 'abcde ',
    '\\\\', '\\t', '\\101', '\\x41', '\\q', '\\\n', '\\.', 'a\rb', '\u0000', 'x\\N', '\\N', '"q"', '"', '"a""b"', '"\n"', '"12"', '"1,2"', '""', '"abc"x', '"-1.5"', '"t"', '"{1,2}"', '"2026-01-01"', '0.1.2', '--1', '\\xff'];

  function line(delimiter: string, oddness: number, nullString: string): string {
    const fields = PLAIN.map((plain) => (float() < oddness ? pick(ODD) : float() < 0.05 ? nullString : plain()));
    if (float() < oddness / 3) fields.pop();
    if (float() < oddness / 3) fields.push('1');
    return fields.map((field) => (delimiter === ',' && field.startsWith('{') ? '{}' : field)).join(delimiter);
  }

  it('stores the same rows of long streams', async () => {
    for (const [options, delimiter, nullString] of [['', '\t', '\\N'], ['(format csv)', ',', ''], ["(delimiter '|', null 'nil')", '|', 'nil'], ["(null '')", '\t', '']] as const) {
      for (const lineEnd of ['\n', '\r\n', '\r']) {
        const lines = Array.from({ length: 2500 }, () => line(delimiter, 0, nullString));
        if (options === '') for (let at = 5; at < lines.length; at += 97) lines[at] = lines[at].replace(/label/, `\\\\la\\tb\\145l${lineEnd === '\n' ? '\\\n' : ''}`);
        if (options === '(format csv)') for (let at = 5; at < lines.length; at += 97) lines[at] = lines[at].replace(/label (\d+)/, '"la,""b""\n$1"');
        const bytes = Buffer.from(lines.join(lineEnd) + pick(['', lineEnd]));
        const before = chunks;
        const { outcome, rows } = (await expectAlike(COLUMNS, options, bytes, [() => 8192, () => below(300)])) as { outcome: string; rows: Row[] };
        expect(outcome === 'done' ? rows.length : outcome).to.equal(2500);
        if (lineEnd === '\n') expect(chunks - before).to.equal(4);
      }
    }
  }).timeout(120_000);

  it('agrees on short streams with whatever in them, cut at every byte', async () => {
    const columns = COLUMNS.replace('label text', 'label text not null');
    for (let round = 0; round < 40; round++) {
      const [options, delimiter, nullString] = pick([['', '\t', '\\N'], ['(format csv)', ',', ''], ['(on_error ignore, log_verbosity verbose)', '\t', '\\N'], ['(header)', '\t', '\\N']] as const);
      const lineEnd = pick(['\n', '\n', '\r\n', '\r']);
      let text = Array.from({ length: 1 + below(6) }, () => line(delimiter, pick([0, 0.02, 0.1]), nullString) + (below(20) === 0 ? pick(['\n', '\r']) : lineEnd)).join('');
      if (below(3) === 0) text = text.slice(0, -1);
      const bytes = Buffer.from(text);
      if (below(5) === 0) bytes[below(bytes.length)] = pick([0xff, 0xe2, 0x80, 0]);
      await expectAlike(columns, options, bytes, [1, 2, 3, 5, 11, 40].map((size) => () => size));
    }
  }).timeout(120_000);

  it('reads values of odd shapes as the input functions do', async () => {
    for (const type of ['int', 'int2', 'int8', 'float8', 'float4', 'text', 'varchar(3)', 'char(3)', 'bool', 'bytea', 'json', 'uuid', 'timestamptz', 'oid']) {
      for (const value of [...ODD, '0', '-0', '00000000000000000000001', '9999999999', '123456789012345678', '1.5', '-1.5e-7', '1.', '.1', 'inf', '\ufeff1', '{"a": 1}', 'now', '  a', 'äöü€']) {
        await expectAlike(`a ${type}, b int`, '', Buffer.from(`1\t1\n${value}\t2\n2\t3\n`), [() => 1000]);
        await expectAlike(`a ${type}`, '(format csv)', Buffer.from(`1\n${value}\n2\n`), [() => 1000]);
      }
    }
  }).timeout(120_000);

  const rowsOf = (count: number, id: (at: number) => number | string, label = (at: number): string => `label ${at}`): string[] =>
    Array.from({ length: count }, (_, at) => `${id(at)}\t${label(at)}`);

  it('finds what breaks a constraint where it stands', async () => {
    const columns = 'id int primary key, label text not null, unique (label)';
    const tail = '\n';
    const cases: [string, string[], string][] = [
      ['a key of this stream', rowsOf(2500, (at) => (at === 2400 ? 1500 : at)), ''],
      ['a key of the same chunk', rowsOf(2500, (at) => (at === 1400 ? 1399 : at)), ''],
      ['a key that was there', rowsOf(2500, (at) => at), "insert into T values (2100, 'there')"],
      ['a key of the second index', rowsOf(2500, (at) => at, (at) => (at === 2300 ? 'label 7' : `label ${at}`)), ''],
      ['a NULL', rowsOf(2500, (at) => at, (at) => (at === 2200 ? '\\N' : `label ${at}`)), ''],
      ['a NULL behind a double key', rowsOf(2500, (at) => (at === 2100 ? 3 : at), (at) => (at === 2200 ? '\\N' : `label ${at}`)), ''],
      ['no value behind a double key', rowsOf(2500, (at) => (at === 2100 ? 3 : at === 2101 ? 'x' : at)), ''],
      ['nothing: keys at random', rowsOf(5000, (at) => (at * 7919) % 5003), ''],
      ['nothing: keys between others', rowsOf(5000, (at) => at * 2), "insert into T select n * 2 + 1, 'odd ' || n from generate_series(0, 6000) n"],
    ];
    for (const [name, lines, before] of cases) {
      const bytes = Buffer.from(lines.join('\n') + tail);
      const { outcome } = (await expectAlike(columns, '', bytes, [() => 8192, () => 100_000], before)) as { outcome: string };
      expect(outcome === 'done', `${name}: ${outcome}`).to.equal(name.startsWith('nothing'));
    }
    for (const sql of ['select count(*) from T where id = any (array(select id from T))', 'select label from T where id = 998', 'select id from T order by id desc limit 5', "select id from T where label = 'label 77'"]) {
      expect(await run(session, sql.replaceAll('T', 'fast'))).to.deep.equal(await run(session, sql.replaceAll('T', 'slow')));
    }
  }).timeout(120_000);

  it('is undone by ROLLBACK and ROLLBACK TO, entries and all', async () => {
    const stream = (from: number, count: number): Uint8Array[] => pieces(Buffer.from(rowsOf(count, (at) => from + at).join('\n') + '\n'), () => 8192);
    made.clear();
    await run(session, 'drop table if exists fast');
    await run(session, 'create table fast (id int primary key, label text)');
    await run(session, 'create index on fast (label)');
    const before = chunks;
    await run(session, 'begin');
    await run(session, 'copy fast from stdin', stream(0, 3000));
    await run(session, 'savepoint s');
    await run(session, 'copy fast from stdin', stream(3000, 4000));
    expect(await run(session, 'select count(*) from fast')).to.deep.equal([[7000]]);
    await run(session, 'rollback to s');
    expect(await run(session, 'select count(*), max(id) from fast')).to.deep.equal([[3000, 2999]]);
    await run(session, 'copy fast from stdin', stream(3000, 2000));
    await run(session, 'commit');
    await run(session, 'begin');
    await run(session, 'copy fast from stdin', stream(5000, 3000));
    await run(session, 'rollback');
    await run(session, 'copy fast from stdin', stream(5000, 3000));
    expect(chunks - before).to.equal(10);
    expect(await run(session, 'select count(*), count(distinct id) from fast')).to.deep.equal([[8000, 8000]]);
    expect(await run(session, "select count(*) from fast where label like 'label 29%'")).to.deep.equal(await run(session, "select count(*) from fast where label || '' like 'label 29%'"));
    expect(await run(session, 'select id from fast where id between 4998 and 5001 order by id')).to.deep.equal([[4998], [4999], [5000], [5001]]);
  });

  it('waits for a transaction that has one of the keys, and goes on or fails as that ends', async () => {
    for (const [end, outcome] of [['rollback', 'done'], ['commit', '23505 | duplicate key value violates unique constraint "fast_pkey" | Key (id)=(2000) already exists. |  | COPY fast, line 2001']] as const) {
      await run(session, 'drop table if exists fast');
      await run(session, 'create table fast (id int primary key, label text)');
      await run(other, 'begin');
      await run(other, "insert into fast values (2000, 'rival')");
      let found = 'running';
      const loading = run(session, 'copy fast from stdin', pieces(Buffer.from(rowsOf(3000, (at) => at).join('\n')), () => 8192))
        .then(() => (found = 'done'), (error: unknown) => (found = shown(error)));
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
      expect(found).to.equal('running');
      await run(other, end);
      await loading;
      expect(found).to.equal(outcome);
    }
  });
});
