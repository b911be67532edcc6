/**
 * Utility statements by name, and which of them may run where nothing is written: in a read-only transaction, and on a standby
 * (PostgreSQL's CreateCommandTag and ClassifyUtilityCommandAsReadOnly in tcop/utility.c).
 */
import type { RawNode } from '../parser/raw.js';

/** What a utility statement does to data. */
export type CommandClass =
  /** Writes nothing: runs everywhere. */
  | 'reads'
  /** Allowed in a read-only transaction, but not on a standby. */
  | 'primary only'
  | 'writes';

const READING: ReadonlySet<string> = new Set([
  'ExplainStmt', 'ConstraintsSetStmt', 'CallStmt', 'DoStmt', 'CheckPointStmt', 'LoadStmt', 'VariableSetStmt', 'VariableShowStmt', 'DiscardStmt',
  'AlterSystemStmt', 'PrepareStmt', 'ExecuteStmt', 'DeallocateStmt', 'DeclareCursorStmt', 'FetchStmt', 'ClosePortalStmt', 'UnlistenStmt',
  'WaitStmt',
]);
const PRIMARY_ONLY: ReadonlySet<string> = new Set(['VacuumStmt', 'ClusterStmt', 'ReindexStmt', 'ListenStmt', 'NotifyStmt']);
const PREPARED_TRANSACTIONS: Readonly<Record<string, string>> = {
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION', TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED', TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
};
/** Number of ROW EXCLUSIVE among the modes of LOCK TABLE. */
const ROW_EXCLUSIVE = 3;

/** What a statement does, by its parse tree. */
export function classifyCommand(tag: string, body: RawNode): CommandClass {
  if (READING.has(tag)) return 'reads';
  if (PRIMARY_ONLY.has(tag)) return 'primary only';
  switch (tag) {
    case 'TransactionStmt': return PREPARED_TRANSACTIONS[body.kind as string] === undefined ? 'reads' : 'primary only';
    case 'LockStmt': return Number(body.mode ?? 0) > ROW_EXCLUSIVE ? 'primary only' : 'reads';
    case 'CopyStmt': return body.is_from === true ? 'primary only' : 'reads';
    default: return 'writes';
  }
}

/** `OBJECT_MATVIEW` in words. */
function objectName(type: string): string {
  const own: Readonly<Record<string, string>> = {
    OBJECT_MATVIEW: 'MATERIALIZED VIEW', OBJECT_TSCONFIGURATION: 'TEXT SEARCH CONFIGURATION', OBJECT_TSDICTIONARY: 'TEXT SEARCH DICTIONARY',
    OBJECT_TSPARSER: 'TEXT SEARCH PARSER', OBJECT_TSTEMPLATE: 'TEXT SEARCH TEMPLATE', OBJECT_OPCLASS: 'OPERATOR CLASS', OBJECT_OPFAMILY: 'OPERATOR FAMILY',
    OBJECT_STATISTIC_EXT: 'STATISTICS', OBJECT_FDW: 'FOREIGN DATA WRAPPER', OBJECT_FOREIGN_SERVER: 'SERVER', OBJECT_ATTRIBUTE: 'TYPE',
    OBJECT_COLUMN: 'TABLE', OBJECT_TABCONSTRAINT: 'TABLE', OBJECT_DOMCONSTRAINT: 'DOMAIN', OBJECT_LARGEOBJECT: 'LARGE OBJECT',
  };
  return own[type] ?? type.replace(/^OBJECT_/, '').replaceAll('_', ' ');
}

/** The name of a statement in messages. */
export function commandName(tag: string, body: RawNode): string {
  const object = (field: string): string => objectName(String(body[field] ?? ''));
  switch (tag) {
    case 'TransactionStmt': return PREPARED_TRANSACTIONS[body.kind as string];
    case 'DropStmt': return `DROP ${object('removeType')}`;
    case 'RenameStmt': {
      const target = body.renameType === 'OBJECT_COLUMN' || body.renameType === 'OBJECT_ATTRIBUTE' ? 'relationType' : 'renameType';
      return `ALTER ${object(target)}`;
    }
    case 'AlterObjectSchemaStmt': case 'AlterOwnerStmt': case 'AlterObjectDependsStmt': return `ALTER ${object('objectType')}`;
    case 'AlterTableStmt': return `ALTER ${object('objtype')}`;
    case 'DefineStmt': return `CREATE ${object('kind')}`;
    case 'CreateTableAsStmt': return body.is_select_into === true ? 'SELECT INTO' : object('objtype') === 'MATERIALIZED VIEW' ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS';
    case 'CreateFunctionStmt': return body.is_procedure === true ? 'CREATE PROCEDURE' : 'CREATE FUNCTION';
    case 'AlterFunctionStmt': return `ALTER ${object('objtype')}`;
    case 'GrantStmt': return body.is_grant === true ? 'GRANT' : 'REVOKE';
    case 'GrantRoleStmt': return body.is_grant === true ? 'GRANT ROLE' : 'REVOKE ROLE';
    case 'VacuumStmt': return body.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE';
    default: return NAMES[tag] ?? tag.replace(/Stmt$/, '').replaceAll(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
  }
}

const NAMES: Readonly<Record<string, string>> = {
  CreateStmt: 'CREATE TABLE', IndexStmt: 'CREATE INDEX', CreateSeqStmt: 'CREATE SEQUENCE', AlterSeqStmt: 'ALTER SEQUENCE', ViewStmt: 'CREATE VIEW',
  TruncateStmt: 'TRUNCATE TABLE', CreateSchemaStmt: 'CREATE SCHEMA', CreatedbStmt: 'CREATE DATABASE', DropdbStmt: 'DROP DATABASE',
  AlterDatabaseStmt: 'ALTER DATABASE', AlterDatabaseSetStmt: 'ALTER DATABASE', AlterDatabaseRefreshCollStmt: 'ALTER DATABASE',
  CreateRoleStmt: 'CREATE ROLE', AlterRoleStmt: 'ALTER ROLE', AlterRoleSetStmt: 'ALTER ROLE', DropRoleStmt: 'DROP ROLE',
  AlterDefaultPrivilegesStmt: 'ALTER DEFAULT PRIVILEGES', DropOwnedStmt: 'DROP OWNED', ReassignOwnedStmt: 'REASSIGN OWNED',
  RefreshMatViewStmt: 'REFRESH MATERIALIZED VIEW', CreateEnumStmt: 'CREATE TYPE', CompositeTypeStmt: 'CREATE TYPE', CreateRangeStmt: 'CREATE TYPE',
  AlterEnumStmt: 'ALTER TYPE', AlterTypeStmt: 'ALTER TYPE', CreateDomainStmt: 'CREATE DOMAIN', AlterDomainStmt: 'ALTER DOMAIN',
  CreateTrigStmt: 'CREATE TRIGGER', RuleStmt: 'CREATE RULE', CreatePolicyStmt: 'CREATE POLICY', AlterPolicyStmt: 'ALTER POLICY',
  CreateExtensionStmt: 'CREATE EXTENSION', AlterExtensionStmt: 'ALTER EXTENSION', AlterExtensionContentsStmt: 'ALTER EXTENSION',
  CreateCastStmt: 'CREATE CAST', CreateTransformStmt: 'CREATE TRANSFORM', CreateConversionStmt: 'CREATE CONVERSION',
  CreateStatsStmt: 'CREATE STATISTICS', AlterStatsStmt: 'ALTER STATISTICS', CreateEventTrigStmt: 'CREATE EVENT TRIGGER',
  AlterEventTrigStmt: 'ALTER EVENT TRIGGER', CreatePublicationStmt: 'CREATE PUBLICATION', AlterPublicationStmt: 'ALTER PUBLICATION',
  CreateSubscriptionStmt: 'CREATE SUBSCRIPTION', AlterSubscriptionStmt: 'ALTER SUBSCRIPTION', DropSubscriptionStmt: 'DROP SUBSCRIPTION',
  CreateTableSpaceStmt: 'CREATE TABLESPACE', AlterTableSpaceOptionsStmt: 'ALTER TABLESPACE', DropTableSpaceStmt: 'DROP TABLESPACE',
  CreateFdwStmt: 'CREATE FOREIGN DATA WRAPPER', AlterFdwStmt: 'ALTER FOREIGN DATA WRAPPER', CreateForeignServerStmt: 'CREATE SERVER',
  AlterForeignServerStmt: 'ALTER SERVER', CreateForeignTableStmt: 'CREATE FOREIGN TABLE', ImportForeignSchemaStmt: 'IMPORT FOREIGN SCHEMA',
  CreateUserMappingStmt: 'CREATE USER MAPPING', AlterUserMappingStmt: 'ALTER USER MAPPING', DropUserMappingStmt: 'DROP USER MAPPING',
  CreatePLangStmt: 'CREATE LANGUAGE', CreateOpClassStmt: 'CREATE OPERATOR CLASS', CreateOpFamilyStmt: 'CREATE OPERATOR FAMILY',
  AlterOpFamilyStmt: 'ALTER OPERATOR FAMILY', AlterOperatorStmt: 'ALTER OPERATOR', AlterCollationStmt: 'ALTER COLLATION', CommentStmt: 'COMMENT',
  SecLabelStmt: 'SECURITY LABEL', AlterTSDictionaryStmt: 'ALTER TEXT SEARCH DICTIONARY', AlterTSConfigurationStmt: 'ALTER TEXT SEARCH CONFIGURATION',
  CreateAmStmt: 'CREATE ACCESS METHOD', LockStmt: 'LOCK TABLE', CopyStmt: 'COPY', ClusterStmt: 'CLUSTER', ReindexStmt: 'REINDEX',
  ListenStmt: 'LISTEN', NotifyStmt: 'NOTIFY', AlterTableMoveAllStmt: 'ALTER TABLE',
};
