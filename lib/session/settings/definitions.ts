/**
 * The settings this server has: PostgreSQL's (`table.ts`) with this server's defaults, and a few of its own. One
 * `SettingDefinition` each, made when first asked for.
 */
import { SETTING_FACTS, type SettingFacts } from './table.js';
import { parseSettingValue, type SettingType, type SettingValue, type ValueShape } from './values.js';

/** Who may change a setting, and when. */
export type SettingContext = 'internal' | 'postmaster' | 'sighup' | 'superuser-backend' | 'backend' | 'superuser' | 'user';

/** A setting's facts. */
export interface SettingDefinition extends ValueShape {
  readonly context: SettingContext;
  readonly bootValue: SettingValue;
  readonly category: string;
  readonly shortDescription: string;
  readonly extraDescription: string | null;
  readonly flags: readonly string[];
  /** Sent to clients as ParameterStatus whenever it changes. */
  readonly reported: boolean;
  /** A comma-separated list; 'names' quotes its elements as identifiers. */
  readonly list: 'none' | 'words' | 'names';
}

const REPORTED = new Set([
  'application_name', 'client_encoding', 'datestyle', 'default_transaction_read_only', 'in_hot_standby', 'integer_datetimes',
  'intervalstyle', 'is_superuser', 'scram_iterations', 'search_path', 'server_encoding', 'server_version',
  'session_authorization', 'standard_conforming_strings', 'timezone',
]);

const NAME_LISTS = new Set([
  'search_path', 'temp_tablespaces', 'session_preload_libraries', 'shared_preload_libraries', 'local_preload_libraries',
  'unix_socket_directories',
]);
const WORD_LISTS = new Set([
  'datestyle', 'createrole_self_grant', 'listen_addresses', 'log_destination', 'log_connections', 'synchronous_standby_names',
  'wal_consistency_checking', 'debug_io_direct', 'restrict_nonsystem_relation_kind', 'synchronized_standby_slots', 'oauth_validator_libraries',
]);

/** Where this server's default is not PostgreSQL's boot value (initdb's work, and what is fixed here). */
const BOOT_VALUES: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8', server_encoding: 'UTF8', datestyle: 'ISO, MDY', timezone: 'UTC', log_timezone: 'UTC',
  timezone_abbreviations: 'Default', default_text_search_config: 'pg_catalog.english', lc_messages: 'C', lc_monetary: 'C', lc_numeric: 'C',
  lc_time: 'C', max_stack_depth: '2048', dynamic_shared_memory_type: 'posix', in_hot_standby: 'off', is_superuser: 'on',
  server_version: '18.6', server_version_num: '180006', ssl: 'off', wal_segment_size: '16777216', data_checksums: 'on',
  jit: 'off', log_destination: 'stderr', unix_socket_directories: '', port: '5432', config_file: '', data_directory: '', hba_file: '',
  ident_file: '', external_pid_file: '', max_connections: '6000', shared_memory_size: '0', huge_pages_status: 'off', block_size: '8192',
  segment_size: '131072', wal_block_size: '8192', wal_buffers: '512', role: 'none', session_authorization: '', effective_cache_size: '524288',
  log_autovacuum_min_duration: '-1', log_checkpoints: 'off', log_line_prefix: '', log_rotation_age: '0', log_rotation_size: '0',
  log_startup_progress_interval: '0', listen_addresses: '127.0.0.1', archive_mode: 'off', autovacuum_worker_slots: '16', min_wal_size: '80', max_wal_size: '1024',
};

const BOOLEAN_ALIASES: readonly (readonly [string, string])[] = [
  ['true', 'on'], ['yes', 'on'], ['1', 'on'], ['false', 'off'], ['no', 'off'], ['0', 'off'],
];

/** Values that an enum accepts without showing them. */
const HIDDEN_ENUM_VALUES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  bytea_output: [], log_min_messages: [['debug', 'debug2']], client_min_messages: [['debug', 'debug2'], ['info', 'info']],
  log_min_error_statement: [['debug', 'debug2']], backend_flush_after: [], password_encryption: [],
};

/** Settings that pg_settings does not show, and this server's own. */
const OWN_SETTINGS: readonly SettingFacts[] = [
  ['is_superuser', 'bool', 'internal', null, 'off', null, null, null, 'Ungrouped', 'Shows whether the current user is a superuser.', null, ['NO_SHOW_ALL', 'NO_RESET_ALL']],
  ['role', 'string', 'user', null, 'none', null, null, null, 'Ungrouped', 'Sets the current role.', null, ['NO_SHOW_ALL']],
  ['session_authorization', 'string', 'user', null, '', null, null, null, 'Ungrouped', 'Sets the session user name.', null, ['NO_SHOW_ALL', 'NO_RESET_ALL']],
  ['seed', 'real', 'user', null, '0', '-1', '1', null, 'Ungrouped', 'Sets the seed for random-number generation.', null, ['NO_SHOW_ALL', 'NO_RESET_ALL']],
  ['require_password', 'bool', 'postmaster', null, 'off', null, null, null, 'Connections and Authentication / Authentication',
    'Requires a password of loopback and Unix socket clients too.', null, []],
];

function define(facts: SettingFacts): SettingDefinition {
  const [name, type, context, unit, boot, minimum, maximum, enumValues, category, shortDescription, extraDescription, flags] = facts;
  const key = name.toLowerCase();
  const aliases = new Map<string, string>(HIDDEN_ENUM_VALUES[key] ?? []);
  if (enumValues?.includes('on') && enumValues.includes('off')) for (const [alias, value] of BOOLEAN_ALIASES) aliases.set(alias, value);
  const shape: ValueShape = {
    name, type: type as SettingType, unit,
    minimum: minimum === null ? -Infinity : Number(minimum),
    maximum: maximum === null ? Infinity : Number(maximum),
    enumValues: enumValues ?? [], enumAliases: aliases,
  };
  return {
    ...shape,
    context: context as SettingContext,
    bootValue: bootValue(shape, BOOT_VALUES[key] ?? boot ?? ''),
    category, shortDescription, extraDescription, flags,
    reported: REPORTED.has(key),
    list: NAME_LISTS.has(key) ? 'names' : WORD_LISTS.has(key) ? 'words' : 'none',
  };
}

/** Boot values are right by themselves: outside the range they stand for "chosen at start". */
function bootValue(shape: ValueShape, text: string): SettingValue {
  if (shape.type === 'integer' || shape.type === 'real') return Number(text);
  return parseSettingValue(shape, text);
}

let factsByKey: Map<string, SettingFacts> | null = null;
const defined = new Map<string, SettingDefinition>();

function allFacts(): Map<string, SettingFacts> {
  factsByKey ??= new Map([...SETTING_FACTS, ...OWN_SETTINGS].map((facts) => [facts[0].toLowerCase(), facts]));
  return factsByKey;
}

/** Obsolete spellings. */
const RENAMED: Readonly<Record<string, string>> = { sort_mem: 'work_mem', vacuum_mem: 'maintenance_work_mem', ssl_ecdh_curve: 'ssl_groups', force_parallel_mode: 'debug_parallel_query' };

/** The key of a setting: its name in lower case, renamed ones resolved. */
export function settingKey(name: string): string {
  const key = name.toLowerCase();
  return RENAMED[key] ?? key;
}

/** A setting by its key (see `settingKey`); undefined when there is none. */
export function settingDefinition(key: string): SettingDefinition | undefined {
  let definition = defined.get(key);
  if (definition === undefined) {
    const facts = allFacts().get(key);
    if (facts === undefined) return undefined;
    definition = define(facts);
    defined.set(key, definition);
  }
  return definition;
}

/** Every setting's key, in SHOW ALL's order. */
export function settingKeys(): IterableIterator<string> {
  return allFacts().keys();
}

/** A customized option (`myapp.user`): a string anybody may set. */
export function customDefinition(name: string): SettingDefinition {
  return {
    name, type: 'string', unit: null, minimum: -Infinity, maximum: Infinity, enumValues: [], enumAliases: new Map(), context: 'user', bootValue: '',
    category: 'Customized Options', shortDescription: '', extraDescription: null, flags: ['CUSTOM_PLACEHOLDER'], reported: false, list: 'none',
  };
}
