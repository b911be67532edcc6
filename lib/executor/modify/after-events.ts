/**
 * What happens after a row was changed: foreign-key checks and actions, deferrable uniqueness, AFTER triggers. Immediate
 * events run at the end of their statement, deferred ones at commit or at SET CONSTRAINTS ... IMMEDIATE.
 *
 * One queue per transaction, kept by the session. Idea: PostgreSQL's AfterTriggerEvents (trigger.c).
 */
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { withSnapshot, type ExecutionContext } from '../context.js';

/** One thing to be done. */
export interface AfterEvent {
  /** The constraint whose mode decides when; 0 for ordinary triggers. */
  readonly constraint: Oid;
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  /** Runs it, in a context whose snapshot sees everything done so far. */
  run(context: ExecutionContext): Suspendable<void>;
}

/** A place in the queue that a savepoint remembers. */
export interface AfterEventMark {
  readonly deferred: number;
  readonly modes: ReadonlyMap<Oid, boolean>;
  readonly allDeferred: boolean | null;
  readonly levels: number;
}

/** The events of one transaction. */
export class AfterEventQueue {
  private readonly levels: AfterEvent[][] = [];
  private deferred: AfterEvent[] = [];
  /** SET CONSTRAINTS by constraint (true: deferred), and for ALL. */
  private modes = new Map<Oid, boolean>();
  private allDeferred: boolean | null = null;

  get hasDeferred(): boolean {
    return this.deferred.length > 0;
  }

  /** A statement begins; its events are kept apart from those of the statement around it. */
  beginStatement(): void {
    this.levels.push([]);
  }

  add(event: AfterEvent): void {
    const level = this.levels.at(-1);
    if (level === undefined) this.deferred.push(event);
    else level.push(event);
  }

  private isDeferred(event: AfterEvent): boolean {
    if (!event.deferrable) return false;
    return this.modes.get(event.constraint) ?? this.allDeferred ?? event.initiallyDeferred;
  }

  /** The statement ended. False when it has events: then use `endStatement`. */
  tryEndStatement(): boolean {
    if ((this.levels.at(-1)?.length ?? 0) > 0) return false;
    this.levels.pop();
    return true;
  }

  /** The statement ended: runs its immediate events, in order, with what they cause in turn. */
  *endStatement(context: ExecutionContext): Suspendable<void> {
    const level = this.levels.at(-1);
    try {
      // Events may add events of the same level while they run.
      if (level !== undefined && level.length > 0) yield* this.runAll(level, context, false);
    } finally {
      this.levels.pop();
    }
  }

  private *runAll(events: AfterEvent[], context: ExecutionContext, force: boolean): Suspendable<void> {
    let ran = 0;
    while (ran < events.length) {
      const until = events.length;
      context.transaction.incrementCommandId();
      const current = withSnapshot(context, freshSnapshot(context));
      for (; ran < until; ran++) {
        const event = events[ran];
        if (!force && this.isDeferred(event)) {
          this.deferred.push(event);
          continue;
        }
        yield* event.run(current);
        // The next event sees what this one wrote.
        context.transaction.incrementCommandId();
      }
    }
  }

  /** The statement failed: its events are forgotten. */
  abandonStatement(): void {
    this.levels.pop();
  }

  /** Before commit (or the prepare of one): everything deferred runs, with what it causes. */
  *runDeferred(context: ExecutionContext): Suspendable<void> {
    while (this.deferred.length > 0) {
      const events = this.deferred;
      this.deferred = [];
      yield* this.runNow(events, context);
    }
  }

  private *runNow(events: AfterEvent[], context: ExecutionContext): Suspendable<void> {
    this.levels.push(events);
    try {
      yield* this.runAll(events, context, true);
    } finally {
      this.levels.pop();
    }
  }

  /** SET CONSTRAINTS: null names all. Setting to immediate runs what was deferred of these. */
  *setMode(constraints: readonly Oid[] | null, deferred: boolean, context: ExecutionContext): Suspendable<void> {
    if (constraints === null) {
      this.modes.clear();
      this.allDeferred = deferred;
    } else for (const constraint of constraints) this.modes.set(constraint, deferred);
    if (deferred) return;
    const now = this.deferred.filter((event) => !this.isDeferred(event));
    this.deferred = this.deferred.filter((event) => this.isDeferred(event));
    if (now.length > 0) yield* this.runNow(now, context);
  }

  mark(): AfterEventMark {
    return { deferred: this.deferred.length, modes: new Map(this.modes), allDeferred: this.allDeferred, levels: this.levels.length };
  }
  /** ROLLBACK TO SAVEPOINT: what was queued since is forgotten. */
  rollbackTo(mark: AfterEventMark): void {
    this.deferred.length = Math.min(this.deferred.length, mark.deferred);
    this.modes = new Map(mark.modes);
    this.allDeferred = mark.allDeferred;
    this.levels.length = Math.min(this.levels.length, mark.levels);
  }
}

/** READ COMMITTED looks at the database anew; others keep their snapshot and see their own later commands. */
export function freshSnapshot(context: ExecutionContext): ExecutionContext['snapshot'] {
  return context.isolation === 'read committed' ? context.transaction.takeSnapshot() : context.transaction.refreshCommand(context.snapshot);
}
