/** synchronous_standby_names as PostgreSQL 18 reads it, and that no commit is confirmed early, whoever comes and goes. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { lsn, MAX_LSN, type Lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import type { ConfirmMode } from '../../lib/wal/shipping.js';
import { parseStandbyNames, standbyPriority } from '../../lib/wal/standby-names.js';
import { SyncStandbys, type SyncCandidate } from '../../replica/sync-standbys.js';

describe('synchronous_standby_names', () => {
  const sound: [string, ReturnType<typeof parseStandbyNames>][] = [
    ['', null],
    ['a', { method: 'first', required: 1, names: ['a'] }],
    ['a, B ,"c d"', { method: 'first', required: 1, names: ['a', 'b', 'c d'] }],
    ['2 (a, b, c)', { method: 'first', required: 2, names: ['a', 'b', 'c'] }],
    ['first 3(a,b,c,d)', { method: 'first', required: 3, names: ['a', 'b', 'c', 'd'] }],
    ['Any 2 (*)', { method: 'any', required: 2, names: ['*'] }],
    ['1 (a, "b ""c", *)', { method: 'first', required: 1, names: ['a', 'b "c', '*'] }],
    ['2', { method: 'first', required: 1, names: ['2'] }],
    ['3 (2)', { method: 'first', required: 3, names: ['2'] }],
    ['"any"', { method: 'first', required: 1, names: ['any'] }],
    ['a$1,_b', { method: 'first', required: 1, names: ['a$1', '_b'] }],
    ['""', { method: 'first', required: 1, names: [''] }],
  ];
  for (const [text, config] of sound) {
    it(`reads ${JSON.stringify(text)}`, () => expect(parseStandbyNames(text)).to.deep.equal(config));
  }

  // As PostgreSQL 18.6 says them.
  const wrong: [string, string][] = [
    ['  ', 'syntax error at end of input'],
    ['2 a', 'syntax error at or near "a"'],
    ['a,', 'syntax error at end of input'],
    ['a b', 'syntax error at or near "b"'],
    ['ANY 2 (a,b', 'syntax error at end of input'],
    ['FIRST (a)', 'syntax error at or near "("'],
    ['"a', 'unterminated quoted identifier at end of input'],
    ['ANY', 'syntax error at end of input'],
    ['any(a)', 'syntax error at or near "("'],
    ['a;b', 'syntax error at or near ";"'],
    ['-1 (a)', 'syntax error at or near "-"'],
    ['1(a) x', 'syntax error at or near "x"'],
    ['a-b', 'syntax error at or near "-"'],
    ["'a'", 'syntax error at or near "\'"'],
    ['FIRST x (a)', 'syntax error at or near "x"'],
    ['a, FIRST', 'syntax error at or near "FIRST"'],
    ['ANY 2 ()', 'syntax error at or near ")"'],
  ];
  for (const [text, detail] of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseStandbyNames(text)).to.throw(PgError).that.includes({
        sqlstate: '42601', message: `invalid value for parameter "synchronous_standby_names": "${text}"`, detail,
      });
    });
  }

  it('requires at least one', () => {
    expect(() => parseStandbyNames('ANY 0 (a)')).to.throw(PgError, 'number of synchronous standbys (0) must be greater than zero').that.has.property('sqlstate', '22023');
  });

  it('ranks by place in the list, without case, a star taking everybody', () => {
    const first = parseStandbyNames('a, b, *');
    const any = parseStandbyNames('ANY 1 (a, b)');
    if (first === null || any === null) throw new Error('these are not empty');
    expect(['B', 'a', 'x'].map((name) => standbyPriority(first, name))).to.deep.equal([2, 1, 3]);
    expect(['B', 'a', 'x'].map((name) => standbyPriority(any, name))).to.deep.equal([1, 1, 0]);
  });
});

/** A standby that the test moves. */
interface Moved extends SyncCandidate {
  streaming: boolean;
  writtenLsn: Lsn;
  flushedLsn: Lsn;
  appliedLsn: Lsn;
}

function standby(applicationName: string, written: number, flushed = written, applied = flushed): Moved {
  return { applicationName, streaming: true, writtenLsn: lsn(written), flushedLsn: lsn(flushed), appliedLsn: lsn(applied) };
}

describe('synchronous standbys', () => {
  it('require nothing where none is named', () => {
    const sync = new SyncStandbys('', () => []);
    expect(sync.confirmedLsn('remote_apply')).to.equal(MAX_LSN);
    expect(sync.mayAcknowledge()).to.equal(true);
    const named = new SyncStandbys('a', () => []);
    expect(named.confirmedLsn('local')).to.equal(MAX_LSN);
    expect(named.confirmedLsn('on')).to.equal(0);
  });

  it('FIRST takes the first ones, each mode its own position', () => {
    const connected = [standby('c', 90), standby('b', 50, 40, 30), standby('A', 70, 60, 55)];
    const sync = new SyncStandbys('FIRST 2 (a, b, c)', () => connected);
    sync.changed();
    expect((['remote_write', 'on', 'remote_apply'] as const).map((mode) => sync.confirmedLsn(mode))).to.deep.equal([50, 40, 30]);
    expect(connected.map((candidate) => sync.stateOf(candidate))).to.deep.equal([
      { priority: 3, state: 'potential' }, { priority: 2, state: 'sync' }, { priority: 1, state: 'sync' },
    ]);
  });

  it('ANY takes whichever, and a standby that nobody named is asynchronous', () => {
    const connected = [standby('c', 90), standby('b', 50), standby('a', 70), standby('z', 500)];
    const sync = new SyncStandbys('ANY 2 (a, b, c)', () => connected);
    sync.changed();
    expect(sync.confirmedLsn('on')).to.equal(70);
    expect(connected.map((candidate) => sync.stateOf(candidate).state)).to.deep.equal(['quorum', 'quorum', 'quorum', 'async']);
  });

  it('stands still while a required one is away or catches up, and goes on when it is back', () => {
    let connected = [standby('a', 100), standby('b', 100)];
    const sync = new SyncStandbys('2 (a, b)', () => connected);
    let calls = 0;
    sync.onChange = () => calls++;
    sync.changed();
    expect(sync.confirmedLsn('on')).to.equal(100);
    expect(calls).to.equal(1);
    const [stays] = connected;
    connected = [stays];
    Object.assign(stays, { writtenLsn: 300, flushedLsn: 300, appliedLsn: 300 });
    sync.changed();
    const back = standby('b', 200);
    back.streaming = false;
    connected = [stays, back];
    sync.changed();
    expect(sync.confirmedLsn('on'), 'a standby that catches up does not count').to.equal(100);
    expect(sync.stateOf(back).state).to.equal('potential');
    expect(calls).to.equal(1);
    back.streaming = true;
    sync.changed();
    expect(sync.confirmedLsn('on')).to.equal(200);
    sync.setNames('a');
    expect(sync.confirmedLsn('on')).to.equal(300);
    expect(calls).to.equal(3);
  });

  for (let seed = 1; seed <= 20; seed++) {
    it(`never confirm early and never go back, seed ${seed}`, () => {
      const env = simEnv(seed);
      const random = (limit: number): number => Math.floor(env.random.float() * limit);
      const required = 1 + random(3);
      const any = random(2) === 0;
      const names = ['n0', 'n1', 'n2', 'n3'];
      const connected: Moved[] = [];
      const sync = new SyncStandbys(`${any ? 'ANY' : 'FIRST'} ${required} (${names.join(', ')})`, () => connected);
      /** What each node has durably, by what it ever reported. */
      const reached = new Map<string, Record<string, number>>();
      const modes: [ConfirmMode, keyof Moved][] = [['remote_write', 'writtenLsn'], ['on', 'flushedLsn'], ['remote_apply', 'appliedLsn']];
      const before: Record<string, number> = { remote_write: 0, on: 0, remote_apply: 0 };
      for (let step = 0; step < 400; step++) {
        const choice = random(10);
        const name = names[random(names.length)];
        const there = connected.find((candidate) => candidate.applicationName === name);
        if (choice < 2 && there !== undefined) connected.splice(connected.indexOf(there), 1);
        else if (choice < 5 && there === undefined) {
          const known = reached.get(name);
          const joined = standby(name, known?.writtenLsn ?? 0, known?.flushedLsn ?? 0, known?.appliedLsn ?? 0);
          joined.streaming = random(2) === 0;
          connected.push(joined);
        } else if (there !== undefined) {
          there.streaming ||= random(3) === 0;
          there.writtenLsn = lsn(there.writtenLsn + random(50));
          there.flushedLsn = lsn(Math.min(there.writtenLsn, there.flushedLsn + random(60)));
          // What is applied may be ahead of what is flushed, even of what is written.
          there.appliedLsn = lsn(there.appliedLsn + random(70));
          reached.set(name, { writtenLsn: there.writtenLsn, flushedLsn: there.flushedLsn, appliedLsn: Math.min(there.flushedLsn, there.appliedLsn) });
        }
        sync.changed();
        for (const [mode, position] of modes) {
          const confirmed = sync.confirmedLsn(mode);
          expect(confirmed).to.be.at.least(before[mode]);
          const have = names.filter((node) => (reached.get(node)?.[position] ?? 0) >= confirmed).length;
          if (confirmed > before[mode]) expect(have, `${mode} at ${confirmed}`).to.be.at.least(required);
          before[mode] = confirmed;
        }
      }
      expect(before.on).to.be.greaterThan(0);
    });
  }
});
