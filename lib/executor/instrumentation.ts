/** EXPLAIN ANALYZE: counts rows and measures time, blocks and log of a node, its children's included. */
import { Suspend } from '../base/suspend.js';
import type { Plan } from '../planner/plan-nodes.js';
import type { ExecutionState, Instrumentation, NodeInstrumentation } from './context.js';
import { Operator, type BatchStream } from './operators/operator.js';
import { addUsage, noUsage, usageNow } from './usage.js';

/** A node not measured yet. */
export function newMeasurement(): NodeInstrumentation {
  return { loops: 0, rows: 0, startupMs: 0, totalMs: 0, filtered: 0, usage: noUsage() };
}

/** An operator that is measured. Time spent suspended counts for nobody. */
export class Instrumented extends Operator {
  private readonly measured: NodeInstrumentation;

  constructor(private readonly S: ExecutionState, plan: Plan, private readonly operator: Operator, instrumentation: Instrumentation) {
    super();
    this.measured = instrumentation.get(plan) ?? newMeasurement();
    instrumentation.set(plan, this.measured);
  }

  override bound(rows: number): void {
    this.operator.bound(rows);
  }

  *run(): BatchStream {
    const { measured } = this;
    const { context } = this.S;
    const { clock } = context;
    measured.loops++;
    const stream = this.operator.run();
    let first = true;
    let spent = 0;
    try {
      for (;;) {
        const before = usageNow(context);
        const start = clock.monotonicMs();
        const step = stream.next();
        spent += clock.monotonicMs() - start;
        addUsage(measured.usage, before, usageNow(context));
        if (step.done) return;
        if (!(step.value instanceof Suspend)) {
          measured.rows += step.value.length;
          if (first) measured.startupMs += spent;
          first = false;
        }
        yield step.value;
      }
    } finally {
      measured.totalMs += spent;
      if (first) measured.startupMs += spent;
      stream.return();
    }
  }
}
