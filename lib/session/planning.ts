/**
 * From statements to plans: parse analysis, rewriting and planning for one session, and the check that kept plans are
 * still right.
 */
import { notSupported } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import type { Node } from 'libpg-query';
import type { Datum } from '../types/datum.js';
import type { ResultShape } from './client.js';
import type { CursorOptions } from './portal.js';
import type { Session } from './session.js';
import type { Statement, StatementPlans } from './statement.js';

/** See the file's comment. */
export class Planning {
  constructor(private readonly session: Session) {}

  /** Analyzes a statement whose literals may become parameters. */
  analyzeLiterals(statement: Statement): void {
    this.current(statement);
  }

  /** Parse and PREPARE: analyzes, so that the parameters' types are known. */
  prepare(statement: Statement): void {
    if (statement.isUtility) return;
    this.current(statement);
  }

  /** DECLARE CURSOR. */
  prepareCursor(statement: Statement, _cursor: CursorOptions): { shape: ResultShape | null; scrollable: boolean } {
    return { shape: this.current(statement).shape, scrollable: false };
  }

  /** Plans that are right now. */
  current(statement: Statement): StatementPlans {
    throw notSupported(`${statement.raw?.tag ?? ''} (session ${this.session.processId})`);
  }

  /** A TypeName node's type. */
  typeOfName(_name: Node, _sourceText: string): Oid {
    throw notSupported('type names');
  }

  /** A type by its SQL spelling. */
  typeByText(_text: string): Oid {
    throw notSupported('type names');
  }

  /** EXECUTE's arguments. */
  evaluateParameters(_expressions: readonly Node[], _types: readonly Oid[], _sourceText: string): Datum[] {
    throw notSupported('EXECUTE with parameters');
  }
}
