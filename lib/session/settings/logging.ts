/**
 * Settings of the log whose other values this server does not have (yet): setting one of those is an error, never without
 * effect. The log itself is one stream of JSON lines on standard error.
 */
import { notSupported } from '../../base/error.js';
import { invalidParameter } from './checks.js';
import type { SettingValue } from './values.js';

/** The values that are there, by setting. */
const ONLY_VALUES: Readonly<Record<string, readonly SettingValue[]>> = {
  backtrace_functions: [''],
  debug_print_parse: [false], debug_print_plan: [false], debug_print_rewritten: [false],
  event_source: ['PostgreSQL'],
  log_autovacuum_min_duration: [-1], log_btree_build_stats: [false], log_checkpoints: [false], log_directory: ['log'],
  log_executor_stats: [false], log_file_mode: [384], log_filename: ['postgresql-%Y-%m-%d_%H%M%S.log'], log_hostname: [false],
  log_line_prefix: [''], log_lock_failures: [false], log_lock_waits: [false], log_min_duration_sample: [-1],
  log_parameter_max_length_on_error: [0], log_parser_stats: [false], log_planner_stats: [false], log_recovery_conflict_waits: [false],
  log_replication_commands: [false], log_rotation_age: [0], log_rotation_size: [0], log_startup_progress_interval: [0],
  log_statement_sample_rate: [1], log_statement_stats: [false], log_temp_files: [-1], log_timezone: ['UTC'],
  log_transaction_sample_rate: [0], log_truncate_on_rotation: [false], logging_collector: [false],
  syslog_facility: ['local0'], syslog_ident: ['postgres'], syslog_sequence_numbers: [true], syslog_split_messages: [true],
  trace_connection_negotiation: [false], trace_notify: [false], trace_sort: [false],
};

const DESTINATIONS = ['stderr', 'csvlog', 'jsonlog', 'syslog', 'eventlog'];
const ASPECTS = ['receipt', 'authentication', 'authorization', 'setup_durations', 'all'];

/** @throws 0A000 for a value without effect; 22023 for a word that means nothing. */
export function checkLoggingValue(key: string, value: SettingValue): void {
  if (key === 'log_destination') {
    for (const word of words(String(value))) {
      if (!DESTINATIONS.includes(word)) throw invalidParameter(key, String(value), `Unrecognized key word: "${word}".`);
      if (word !== 'stderr') throw notSupported(`log_destination = '${word}'`);
    }
  } else if (key === 'log_connections') {
    const aspects = connectionAspects(String(value));
    if (aspects.has('setup_durations')) throw notSupported("log_connections = 'setup_durations'");
  }
  const only = ONLY_VALUES[key];
  if (only !== undefined && !only.includes(value)) throw notSupported(`${key} = '${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}'`);
}

/** What log_connections asks for: `on` and its like are receipt, authentication, authorization. @throws 22023 */
export function connectionAspects(text: string): ReadonlySet<string> {
  const list = words(text);
  if (list.length === 1 && ['on', 'true', 'yes', '1'].includes(list[0])) return new Set(['receipt', 'authentication', 'authorization']);
  if (list.length === 1 && ['off', 'false', 'no', '0'].includes(list[0])) return new Set();
  for (const word of list) {
    if (!ASPECTS.includes(word)) throw invalidParameter('log_connections', text, `Invalid option "${word}".`);
  }
  return new Set(list.includes('all') ? ASPECTS.slice(0, -1) : list);
}

function words(text: string): string[] {
  return text.split(',').map((word) => word.trim().toLowerCase()).filter((word) => word !== '');
}
