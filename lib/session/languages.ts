/**
 * Chooses who runs a function that is not built in: by its language.
 */
import { notSupported } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { PgProc } from '../catalog/rows.js';
import type { ExecutionState, FunctionRunner } from '../executor/context.js';
import type { BatchStream } from '../executor/operators/operator.js';
import type { CallInfo } from '../functions/context.js';
import type { Datum } from '../types/datum.js';

const SQL_LANGUAGE = 14;

/** See the file's comment. */
export class LanguageRunner implements FunctionRunner {
  constructor(private readonly sql: FunctionRunner) {}

  call(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): Suspendable<Datum> {
    return this.runnerOf(proc, state).call(proc, call, args, state);
  }

  callSet(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): BatchStream {
    return this.runnerOf(proc, state).callSet(proc, call, args, state);
  }

  private runnerOf(proc: PgProc, state: ExecutionState): FunctionRunner {
    if (proc.prolang === SQL_LANGUAGE) return this.sql;
    const language = state.catalog.table('pg_language').findOne({ oid: proc.prolang })?.lanname ?? String(proc.prolang);
    throw notSupported(`function ${proc.proname} in language ${language}`);
  }
}
