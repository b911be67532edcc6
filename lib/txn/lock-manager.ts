/**
 * Heavyweight locks: relations, database objects, advisory keys; and waiting for a transaction to end. Fair queues (a
 * request stands behind conflicting requests that came before it, unless its owner already holds what those wait for),
 * transaction and session ownership, savepoints, deadlock detection (`wait-graph.ts`), lock_timeout and cancel.
 * Semantics follow PostgreSQL's storage/lmgr (lock.c, proc.c).
 *
 * The fast path (a mode that conflicts with nothing granted or awaited, or is held already) creates no generator, no
 * promise and at most one small object: 0.1 µs or so. A lock object of a relation stays when nobody holds it, since hot
 * tables are locked again at once; free ones are swept when there are many.
 */
import { assert } from '../base/assert.js';
import { PgError, pgError } from '../base/error.js';
import { PassingMap } from '../base/passing-map.js';
import { Suspend, type Suspendable, type WaitSignal } from '../base/suspend.js';
import type { Clock, TimerHandle, Timers } from '../env/env.js';
import { DeadlockWatch, type Watched } from './deadlock-watch.js';
import { CONFLICTS, LOCK_MODES, MODE_NUMBER, type LockMode, type LockTarget, type RelationTarget } from './lock-modes.js';
import { TransactionWaits } from './transaction-waits.js';
import { checkDeadlock, deadlockError, Lock, LockOwner, LockWait, removeFrom, sameRow, TransactionWait, type AwaitedTransaction, type Hold, type WaitingTransaction, type WantedRow } from './wait-graph.js';

/** A transaction as the lock manager sees it. */
export interface LockingTransaction extends AwaitedTransaction {
  readonly sessionId: number;
  readonly state: 'active' | 'committed' | 'aborted';
}

/** Limits of one wait. */
export interface LockWaitOptions {
  /** lock_timeout in milliseconds; 0 = none. */
  readonly timeoutMs: number;
  /** Cancels the wait with the signal's reason (a PgError). */
  readonly signal: WaitSignal | null;
  /** CONTEXT line of errors raised by the wait. */
  readonly context?: string | (() => string);
  /** deadlock_timeout: look for a deadlock after so long; absent: at once, so that whoever closes the cycle fails. */
  readonly deadlockTimeoutMs?: number;
  /** The waiter is replay, which nothing undoes: at that time those who hold what it waits for look, and fail where they are part of one. */
  readonly neverVictim?: boolean;
  /** The row that a transaction is waited for: all who wait for the same row are woken one after the other. */
  readonly row?: WantedRow;
}

/** An entry of pg_locks. */
export interface LockListing {
  tag: LockTarget;
  mode: LockMode;
  granted: boolean;
  virtualId: number;
  sessionId: number;
}

/** What one transaction holds, in order of taking: (hold, mode) pairs. */
class TransactionHolds {
  readonly holds: Hold[] = [];
  readonly modes: number[] = [];
  constructor(readonly transaction: LockingTransaction, readonly owner: LockOwner) {}
  get virtualId(): number {
    return this.transaction.virtualId;
  }
}

function* nothing(): Suspendable<void> {
  // A computation that is over: what `lock` returns when it did not have to wait.
}
const FINISHED = nothing();
FINISHED.next();

const MOST_FREE_LOCKS = 4096;

/** See `LockManager` in the storage contract. */
export class HeavyweightLocks {
  private readonly relations = new Map<number, Map<number, Lock>>();
  private readonly others = new Map<string, Lock>();
  private relationCount = 0;
  private readonly owners = new Map<number, LockOwner>();
  private readonly transactions = new PassingMap<TransactionHolds>();
  private lastTransaction: TransactionHolds | null = null;
  /** Who waits for the end of a transaction, by virtual id. */
  private readonly endWaits: TransactionWaits;
  private readonly deadlocks: DeadlockWatch;
  private lastTicket = 0;

  constructor(private readonly timers: Timers, clock: Clock) {
    this.endWaits = new TransactionWaits(timers);
    this.deadlocks = new DeadlockWatch(timers, clock);
  }

  /** Takes the lock for the transaction if it is free; false when it is not. */
  tryLock(transaction: LockingTransaction, tag: LockTarget, mode: LockMode): boolean {
    const holds = this.holdsOf(transaction);
    return this.tryGrant(holds.owner, this.lockOf(tag), MODE_NUMBER[mode], holds, true) === true;
  }

  /** Takes the lock for the transaction, waiting. Throws 40P01, 55P03, or the signal's reason. */
  lock(transaction: LockingTransaction, tag: LockTarget, mode: LockMode, wait: LockWaitOptions): Suspendable<void> {
    const holds = this.holdsOf(transaction);
    return this.acquire(holds.owner, this.lockOf(tag), MODE_NUMBER[mode], holds, wait);
  }

  /** Takes the lock for the session if it is free; each success needs an `unlockSession`. */
  tryLockSession(session: { readonly sessionId: number }, _transaction: LockingTransaction | null, tag: LockTarget, mode: LockMode): boolean {
    return this.tryGrant(this.ownerOf(session.sessionId), this.lockOf(tag), MODE_NUMBER[mode], null, true) === true;
  }

  /** Takes the lock for the session, waiting. */
  lockSession(session: { readonly sessionId: number }, _transaction: LockingTransaction | null, tag: LockTarget, mode: LockMode, wait: LockWaitOptions): Suspendable<void> {
    return this.acquire(this.ownerOf(session.sessionId), this.lockOf(tag), MODE_NUMBER[mode], null, wait);
  }

  /** Releases one hold of the session; false when it has none. */
  unlockSession(session: { readonly sessionId: number }, tag: LockTarget, mode: LockMode): boolean {
    const hold = this.owners.get(session.sessionId)?.holds.find((candidate) => candidate.lock === this.lockOf(tag));
    const number = MODE_NUMBER[mode];
    if (!hold?.sessionCounts || hold.sessionCounts[number] === 0) {
      this.forgetIfFree(this.lockOf(tag));
      return false;
    }
    if (--hold.sessionCounts[number] === 0) this.drop(hold, 0, 1 << number);
    return true;
  }

  /** Releases everything that the session holds beyond transactions; called at its end. */
  unlockAllSession(session: { readonly sessionId: number }): void {
    const owner = this.owners.get(session.sessionId);
    if (!owner) return;
    for (const hold of [...owner.holds]) {
      hold.sessionCounts = null;
      if (hold.sessionMask !== 0) this.drop(hold, 0, hold.sessionMask);
    }
    if (owner.holds.length === 0 && owner.waiting === null) this.owners.delete(session.sessionId);
  }

  /** The relations that the transaction holds in AccessExclusive mode; null when there are none. */
  exclusiveRelations(transaction: LockingTransaction): RelationTarget[] | null {
    const taken = this.transactions.get(transaction.virtualId);
    if (!taken) return null;
    let found: RelationTarget[] | null = null;
    for (let index = 0; index < taken.modes.length; index++) {
      if (taken.modes[index] !== MODE_NUMBER.AccessExclusive) continue;
      const { target } = taken.holds[index].lock;
      if (target.kind === 'relation') (found ??= []).push(target);
    }
    return found;
  }

  /** A mark for `releaseAfter`: how many locks the transaction has taken. */
  mark(transaction: LockingTransaction): number {
    return this.transactions.get(transaction.virtualId)?.holds.length ?? 0;
  }

  /** Releases what the transaction took since the mark (a savepoint's rollback). */
  releaseAfter(transaction: LockingTransaction, mark: number): void {
    const taken = this.transactions.get(transaction.virtualId);
    if (!taken) return;
    while (taken.holds.length > mark) {
      const hold = taken.holds.pop();
      const mode = taken.modes.pop();
      if (hold && mode !== undefined) this.drop(hold, 1 << mode, 0);
    }
  }

  /** Releases everything at the transaction's end, and wakes whoever waits for it. */
  releaseAll(transaction: LockingTransaction): void {
    const { virtualId } = transaction;
    const taken = this.transactions.get(virtualId);
    if (taken) {
      for (const hold of taken.holds) if (hold.transactionMask !== 0) this.drop(hold, hold.transactionMask, 0);
      this.transactions.delete(virtualId);
      if (this.lastTransaction === taken) this.lastTransaction = null;
    }
    this.endWaits.wake(virtualId);
  }

  /** Wakes whoever waits for the transaction, which rolled back to a savepoint: what they wait for may be gone with it. */
  wakeWaiters(virtualId: number): void {
    this.endWaits.wake(virtualId);
  }

  /** Waits until `other` has ended or has rolled back to a savepoint; returns at once when it has ended. Throws 40P01, 55P03, or the signal's reason. */
  waitForTransaction(waiter: WaitingTransaction, other: LockingTransaction, limits: LockWaitOptions): Suspendable<void> {
    if (other.state !== 'active') return FINISHED;
    return this.sleepForTransaction(waiter, other, limits);
  }

  /**
   * Waits until every transaction that holds the lock now in a mode that conflicts with this one has ended, without taking it
   * (lmgr.c, WaitForLockers): those that come later know what was committed before. Throws as `lock` does.
   */
  *waitForHolders(waiter: WaitingTransaction, tag: LockTarget, mode: LockMode, limits: LockWaitOptions): Suspendable<void> {
    const conflicts = CONFLICTS[MODE_NUMBER[mode]];
    const holders: LockingTransaction[] = [];
    for (const hold of this.lockOf(tag).holds) {
      if (hold.owner.sessionId === waiter.sessionId || (hold.transactionMask & conflicts) === 0) continue;
      const holder = this.transactions.get(hold.virtualId)?.transaction;
      if (holder !== undefined) holders.push(holder);
    }
    // A rollback to a savepoint wakes, too.
    for (const holder of holders) while (holder.state === 'active') yield* this.waitForTransaction(waiter, holder, limits);
  }

  /** Every lock held or awaited, for pg_locks. */
  *list(): IterableIterator<LockListing> {
    for (const lock of this.allLocks()) {
      for (const hold of lock.holds) {
        for (let mode = 0; mode < LOCK_MODES.length; mode++) {
          if ((hold.mask & (1 << mode)) === 0) continue;
          yield { tag: lock.target, mode: LOCK_MODES[mode], granted: true, virtualId: hold.virtualId, sessionId: hold.owner.sessionId };
        }
      }
      for (const wait of lock.queue) {
        yield { tag: lock.target, mode: LOCK_MODES[wait.mode], granted: false, virtualId: wait.virtualId ?? 0, sessionId: wait.owner.sessionId };
      }
    }
  }

  /** The sessions that block a session now (pg_blocking_pids). */
  blockers(sessionId: number): number[] {
    const wait = this.owners.get(sessionId)?.waiting;
    if (!wait || wait.granted) return [];
    if (wait instanceof TransactionWait) return [wait.blocker.sessionId];
    const conflicts = CONFLICTS[wait.mode];
    const found = wait.lock.holds.filter((hold) => hold.owner !== wait.owner && (hold.mask & conflicts) !== 0).map((hold) => hold.owner.sessionId);
    for (const ahead of wait.lock.queue) {
      if (ahead === wait) break;
      if ((conflicts & (1 << ahead.mode)) !== 0) found.push(ahead.owner.sessionId);
    }
    return [...new Set(found)];
  }

  private *allLocks(): IterableIterator<Lock> {
    for (const relations of this.relations.values()) yield* relations.values();
    yield* this.others.values();
  }

  private ownerOf(sessionId: number): LockOwner {
    let owner = this.owners.get(sessionId);
    if (!owner) this.owners.set(sessionId, (owner = new LockOwner(sessionId)));
    return owner;
  }

  private holdsOf(transaction: LockingTransaction): TransactionHolds {
    const last = this.lastTransaction;
    if (last !== null && last.virtualId === transaction.virtualId) return last;
    let holds = this.transactions.get(transaction.virtualId);
    if (!holds) {
      assert(transaction.state === 'active', 'a transaction that has ended takes no locks');
      holds = new TransactionHolds(transaction, this.ownerOf(transaction.sessionId));
      this.transactions.set(transaction.virtualId, holds);
    }
    return (this.lastTransaction = holds);
  }

  private lockOf(tag: LockTarget): Lock {
    if (tag.kind === 'relation') {
      let relations = this.relations.get(tag.database);
      if (!relations) this.relations.set(tag.database, (relations = new Map<number, Lock>()));
      let lock = relations.get(tag.relation);
      if (!lock) {
        if (this.relationCount >= MOST_FREE_LOCKS) this.sweep();
        relations.set(tag.relation, (lock = new Lock({ ...tag }, null)));
        this.relationCount++;
      }
      return lock;
    }
    const key = tag.kind === 'object' ? `${tag.database}/${tag.classId}/${tag.objectId}` : `${tag.database}:${tag.key}`;
    let lock = this.others.get(key);
    if (!lock) this.others.set(key, (lock = new Lock({ ...tag }, key)));
    return lock;
  }

  /** Forgets the relations' locks that nobody has to do with. */
  private sweep(): void {
    for (const [database, relations] of this.relations) {
      for (const [relation, lock] of relations) {
        if (lock.holds.length > 0 || lock.queue.length > 0) continue;
        relations.delete(relation);
        this.relationCount--;
      }
      if (relations.size === 0) this.relations.delete(database);
    }
  }

  private forgetIfFree(lock: Lock): void {
    if (lock.key !== null && lock.holds.length === 0 && lock.queue.length === 0) this.others.delete(lock.key);
  }

  /**
   * Grants the lock if it is free for the owner. Otherwise returns false, or the position in the queue where the request
   * belongs when it is not the end. Throws 40P01 when queueing would deadlock at once.
   */
  private tryGrant(owner: LockOwner, lock: Lock, mode: number, taken: TransactionHolds | null, noWait: boolean): true | number {
    const own = findHold(owner, lock);
    if (own !== null && taken !== null && (own.transactionMask & (1 << mode)) !== 0) return true;
    const { queue } = lock;
    const heldAlready = own !== null && (own.mask & (1 << mode)) !== 0;
    const behindQueue = queue.length > 0 && !heldAlready && queue.some((wait) => (CONFLICTS[mode] & (1 << wait.mode)) !== 0);
    if (heldAlready || (!behindQueue && !lock.conflictsFor(owner, mode))) {
      this.grant(owner, lock, mode, taken, own);
      return true;
    }
    if (own === null || queue.length === 0) return this.refuse(lock, queue.length, noWait);
    return this.placeBefore(owner, own, lock, mode, taken, noWait);
  }

  private refuse(lock: Lock, position: number, noWait: boolean): number {
    if (noWait) this.forgetIfFree(lock);
    return position;
  }

  /** The place of a request whose owner holds the lock in another mode: before the first waiter that must wait for the owner. */
  private placeBefore(owner: LockOwner, own: Hold, lock: Lock, mode: number, taken: TransactionHolds | null, noWait: boolean): true | number {
    let ahead = 0;
    for (let position = 0; position < lock.queue.length; position++) {
      const wait = lock.queue[position];
      if ((CONFLICTS[wait.mode] & own.mask) !== 0) {
        const his = findHold(wait.owner, lock);
        if (his !== null && (CONFLICTS[mode] & his.mask) !== 0 && !noWait) {
          throw deadlockError([new LockWait(owner, lock, mode, null, () => undefined), wait]);
        }
        if ((CONFLICTS[mode] & ahead) === 0 && !lock.conflictsFor(owner, mode)) {
          this.grant(owner, lock, mode, taken, own);
          return true;
        }
        return position;
      }
      ahead |= 1 << wait.mode;
    }
    return lock.queue.length;
  }

  private grant(owner: LockOwner, lock: Lock, mode: number, taken: TransactionHolds | null, own: Hold | null): void {
    const hold = own ?? lock.addHold(owner);
    const bit = 1 << mode;
    if ((hold.mask & bit) === 0) {
      lock.counts[mode]++;
      lock.grantedMask |= bit;
    }
    if (taken !== null) {
      if ((hold.transactionMask & bit) !== 0) return;
      hold.transactionMask |= bit;
      hold.virtualId = taken.virtualId;
      taken.holds.push(hold);
      taken.modes.push(mode);
    } else {
      hold.sessionMask |= bit;
      (hold.sessionCounts ??= new Uint32Array(LOCK_MODES.length))[mode]++;
    }
  }

  /** Takes modes away from a hold, and grants the lock to those who can have it now. */
  private drop(hold: Hold, transactionBits: number, sessionBits: number): void {
    const { lock } = hold;
    const before = hold.mask;
    hold.transactionMask &= ~transactionBits;
    hold.sessionMask &= ~sessionBits;
    if (hold.transactionMask === 0) hold.virtualId = 0;
    const gone = before & ~hold.mask;
    for (let mode = 0; mode < LOCK_MODES.length; mode++) {
      if ((gone & (1 << mode)) !== 0 && --lock.counts[mode] === 0) lock.grantedMask &= ~(1 << mode);
    }
    if (hold.mask === 0) lock.removeHold(hold);
    if (lock.queue.length > 0) this.wakeQueue(lock);
    this.forgetIfFree(lock);
  }

  /** Grants, in order, the requests that conflict neither with what is held nor with requests before them. */
  private wakeQueue(lock: Lock): void {
    let ahead = 0;
    for (const wait of [...lock.queue]) {
      if ((CONFLICTS[wait.mode] & ahead) !== 0 || lock.conflictsFor(wait.owner, wait.mode)) {
        ahead |= 1 << wait.mode;
        continue;
      }
      removeFrom(lock.queue, wait);
      const taken = wait.virtualId === null ? null : this.transactions.get(wait.virtualId) ?? null;
      this.grant(wait.owner, lock, wait.mode, taken, findHold(wait.owner, lock));
      wait.granted = true;
      wait.owner.waiting = null;
      wait.wake();
    }
  }

  private acquire(owner: LockOwner, lock: Lock, mode: number, taken: TransactionHolds | null, limits: LockWaitOptions): Suspendable<void> {
    const outcome = this.tryGrant(owner, lock, mode, taken, false);
    return outcome === true ? FINISHED : this.sleepForLock(owner, lock, mode, taken, outcome, limits);
  }

  private sleepForLock(owner: LockOwner, lock: Lock, mode: number, taken: TransactionHolds | null, position: number, limits: LockWaitOptions): Suspendable<void> {
    const sleep = new Sleep();
    const wait = new LockWait(owner, lock, mode, taken === null ? null : taken.virtualId, sleep.wake);
    lock.queue.splice(Math.min(position, lock.queue.length), 0, wait);
    return this.sleep(wait, sleep, limits, () => {
      removeFrom(lock.queue, wait);
      this.wakeQueue(lock);
      this.forgetIfFree(lock);
    });
  }

  private sleepForTransaction(waiter: WaitingTransaction, other: LockingTransaction, limits: LockWaitOptions): Suspendable<void> {
    const sleep = new Sleep();
    const { owner } = this.holdsOf(waiter);
    const row = limits.row ?? null;
    const turn = waiter.rowTurn;
    const ticket = turn !== null && sameRow(turn.row, row) ? turn.ticket : ++this.lastTicket;
    const wait = new TransactionWait(owner, waiter, sleep.wake, row, ticket);
    this.endWaits.add(other, this.holdsOf(other).owner, wait);
    return this.sleep(wait, sleep, limits, () => wait.list.remove(wait));
  }

  /** Sleeps until the wait is granted; on any other end undoes it by `leave`. */
  private *sleep(wait: LockWait | TransactionWait, sleep: Sleep, limits: LockWaitOptions, leave: () => void): Suspendable<void> {
    const { owner } = wait;
    assert(owner.waiting === null, 'a session waits for one thing at a time');
    owner.waiting = wait;
    const { signal } = limits;
    let timer: TimerHandle | null = null;
    let watched: Watched | null = null;
    const onAbort = (): void => sleep.fail(signal?.reason);
    try {
      if (signal !== null) {
        if (signal.aborted) throw signal.reason;
        signal.addEventListener('abort', onAbort);
      }
      if (limits.timeoutMs > 0) {
        timer = this.timers.after(limits.timeoutMs, () => sleep.fail(pgError('LOCK_NOT_AVAILABLE', 'canceling statement due to lock timeout')));
      }
      wait.look = () => this.resolveDeadlock(wait, sleep);
      const look = limits.neverVictim === true ? () => letHoldersLook(wait) : wait.look;
      if (limits.deadlockTimeoutMs === undefined) look();
      else watched = this.deadlocks.add(limits.deadlockTimeoutMs, look);
      if (!wait.granted) yield new Suspend(sleep.until);
      else sleep.until.catch(() => undefined);
    } catch (error) {
      if (!wait.granted) {
        if (error instanceof PgError && limits.context !== undefined) error.where ??= typeof limits.context === 'string' ? limits.context : limits.context();
        throw error;
      }
    } finally {
      timer?.cancel();
      if (watched !== null) this.deadlocks.remove(watched);
      signal?.removeEventListener('abort', onAbort);
      if (owner.waiting === wait) owner.waiting = null;
      if (!wait.granted) leave();
    }
  }

  private resolveDeadlock(wait: LockWait | TransactionWait, sleep: Sleep): void {
    if (wait.granted || wait.owner.waiting !== wait) return;
    const found = checkDeadlock(wait.owner);
    if (found instanceof PgError) sleep.fail(found);
    else for (const lock of found) this.wakeQueue(lock);
  }
}

/** PostgreSQL's startup process asks the holders of a lock to look for a deadlock once it has waited for a while: who waits looks once only. */
function letHoldersLook(wait: LockWait | TransactionWait): void {
  if (wait.granted || !(wait instanceof LockWait)) return;
  for (const { owner, mask } of [...wait.lock.holds]) if (owner !== wait.owner && (mask & CONFLICTS[wait.mode]) !== 0) owner.waiting?.look();
}

/** The promise that a sleeper waits on, with its two ends. */
class Sleep {
  readonly until: Promise<void>;
  wake: () => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;
  constructor() {
    this.until = new Promise((resolve, reject) => {
      this.wake = resolve;
      this.fail = reject;
    });
  }
}

function findHold(owner: LockOwner, lock: Lock): Hold | null {
  const list = owner.holds.length <= lock.holds.length ? owner.holds : lock.holds;
  for (let index = 0; index < list.length; index++) {
    const hold = list[index];
    if (hold.lock === lock && hold.owner === owner) return hold;
  }
  return null;
}
