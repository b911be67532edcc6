/**
 * ALTER TABLE: each subcommand has a handler; they run in PostgreSQL's passes (drops before type changes before
 * additions before constraints), so that one statement may combine them in any order.
 *
 * Idea: PostgreSQL's ATController (commands/tablecmds.c).
 */
import type { AlterTableCmd, AlterTableStmt } from 'libpg-query';
import type { TableLockMode } from '../../access/api.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { relationOidOf } from '../../catalog/namespace.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { unsupportedKindDetail } from '../../catalog/relation-kind.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';

registerCommand('AlterTableStmt', { execute: (statement, cx) => execute(bodyAs<AlterTableStmt>(statement.body), cx) });

/** In which pass a subcommand runs. */
export const Pass = {
  drop: 0, alterType: 1, addColumn: 2, setExpression: 3, columnAttributes: 4, addConstraint: 5, columnDefault: 6, addIndex: 7, addForeignKey: 8, misc: 9,
} as const;
export type Pass = (typeof Pass)[keyof typeof Pass];

/** What a subcommand works with. */
export interface AlterTarget {
  readonly cx: CommandContext;
  /** The relation as it is now: read anew for each subcommand. */
  readonly relation: Relation;
  readonly command: AlterTableCmd;
  /** Apply to children as well (no ONLY). */
  readonly recurse: boolean;
}

/** A subcommand's handler. */
export interface AlterHandler {
  readonly pass: Pass;
  /** The lock it needs on the table; AccessExclusive by default. */
  readonly lock?: TableLockMode | ((command: AlterTableCmd) => TableLockMode);
  /** pg_class.relkind letters it applies to; tables by default. */
  readonly kinds?: string;
  execute(target: AlterTarget): Suspendable<void>;
}

const handlers = new Map<string, AlterHandler>();

/** Registers the handler of a subcommand (`AT_AddColumn`). */
export function registerAlter(subtype: string, handler: AlterHandler): void {
  handlers.set(subtype, handler);
}

const TAGS: Record<string, string> = {
  OBJECT_TABLE: 'ALTER TABLE', OBJECT_INDEX: 'ALTER INDEX', OBJECT_VIEW: 'ALTER VIEW', OBJECT_MATVIEW: 'ALTER MATERIALIZED VIEW',
  OBJECT_SEQUENCE: 'ALTER SEQUENCE', OBJECT_TYPE: 'ALTER TYPE', OBJECT_FOREIGN_TABLE: 'ALTER FOREIGN TABLE',
};

function* execute(stmt: AlterTableStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const result: CommandResult = { tag: TAGS[stmt.objtype ?? 'OBJECT_TABLE'] ?? 'ALTER TABLE', rows: null };
  const name = stmt.relation!;
  const oid = relationOidOf(catalog, { ...name, relname: name.relname ?? '' }, stmt.missing_ok ?? false);
  if (oid === 0) {
    cx.services.notice(pgError('UNDEFINED_TABLE', `relation "${name.relname ?? ''}" does not exist, skipping`, { severity: 'NOTICE' }));
    return result;
  }
  const steps = (stmt.cmds ?? []).map((node) => {
    const command = bodyAs<AlterTableCmd>(bodyOf(node));
    const handler = handlers.get(command.subtype ?? '');
    if (!handler) throw notSupported(`ALTER TABLE ... ${subcommandWords(command.subtype ?? '')}`);
    return { command, handler };
  });
  yield* lockRelation(cx, oid, strongestLock(steps.map(lockOf)));
  const open = (): Relation => {
    const relation = catalog.relation(oid);
    if (!relation) throw pgError('UNDEFINED_TABLE', `relation "${name.relname ?? ''}" does not exist`);
    return relation;
  };
  checkKind(stmt, open());
  checkTableOwner(cx, open());
  for (const { command, handler } of steps.toSorted((a, b) => a.handler.pass - b.handler.pass)) {
    const relation = open();
    checkApplies(relation, command, handler);
    yield* handler.execute({ cx, relation, command, recurse: name.inh ?? false });
    catalog.commandCounterIncrement();
  }
  return result;
}

function lockOf({ command, handler }: { command: AlterTableCmd; handler: AlterHandler }): TableLockMode {
  return typeof handler.lock === 'function' ? handler.lock(command) : handler.lock ?? 'AccessExclusive';
}

const LOCK_ORDER: readonly TableLockMode[] = ['ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'];

function strongestLock(modes: readonly TableLockMode[]): TableLockMode {
  return modes.reduce((a, b) => (LOCK_ORDER.indexOf(b) > LOCK_ORDER.indexOf(a) ? b : a), 'ShareUpdateExclusive' as TableLockMode);
}

const EXPECTED: Record<string, { kinds: string; word: string }> = {
  OBJECT_INDEX: { kinds: 'iI', word: 'an index' }, OBJECT_VIEW: { kinds: 'v', word: 'a view' },
  OBJECT_MATVIEW: { kinds: 'm', word: 'a materialized view' }, OBJECT_SEQUENCE: { kinds: 'S', word: 'a sequence' },
  OBJECT_TYPE: { kinds: 'c', word: 'a composite type' },
};

/** ALTER TABLE takes any kind of relation but composite types; the others only their own. */
function checkKind(stmt: AlterTableStmt, relation: Relation): void {
  const expected = EXPECTED[stmt.objtype ?? ''];
  if (expected && !expected.kinds.includes(relation.kind)) throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not ${expected.word}`);
  if (!expected && relation.kind === 'c') throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is a composite type`, { hint: 'Use ALTER TYPE instead.' });
}

function checkApplies(relation: Relation, command: AlterTableCmd, handler: AlterHandler): void {
  if ((handler.kinds ?? 'rp').includes(relation.kind)) return;
  throw pgError('WRONG_OBJECT_TYPE', `ALTER action ${subcommandWords(command.subtype ?? '')} cannot be performed on relation "${relation.name}"`, {
    detail: unsupportedKindDetail(relation.kind),
  });
}

/** PostgreSQL's words for a subcommand (alter_table_type_to_string). */
const WORDS: Record<string, string> = {
  AT_AddColumn: 'ADD COLUMN', AT_AddColumnToView: 'ADD COLUMN', AT_ColumnDefault: 'ALTER COLUMN ... SET DEFAULT', AT_DropNotNull: 'ALTER COLUMN ... DROP NOT NULL',
  AT_SetNotNull: 'ALTER COLUMN ... SET NOT NULL', AT_SetExpression: 'ALTER COLUMN ... SET EXPRESSION', AT_DropExpression: 'ALTER COLUMN ... DROP EXPRESSION',
  AT_SetStatistics: 'ALTER COLUMN ... SET STATISTICS', AT_SetOptions: 'ALTER COLUMN ... SET', AT_ResetOptions: 'ALTER COLUMN ... RESET',
  AT_SetStorage: 'ALTER COLUMN ... SET STORAGE', AT_SetCompression: 'ALTER COLUMN ... SET COMPRESSION', AT_DropColumn: 'DROP COLUMN',
  AT_AddConstraint: 'ADD CONSTRAINT', AT_AlterConstraint: 'ALTER CONSTRAINT', AT_ValidateConstraint: 'VALIDATE CONSTRAINT', AT_DropConstraint: 'DROP CONSTRAINT',
  AT_AlterColumnType: 'ALTER COLUMN ... SET DATA TYPE', AT_ChangeOwner: 'OWNER TO', AT_ClusterOn: 'CLUSTER ON', AT_DropCluster: 'SET WITHOUT CLUSTER',
  AT_SetAccessMethod: 'SET ACCESS METHOD', AT_SetLogged: 'SET LOGGED', AT_SetUnLogged: 'SET UNLOGGED', AT_DropOids: 'SET WITHOUT OIDS', AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetRelOptions: 'SET', AT_ResetRelOptions: 'RESET', AT_EnableTrig: 'ENABLE TRIGGER', AT_DisableTrig: 'DISABLE TRIGGER', AT_AddInherit: 'INHERIT',
  AT_DropInherit: 'NO INHERIT', AT_AddOf: 'OF', AT_DropOf: 'NOT OF', AT_ReplicaIdentity: 'REPLICA IDENTITY', AT_EnableRowSecurity: 'ENABLE ROW SECURITY',
  AT_DisableRowSecurity: 'DISABLE ROW SECURITY', AT_ForceRowSecurity: 'FORCE ROW SECURITY', AT_NoForceRowSecurity: 'NO FORCE ROW SECURITY',
  AT_AttachPartition: 'ATTACH PARTITION', AT_DetachPartition: 'DETACH PARTITION', AT_AddIdentity: 'ALTER COLUMN ... ADD IDENTITY', AT_SetIdentity: 'ALTER COLUMN ... SET',
  AT_DropIdentity: 'ALTER COLUMN ... DROP IDENTITY',
};

function subcommandWords(subtype: string): string {
  return WORDS[subtype] ?? subtype.replace(/^AT_/, '');
}
