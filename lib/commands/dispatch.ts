/**
 * The door to the utility statements: a statement's parse-tree tag decides which command runs.
 * What has no entry raises 0A000 naming itself.
 */
import { notSupported } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { UtilityStatement } from '../analyzer/nodes.js';
import { lockReferences } from './object/object-lock.js';
import type { CommandContext, CommandResult, DescribeUtility, ExecuteUtility, ResultColumn } from './api.js';

/** One kind of statement. */
export interface UtilityCommand {
  execute(statement: UtilityStatement, context: CommandContext): Suspendable<CommandResult>;
  /** Result columns before it runs; absent when there are none. */
  describe?(statement: UtilityStatement, context: CommandContext): readonly ResultColumn[] | null;
  /** Allowed in a read-only transaction (EXPLAIN without ANALYZE, LOCK in share modes decide themselves). */
  readonly readOnly?: boolean;
}

const commands = new Map<string, UtilityCommand>();

/** Registers the command of a parse-tree tag (`CreateStmt`): each command file calls it when loaded. */
export function registerCommand(tag: string, command: UtilityCommand): void {
  commands.set(tag, command);
}

/** The command behind a tag; undefined when it is not there yet. */
export function utilityCommand(tag: string): UtilityCommand | undefined {
  return commands.get(tag);
}

/** Runs a utility statement; 0A000 when there is no such command. */
export const executeUtility: ExecuteUtility = function* execute(statement, context) {
  const command = commands.get(statement.tag);
  if (command === undefined) throw notSupported(statement.tag);
  const { references } = context.session.catalog;
  try {
    const result = yield* command.execute(statement, context);
    if (references.length > 0) yield* lockReferences(context);
    return result;
  } finally {
    references.length = 0;
  }
};

/** Result columns of a utility statement. */
export const describeUtility: DescribeUtility = (statement, context) =>
  commands.get(statement.tag)?.describe?.(statement, context) ?? null;
