/** Timelines: names, files, and where histories part. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { lsn, MAX_LSN } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import {
  branchHistory, endOfTimeline, FIRST_HISTORY, forkPoint, formatHistory, historyFileName, parseHistory, parseHistoryFileName, readHistory, timelineAt, writeHistory,
} from '../../lib/wal/history.js';

describe('timeline histories', () => {
  const second = branchHistory(FIRST_HISTORY, 2, lsn(1000), 'promoted');
  const third = branchHistory(second, 3, lsn(2000), 'promoted again');
  const sibling = branchHistory(second, 4, lsn(800), 'restored to before');

  it('are files as PostgreSQL has them', () => {
    expect(historyFileName(31)).to.equal('0000001F.history');
    expect(parseHistoryFileName('0000001F.history')).to.equal(31);
    expect(parseHistoryFileName('0000001F')).to.equal(null);
    expect(formatHistory(third)).to.equal('1\t0/3E8\tpromoted\n2\t0/7D0\tpromoted again\n');
    expect(parseHistory(3, formatHistory(third))).to.deep.equal(third);
    const env = simEnv(1);
    env.files.makeDirectory('/wal');
    writeHistory(env, '/wal', third);
    expect(readHistory(env, '/wal', 3)).to.deep.equal(third);
    expect(readHistory(env, '/wal', 1)).to.deep.equal(FIRST_HISTORY);
    expect(() => readHistory(env, '/wal', 7)).to.throw(PgError, 'is missing');
    expect(() => parseHistory(3, '1\tnonsense\tx\n')).to.throw(PgError, 'syntax error in history file');
    expect(() => parseHistory(3, '2\t0/7D0\tb\n1\t0/3E8\ta\n')).to.throw(PgError, 'syntax error in history file');
  });

  it('branch off the timeline that the position belongs to', () => {
    expect(sibling).to.deep.equal({ timeline: 4, ancestors: [{ timeline: 1, switchLsn: 800, reason: 'restored to before' }] });
    expect(branchHistory(third, 5, lsn(1500), 'x').ancestors.map((ancestor) => [ancestor.timeline, ancestor.switchLsn])).to.deep.equal([[1, 1000], [2, 1500]]);
  });

  it('say whose bytes stand where', () => {
    expect([500, 1000, 1001, 2000, 2001].map((position) => timelineAt(third, lsn(position)))).to.deep.equal([1, 1, 2, 2, 3]);
    expect([1, 2, 3, 4].map((timeline) => endOfTimeline(third, timeline))).to.deep.equal([1000, 2000, MAX_LSN, null]);
  });

  it('part where one of them left the other', () => {
    expect(forkPoint(third, third)).to.equal(MAX_LSN);
    expect(forkPoint(second, third)).to.equal(2000);
    expect(forkPoint(third, FIRST_HISTORY)).to.equal(1000);
    expect(forkPoint(sibling, third)).to.equal(800);
    expect(forkPoint({ timeline: 5, ancestors: [{ timeline: 4, switchLsn: lsn(9), reason: '' }] }, FIRST_HISTORY)).to.equal(0);
  });
});
