/**
 * `npm run inventory`: writes MISSING.md, the list of what PostgreSQL 18 has and this does not, from the code itself: statements
 * without a command, types without input, built-in functions without an implementation.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { builtinTable } from '../../lib/catalog/builtin.js';
import { catalogByName } from '../../lib/catalog/shapes.js';
import { utilityCommand } from '../../lib/commands/all.js';
import { builtin } from '../../lib/functions/registry.js';
import '../../lib/functions/builtins.js';
import type { PgProc, PgType } from '../../lib/catalog/rows.js';

/** Utility statements of the grammar that the session does not run itself, with the words that users know them by. */
const STATEMENTS: Readonly<Record<string, string>> = {
  AlterCollationStmt: 'ALTER COLLATION ... REFRESH VERSION', AlterDefaultPrivilegesStmt: 'ALTER DEFAULT PRIVILEGES', AlterDatabaseStmt: 'ALTER DATABASE',
  AlterDatabaseSetStmt: 'ALTER DATABASE ... SET', AlterDomainStmt: 'ALTER DOMAIN', AlterEnumStmt: 'ALTER TYPE ... ADD VALUE', AlterEventTrigStmt: 'ALTER EVENT TRIGGER',
  AlterExtensionStmt: 'ALTER EXTENSION', AlterFdwStmt: 'ALTER FOREIGN DATA WRAPPER', AlterForeignServerStmt: 'ALTER SERVER', AlterFunctionStmt: 'ALTER FUNCTION',
  AlterObjectDependsStmt: 'ALTER ... DEPENDS ON EXTENSION', AlterObjectSchemaStmt: 'ALTER ... SET SCHEMA', AlterOperatorStmt: 'ALTER OPERATOR',
  AlterOpFamilyStmt: 'ALTER OPERATOR FAMILY', AlterOwnerStmt: 'ALTER ... OWNER TO', AlterPolicyStmt: 'ALTER POLICY', AlterPublicationStmt: 'ALTER PUBLICATION',
  AlterRoleStmt: 'ALTER ROLE', AlterRoleSetStmt: 'ALTER ROLE ... SET', AlterSeqStmt: 'ALTER SEQUENCE', AlterStatsStmt: 'ALTER STATISTICS',
  AlterSubscriptionStmt: 'ALTER SUBSCRIPTION', AlterTableStmt: 'ALTER TABLE', AlterTableSpaceOptionsStmt: 'ALTER TABLESPACE', AlterTSConfigurationStmt: 'ALTER TEXT SEARCH CONFIGURATION',
  AlterTSDictionaryStmt: 'ALTER TEXT SEARCH DICTIONARY', AlterTypeStmt: 'ALTER TYPE ... SET', CallStmt: 'CALL', ClusterStmt: 'CLUSTER', CommentStmt: 'COMMENT',
  CompositeTypeStmt: 'CREATE TYPE (composite)', ConstraintsSetStmt: 'SET CONSTRAINTS', CopyStmt: 'COPY', CreateAmStmt: 'CREATE ACCESS METHOD', CreateCastStmt: 'CREATE CAST',
  CreateConversionStmt: 'CREATE CONVERSION', CreatedbStmt: 'CREATE DATABASE', CreateDomainStmt: 'CREATE DOMAIN', CreateEnumStmt: 'CREATE TYPE ... AS ENUM',
  CreateEventTrigStmt: 'CREATE EVENT TRIGGER', CreateExtensionStmt: 'CREATE EXTENSION', CreateFdwStmt: 'CREATE FOREIGN DATA WRAPPER', CreateForeignServerStmt: 'CREATE SERVER',
  CreateForeignTableStmt: 'CREATE FOREIGN TABLE', CreateFunctionStmt: 'CREATE FUNCTION', CreateOpClassStmt: 'CREATE OPERATOR CLASS', CreateOpFamilyStmt: 'CREATE OPERATOR FAMILY',
  CreatePLangStmt: 'CREATE LANGUAGE', CreatePolicyStmt: 'CREATE POLICY', CreatePublicationStmt: 'CREATE PUBLICATION', CreateRangeStmt: 'CREATE TYPE ... AS RANGE',
  CreateRoleStmt: 'CREATE ROLE', CreateSchemaStmt: 'CREATE SCHEMA', CreateSeqStmt: 'CREATE SEQUENCE', CreateStatsStmt: 'CREATE STATISTICS', CreateStmt: 'CREATE TABLE',
  CreateSubscriptionStmt: 'CREATE SUBSCRIPTION', CreateTableAsStmt: 'CREATE TABLE AS', CreateTableSpaceStmt: 'CREATE TABLESPACE', CreateTransformStmt: 'CREATE TRANSFORM',
  CreateTrigStmt: 'CREATE TRIGGER', CreateUserMappingStmt: 'CREATE USER MAPPING', DefineStmt: 'CREATE AGGREGATE, OPERATOR, TYPE, COLLATION, TEXT SEARCH ...', DoStmt: 'DO',
  DropdbStmt: 'DROP DATABASE', DropOwnedStmt: 'DROP OWNED', DropRoleStmt: 'DROP ROLE', DropStmt: 'DROP', ExplainStmt: 'EXPLAIN', GrantRoleStmt: 'GRANT role', GrantStmt: 'GRANT',
  ImportForeignSchemaStmt: 'IMPORT FOREIGN SCHEMA', IndexStmt: 'CREATE INDEX', LockStmt: 'LOCK', ReassignOwnedStmt: 'REASSIGN OWNED', RefreshMatViewStmt: 'REFRESH MATERIALIZED VIEW',
  ReindexStmt: 'REINDEX', RenameStmt: 'ALTER ... RENAME', RuleStmt: 'CREATE RULE', SecLabelStmt: 'SECURITY LABEL', TruncateStmt: 'TRUNCATE', VacuumStmt: 'VACUUM, ANALYZE', ViewStmt: 'CREATE VIEW',
};

const INTERNAL_LANGUAGE = 12;

function rowsOf<T>(name: string): T[] {
  const table = builtinTable(catalogByName(name)!);
  return Array.from({ length: table.count }, (_, at) => table.object(at) as T);
}

/** The report. */
export function inventory(): string {
  const statements = Object.entries(STATEMENTS).filter(([tag]) => !utilityCommand(tag)).map(([, words]) => words).toSorted();
  const procs = rowsOf<PgProc>('pg_proc');
  const internal = procs.filter((proc) => proc.prolang === INTERNAL_LANGUAGE);
  const missing = internal.filter((proc) => !builtin(proc.prosrc) && proc.prokind !== 'a');
  const byOid = new Map(procs.map((proc) => [proc.oid, proc]));
  const types = rowsOf<PgType>('pg_type').filter((type) => type.typtype === 'b' && type.typcategory !== 'A')
    .filter((type) => !builtin(byOid.get(type.typinput)?.prosrc ?? '')).map((type) => type.typname).toSorted();
  const names = [...new Set(missing.map((proc) => proc.proname))].toSorted();
  return `# What PostgreSQL 18 has and this does not

Made by \`npm run inventory\` from the code: everything here raises 0A000 and names itself. What works only in part shows in
[the regression results](regress/RESULTS.md).

## Statements (${statements.length} of ${Object.keys(STATEMENTS).length})

${statements.join('; ')}.

## Types without input and output (${types.length})

${types.join(', ')}.

## Built-in functions (${missing.length} of ${internal.length})

${names.join(', ')}.
`;
}

writeFileSync(fileURLToPath(new URL('../../../MISSING.md', import.meta.url)), inventory());
