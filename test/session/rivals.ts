/** Two sessions of one database that get in each other's way, for tests of waits. */
import { expect } from 'chai';
import { PGliteDB, type EmbeddedSession, type PgError } from '../../lib/index.js';

/** A statement on its way. */
export class Running {
  outcome: 'running' | 'done' | PgError = 'running';
  readonly over: Promise<void>;
  constructor(work: Promise<unknown>) {
    this.over = work.then(() => {
      this.outcome = 'done';
    }, (error: PgError) => {
      this.outcome = error;
    });
  }
}

/** See the file's comment. */
export class Rivals {
  private constructor(readonly db: PGliteDB, readonly first: EmbeddedSession, readonly second: EmbeddedSession, private readonly pids: readonly number[]) {}

  static async open(): Promise<Rivals> {
    const db = await PGliteDB.open('memory://');
    const sessions = [await db.session(), await db.session()];
    const pids: number[] = [];
    for (const session of sessions) {
      await session.exec("set deadlock_timeout = '10ms'");
      pids.push((await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0].pid);
    }
    return new Rivals(db, sessions[0], sessions[1], pids);
  }

  async close(): Promise<void> {
    await this.db.close();
  }

  /** Until the second session waits for the first. */
  async untilBlocked(running?: Running): Promise<void> {
    for (;;) {
      const { rows } = await this.db.query<{ blockers: number[] }>('select pg_blocking_pids($1) as blockers', [this.pids[1]]);
      if (running !== undefined && running.outcome !== 'running') throw new Error(`did not wait: ${String(running.outcome)}`);
      if (rows[0].blockers.length === 0) continue;
      expect(rows[0].blockers).to.deep.equal([this.pids[0]]);
      return;
    }
  }

  /** Starts a statement of the second session, and sees it wait for the first. */
  async startAndBlock(sql: string): Promise<Running> {
    const running = new Running(this.second.exec(sql));
    await this.untilBlocked(running);
    return running;
  }

  /** The second's outcome when the first does `sql` and then `end`. */
  async race(sql: string, end: string, secondSql = sql): Promise<'done' | PgError> {
    await this.first.exec(`begin; ${sql}`);
    const running = await this.startAndBlock(secondSql);
    await this.first.exec(end);
    await running.over;
    return running.outcome as 'done' | PgError;
  }
}
