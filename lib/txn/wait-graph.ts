/**
 * Who waits for whom: sessions that wait for heavyweight locks and sessions that wait for the end of a transaction (row
 * locks) in one graph, so that a deadlock over both is found.
 *
 * A session waits for at most one thing. Waiting for a lock, it is blocked *hard* by those who hold it in a conflicting mode and
 * *softly* by those who stand before it in the queue with a conflicting request: soft edges can be turned around by
 * reordering the queue. The search is PostgreSQL's (storage/lmgr/README, "The Deadlock Detection Algorithm"): a
 * cycle of hard edges only is a deadlock; for every other cycle, turning one of its soft edges is tried.
 */
import { pgError, type PgError } from '../base/error.js';
import { CONFLICTS, describeTarget, LOCK_MODES, type LockTarget } from './lock-modes.js';

/** A session as an owner of locks; in messages, the "process" of its id. */
export class LockOwner {
  /** What it waits for now. */
  waiting: LockWait | TransactionWait | null = null;
  readonly holds: Hold[] = [];
  constructor(readonly sessionId: number) {}
}

/** What one owner holds of one lock. */
export class Hold {
  /** Modes held by the owner's transaction. */
  transactionMask = 0;
  /** Modes held by the session beyond transactions, and how often. */
  sessionMask = 0;
  sessionCounts: Uint32Array | null = null;
  /** The transaction behind `transactionMask`. */
  virtualId = 0;
  constructor(
    readonly owner: LockOwner,
    readonly lock: Lock,
    /** Its place in the lock's holds. */
    public place: number,
  ) {}
  get mask(): number {
    return this.transactionMask | this.sessionMask;
  }
}

/** One lockable thing while somebody has to do with it. */
export class Lock {
  /** In no order: a hot table's lock has one for each session, which comes and goes with every transaction. */
  readonly holds: Hold[] = [];
  /** How many owners hold each mode, and the modes with a count. */
  readonly counts = new Uint32Array(LOCK_MODES.length);
  grantedMask = 0;
  queue: LockWait[] = [];
  constructor(readonly target: LockTarget, readonly key: string | null) {}

  /** A hold of nothing yet. */
  addHold(owner: LockOwner): Hold {
    const hold = new Hold(owner, this, this.holds.length);
    this.holds.push(hold);
    owner.holds.push(hold);
    return hold;
  }

  removeHold(hold: Hold): void {
    const { holds } = this;
    const last = holds[holds.length - 1];
    holds[hold.place] = last;
    last.place = hold.place;
    holds.pop();
    removeFrom(hold.owner.holds, hold);
  }

  /** Whether somebody else than `owner` holds a mode that conflicts with `mode`. */
  conflictsFor(owner: LockOwner, mode: number): boolean {
    const conflicts = CONFLICTS[mode];
    if ((this.grantedMask & conflicts) === 0) return false;
    return this.holds.some((hold) => hold.owner !== owner && (hold.mask & conflicts) !== 0);
  }
}

/** Takes the item out of a short list. */
export function removeFrom<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index < 0) return;
  for (let at = index + 1; at < list.length; at++) list[at - 1] = list[at];
  list.pop();
}

/** A request in a lock's queue. */
export class LockWait {
  granted = false;
  /** Looks for a deadlock that it is part of: set while it sleeps. */
  look: () => void = () => undefined;
  constructor(
    readonly owner: LockOwner,
    readonly lock: Lock,
    readonly mode: number,
    /** The transaction it is for; null: for the session. */
    readonly virtualId: number | null,
    /** Lets the waiter go on. */
    readonly wake: () => void,
  ) {}
  describe(): string {
    return `${LOCK_MODES[this.mode]}Lock on ${describeTarget(this.lock.target)}`;
  }
}

/** A row that transactions stand in line for. */
export interface WantedRow {
  readonly file: number;
  readonly rowId: number;
  /** Wanted so that any writer of the row is in the way (all strengths but KEY SHARE). */
  readonly isExclusive: boolean;
}

/** A transaction's place at the row that it waited for last. */
export interface RowTurn {
  readonly row: WantedRow;
  readonly ticket: number;
  /** It has the row now, in a strength that keeps writers out. */
  taken: boolean;
}

/** Whether two who wait want the same row. */
export function sameRow(a: WantedRow | null, b: WantedRow | null): boolean {
  return a !== null && b !== null && a.rowId === b.rowId && a.file === b.file;
}

/** A transaction that others may wait for. */
export interface AwaitedTransaction {
  readonly virtualId: number;
  readonly xid: number;
  /** Somebody waits, or has waited, for its end. */
  isAwaited: boolean;
}

/** A transaction that waits for another one. */
export interface WaitingTransaction extends AwaitedTransaction {
  readonly sessionId: number;
  readonly state: 'active' | 'committed' | 'aborted';
  /** Its place among those who wait for a row, kept while it comes back to wait for the same row. */
  rowTurn: RowTurn | null;
}

/** Those who wait for the same transaction because of the same row (or of none), in order of their tickets. */
export class WaitList {
  private readonly waits: TransactionWait[] = [];
  /** How many of them want the row so that they can share it with a writer. */
  private sharing = 0;

  constructor(
    /** The row that it is about; null: the transaction itself is waited for. */
    readonly row: WantedRow | null,
    /** Whose end they wait for, ... */
    public blocker: AwaitedTransaction,
    /** ... and whose session it is of. */
    public blockerOwner: LockOwner,
  ) {
    blocker.isAwaited = true;
  }

  /** From now on they wait for this one. */
  follow(blocker: AwaitedTransaction, owner: LockOwner): void {
    this.blocker = blocker;
    this.blockerOwner = owner;
    blocker.isAwaited = true;
  }

  get isEmpty(): boolean {
    return this.waits.length === 0;
  }

  add(wait: TransactionWait): void {
    const { waits } = this;
    // Who comes anew stands last, who comes back first.
    let at = waits.length > 0 && wait.ticket < waits[0].ticket ? 0 : waits.length;
    while (at > 0 && waits[at - 1].ticket > wait.ticket) at--;
    waits.splice(at, 0, wait);
    wait.list = this;
    if (wait.canShare) this.sharing++;
  }

  /** Takes over who stands in the other list. */
  takeOver(other: WaitList): void {
    for (let wait = other.shift(); wait !== undefined; wait = other.shift()) this.add(wait);
  }

  remove(wait: TransactionWait): void {
    const at = this.waits.indexOf(wait);
    if (at < 0) return;
    this.waits.splice(at, 1);
    if (wait.canShare) this.sharing--;
  }

  /** Takes the first one. */
  shift(): TransactionWait | undefined {
    const wait = this.waits.shift();
    if (wait?.canShare === true) this.sharing--;
    return wait;
  }

  /** Takes those who can share the row with a writer; null when there are none. */
  takeSharing(): WaitList | null {
    if (this.sharing === 0) return null;
    const taken = new WaitList(this.row, this.blocker, this.blockerOwner);
    for (const wait of [...this.waits]) {
      if (!wait.canShare) continue;
      this.remove(wait);
      taken.add(wait);
    }
    return taken;
  }
}

/** A session waiting for another session's transaction to end. */
export class TransactionWait {
  granted = false;
  /** Looks for a deadlock that it is part of: set while it sleeps. */
  look: () => void = () => undefined;
  /** Where it stands; says whose end it waits for. */
  list!: WaitList;
  constructor(
    readonly owner: LockOwner,
    /** The transaction that waits. */
    readonly waiter: WaitingTransaction,
    readonly wake: () => void,
    /** The row that it wants; null: the transaction itself is waited for. */
    readonly row: WantedRow | null,
    /** Order of arrival at the row. */
    readonly ticket: number,
  ) {}
  /** A writer of the row is not in its way for good. */
  get canShare(): boolean {
    return this.row?.isExclusive === false;
  }
  /** Whose end it waits for. */
  get blocker(): LockOwner {
    return this.list.blockerOwner;
  }
  describe(): string {
    return `ShareLock on transaction ${this.list.blocker.xid}`;
  }
}

/** `waiter` stands behind `blocker` in a queue; as a constraint: is to stand before it. */
interface SoftEdge {
  readonly waiter: LockWait;
  readonly blocker: LockWait;
}

/** A cycle: the waits along it, and the soft edges among its edges. */
interface Cycle {
  readonly waits: readonly (LockWait | TransactionWait)[];
  readonly softEdges: readonly SoftEdge[];
}

/** Queues as they would be. */
type Orders = ReadonlyMap<Lock, readonly LockWait[]>;

/**
 * Looks for a deadlock that `start`, which waits, is part of. Returns the error if there is one. Where reordering
 * queues avoids it, reorders them and returns the locks to wake waiters of.
 */
export function checkDeadlock(start: LockOwner): PgError | readonly Lock[] {
  const orders = solve(start, []);
  if (orders === null) {
    const cycle = findCycle(start, new Map());
    return deadlockError(cycle === null ? [] : cycle.waits);
  }
  for (const [lock, queue] of orders) lock.queue = [...queue];
  return [...orders.keys()];
}

/** PostgreSQL's 40P01 for a cycle of waits, each blocked by the next. */
export function deadlockError(waits: readonly (LockWait | TransactionWait)[]): PgError {
  const lines = waits.map((wait, index) => {
    const next = waits[(index + 1) % waits.length];
    return `Process ${wait.owner.sessionId} waits for ${wait.describe()}; blocked by process ${next.owner.sessionId}.`;
  });
  return pgError('T_R_DEADLOCK_DETECTED', 'deadlock detected', { detail: lines.join('\n'), hint: 'See server log for query details.' });
}

/** Queue orders without any cycle under the constraints, or null when there are none. */
function solve(start: LockOwner, constraints: readonly SoftEdge[]): Orders | null {
  const orders = reorder(constraints);
  if (orders === null) return null;
  const owners = new Set([start]);
  for (const edge of constraints) owners.add(edge.waiter.owner).add(edge.blocker.owner);
  for (const owner of owners) {
    const cycle = findCycle(owner, orders);
    if (cycle === null) continue;
    // The edge furthest from the start comes first, as PostgreSQL collects them on the way back.
    for (const edge of cycle.softEdges.toReversed()) {
      const solved = solve(start, [...constraints, edge]);
      if (solved !== null) return solved;
    }
    return null;
  }
  return orders;
}

/** Sorts the queues that the constraints touch, changing as little as possible from the back; null when they contradict. */
function reorder(constraints: readonly SoftEdge[]): Orders | null {
  const orders = new Map<Lock, readonly LockWait[]>();
  for (const lock of new Set(constraints.map((edge) => edge.waiter.lock))) {
    const remaining = [...lock.queue];
    const sorted: LockWait[] = [];
    while (remaining.length > 0) {
      const last = remaining.findLastIndex((wait) => !constraints.some((edge) => edge.waiter === wait && remaining.includes(edge.blocker)));
      if (last < 0) return null;
      sorted.unshift(...remaining.splice(last, 1));
    }
    orders.set(lock, sorted);
  }
  return orders;
}

/** A cycle through `start`, hard edges tried first; null when there is none. */
function findCycle(start: LockOwner, orders: Orders): Cycle | null {
  const visited = new Set<LockOwner>();
  const waits: (LockWait | TransactionWait)[] = [];
  const softEdges: SoftEdge[] = [];

  const visit = (owner: LockOwner): boolean => {
    if (visited.has(owner)) return owner === start && waits.length > 0;
    visited.add(owner);
    const wait = owner.waiting;
    if (wait === null || wait.granted) return false;
    waits.push(wait);
    if (wait instanceof TransactionWait) {
      if (visit(wait.blocker)) return true;
    } else if (visitHolders(wait) || visitQueue(wait)) return true;
    waits.pop();
    return false;
  };
  const visitHolders = (wait: LockWait): boolean => wait.lock.holds.some((hold) =>
    hold.owner !== wait.owner && (hold.mask & CONFLICTS[wait.mode]) !== 0 && visit(hold.owner));
  const visitQueue = (wait: LockWait): boolean => {
    for (const ahead of orders.get(wait.lock) ?? wait.lock.queue) {
      if (ahead === wait) return false;
      if ((CONFLICTS[wait.mode] & (1 << ahead.mode)) === 0 || ahead.owner === wait.owner) continue;
      softEdges.push({ waiter: wait, blocker: ahead });
      if (visit(ahead.owner)) return true;
      softEdges.pop();
    }
    return false;
  };
  return visit(start) ? { waits, softEdges } : null;
}
