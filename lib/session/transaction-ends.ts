/**
 * What a session does around the beginnings and ends of its transactions and savepoints: settings, portals, deferred work,
 * notifications, the timeout, and the gate that holds answers back until commits are acknowledged.
 */
import type { StorageEngine, Transaction } from '../access/api.js';
import { pgError } from '../base/error.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { Suspendable } from '../base/suspend.js';
import type { SessionClient } from './client.js';
import { CommitWait, confirmMode } from './commit-wait.js';
import type { Portal } from './portal.js';
import type { Session } from './session.js';
import type { BlockHost, NamedSavepoint, TransactionModes } from './transaction-block.js';

/** See the file's comment. */
export class TransactionEnds implements BlockHost {
  readonly storage: StorageEngine;
  readonly sessionId: number;
  private lastCommit: Lsn = INVALID_LSN;
  /** Commits whose answers must wait. */
  readonly commits: CommitWait;
  private timer: { cancel(): void } | null = null;

  constructor(private readonly session: Session, private readonly client: Pick<SessionClient, 'terminated'>) {
    this.storage = session.engine.storage;
    this.commits = new CommitWait(this.storage);
    this.sessionId = session.processId;
  }

  get inRecovery(): boolean {
    return this.session.inRecovery;
  }

  defaultModes(): Required<TransactionModes> {
    const { frequent } = this.session.settings;
    return {
      isolation: frequent.default_transaction_isolation,
      readOnly: frequent.default_transaction_read_only,
      deferrable: frequent.default_transaction_deferrable,
    };
  }

  lastCommitLsn(): Lsn {
    return this.lastCommit;
  }

  statementStart(): number {
    return this.session.statementStartMicros;
  }

  began(): void {
    const { settings, engine } = this.session;
    settings.beginLevel();
    const timeout = settings.frequent.transaction_timeout;
    if (timeout === 0) return;
    this.timer = engine.env.timers.after(timeout, () => this.client.terminated(
      pgError('TRANSACTION_TIMEOUT', 'terminating connection due to transaction timeout', { severity: 'FATAL' })), true);
  }

  preCommit(transaction: Transaction): Suspendable<void> | null {
    const { portals, runner, listening } = this.session;
    let isHolding = false;
    portals.forEach((portal) => { isHolding ||= isToBeHeld(portal); });
    if (isHolding || runner.hasCommitWork) return this.preCommitWaiting(transaction);
    listening.preCommit(transaction);
    return null;
  }

  private *preCommitWaiting(transaction: Transaction): Suspendable<void> {
    const { portals, runner, listening } = this.session;
    for (const portal of portals.values()) if (isToBeHeld(portal)) yield* portal.persist();
    yield* runner.beforeCommit();
    listening.preCommit(transaction);
  }

  ended(committed: boolean, commitLsn: Lsn): void {
    const { settings, runner, listening } = this.session;
    this.timer?.cancel();
    this.timer = null;
    settings.endLevel(1, committed);
    if (commitLsn !== INVALID_LSN) {
      this.lastCommit = commitLsn;
      const mode = confirmMode(settings.frequent.synchronous_commit);
      if (mode !== null) this.commits.add(commitLsn, mode);
    }
    runner.transactionEnded(committed);
    this.closePortals(committed);
    listening.transactionEnded(committed);
  }

  private closePortals(committed: boolean): void {
    const { portals } = this.session;
    portals.forEach((portal, name) => {
      if (portal.held) return;
      // The portal that runs the COMMIT itself is finished by whoever runs it.
      if (committed && portal.state === 'active') return;
      portal.close();
      portals.delete(name);
    });
  }

  savepointBegan(): number {
    this.session.runner.savepointBegan();
    return this.session.settings.beginLevel();
  }

  savepointEnded(level: number, kept: boolean): void {
    const { session } = this;
    session.settings.endLevel(level, kept);
    session.runner.savepointEnded(kept);
    for (const [name, portal] of session.portals) {
      if (portal.held || portal.depth < level) continue;
      if (kept) portal.depth = level - 1;
      else session.dropPortal(name);
    }
  }

  rolledBackTo(savepoint: NamedSavepoint): void {
    const { session } = this;
    session.catalog.afterRollbackToSavepoint();
    session.runner.rolledBackTo();
    for (const [name, portal] of session.portals) if (!portal.held && portal.depth > savepoint.level) session.dropPortal(name);
  }

  /** Lets answers leave once the session's commits are acknowledged: see `CommitGate`. */
  tryPassCommits(opened: () => void): boolean {
    return this.commits.tryPass(opened);
  }
}

/** A holdable cursor whose rows are not kept yet. */
function isToBeHeld({ cursor, held, state }: Portal): boolean {
  return cursor?.hold === true && !held && state !== 'failed';
}
