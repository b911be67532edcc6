/** SELECT ... FOR UPDATE and family: locks the rows of its input one by one, re-checking those that changed meanwhile. */
import { pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { LockRowsPlan, PlanRowMark } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { lockRow, markedRelation, recheck, requireReadCommitted, substitutesFor } from '../modify/row-lock.js';
import { openRelation } from '../relation-access.js';
import { createOperator } from './create.js';
import { Operator, type BatchStream } from './operator.js';

type LockMark = PlanRowMark & { readonly strength: 'keyShare' | 'share' | 'noKeyUpdate' | 'update' };

function isLock(mark: PlanRowMark): mark is LockMark {
  return mark.strength !== 'reference' && mark.strength !== 'copy';
}

/** Only tables have rows to lock (CheckValidRowMarkRel). @throws 42809 */
function checkLockable(S: ExecutionState, mark: LockMark): void {
  const rte = S.statement.rtable[mark.rti - 1];
  const relation = rte?.rtekind === 'relation' ? S.catalog.relation(rte.relid) : null;
  const kind = relation === null ? undefined : NOT_LOCKABLE[relation.kind];
  if (kind !== undefined) throw pgError('WRONG_OBJECT_TYPE', `cannot lock rows in ${kind} "${relation!.name}"`);
}
const NOT_LOCKABLE: Readonly<Record<string, string>> = { S: 'sequence', t: 'TOAST relation', m: 'materialized view' };

/** Locks rows. Delivers one at a time: a LIMIT above locks no more than it takes. */
export class LockRows extends Operator {
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, private readonly plan: LockRowsPlan) {
    super();
    for (const mark of plan.rowMarks) if (isLock(mark)) checkLockable(S, mark);
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        const locked = yield* this.lock(row);
        if (locked !== null) yield [locked];
      }
    }
  }

  /** The row to deliver: the input row, its newest form after a re-check, or null to leave it out. */
  private *lock(row: Row): Suspendable<Row | null> {
    const { S, plan } = this;
    let current = row;
    for (const mark of plan.rowMarks) {
      if (!isLock(mark)) continue;
      const rowId = current[mark.rowIdColumn - 1] as number | null;
      if (rowId === null) continue;
      const relid = markedRelation(mark, current);
      if (relid === null) continue;
      const relation = openRelation(S.catalog, relid);
      const heap = relation.openHeap();
      let { snapshot } = S;
      for (;;) {
        const outcome = yield* lockRow(S, heap, relation.name, rowId, mark.strength, mark.waitPolicy, snapshot);
        if (outcome.kind === 'locked') break;
        if (outcome.kind !== 'changed') return null;
        requireReadCommitted(S, outcome.values);
        if (outcome.values === null) return null;
        const again = yield* recheck(S, plan.child, substitutesFor(S, plan.rowMarks, current, mark.rti, { row: outcome.values, rowId, relid }));
        if (again === null) return null;
        current = again;
        snapshot = S.context.transaction.catalogSnapshot();
      }
    }
    return current;
  }
}
