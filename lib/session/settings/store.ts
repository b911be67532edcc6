/**
 * A session's settings: values in layers (server, database and role, client's start-up packet, SET), with SET and SET LOCAL
 * undone as transactions and savepoints end. The rules of the undo stack are guc.c's (`push_old_value`, `AtEOXact_GUC`).
 */
import { PgError, pgError } from '../../base/error.js';
import { customDefinition, settingDefinition, settingKey, settingKeys, type SettingDefinition } from './definitions.js';
import { readFrequentSettings, type FrequentSettings } from './frequent.js';
import { checkLoggingValue } from './logging.js';
import { checkReplicationValue } from './replication.js';
import { formatSettingValue, parseSettingValue, type SettingValue } from './values.js';

/** Where a value came from, in pg_settings' words. */
export type SettingSource =
  | 'default' | 'configuration file' | 'command line' | 'database' | 'user' | 'database user' | 'client' | 'override' | 'session';

/** A value with its source. */
export interface SettingEntry {
  readonly value: SettingValue;
  readonly source: SettingSource;
}

const defaults = new Map<string, SettingEntry>();

/** The boot value of a setting, as one entry for everybody: settings are read several times a statement. */
function defaultEntry(key: string): SettingEntry {
  let entry = defaults.get(key);
  if (entry === undefined) {
    entry = { value: settingDefinition(key)?.bootValue ?? '', source: 'default' };
    if (settingDefinition(key) !== undefined) defaults.set(key, entry);
  }
  return entry;
}

/** Told of the server's settings that a reload changed, by key. */
export type ServerSettingsListener = (keys: ReadonlySet<string>) => void;

/** A line of a configuration file. */
interface FileLine {
  readonly name: string;
  readonly value: string;
}

/** The server's own values, shared by all sessions: command line over configuration files over the defaults. */
export class ServerSettings {
  /** Changed in a file, but only a restart makes it so. */
  readonly pendingRestart = new Set<string>();
  private fileEntries = new Map<string, SettingEntry>();
  private readonly fixedEntries = new Map<string, SettingEntry>();
  /** What counts: the fixed entries over those of the files. */
  private readonly entries = new Map<string, SettingEntry>();
  /** Goes up with every change: what sessions keep of these values is then old. */
  version = 0;
  private readonly listeners = new Set<ServerSettingsListener>();

  /** Sets a value at start; throws 42704, 22023. */
  set(name: string, text: string, source: SettingSource): void {
    const [key, value] = readServerValue(name, text);
    (source === 'configuration file' ? this.fileEntries : this.fixedEntries).set(key, { value, source });
    this.combine(key);
  }

  /** Sets what the server itself knows (port, data_directory, server_version ...). */
  preset(key: string, value: SettingValue): void {
    this.fixedEntries.set(key, { value, source: 'override' });
    this.combine(key);
  }

  private combine(key: string): void {
    this.version++;
    const entry = this.fixedEntries.get(key) ?? this.fileEntries.get(key);
    if (entry === undefined) this.entries.delete(key);
    else this.entries.set(key, entry);
  }

  /** Calls back after every reload that changed something; returns what ends it. */
  watch(listener: ServerSettingsListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Takes over what the configuration files say now, as far as that is possible without a restart. What cannot be taken over keeps its
   * value; the errors say why.
   */
  reload(lines: readonly FileLine[]): { readonly changed: ReadonlySet<string>; readonly errors: readonly PgError[] } {
    const errors: PgError[] = [];
    const wanted = this.readLines(lines, errors);
    const changed = new Set<string>();
    const files = new Map(this.fileEntries);
    for (const key of new Set([...this.fileEntries.keys(), ...wanted.keys()])) {
      const before = this.entry(key).value;
      const entry = wanted.get(key);
      if (settingDefinition(key)?.context === 'postmaster') {
        this.noteRestart(key, entry?.value ?? settingDefinition(key)!.bootValue, errors);
        continue;
      }
      if (entry === undefined) files.delete(key);
      else files.set(key, entry);
      this.fileEntries = files;
      this.combine(key);
      if (this.entry(key).value !== before) changed.add(key);
    }
    if (changed.size > 0) for (const listener of this.listeners) listener(changed);
    return { changed, errors };
  }

  /** The files' values by key; what is wrong keeps its old one. */
  private readLines(lines: readonly FileLine[], errors: PgError[]): Map<string, SettingEntry> {
    const wanted = new Map<string, SettingEntry>();
    for (const { name, value: text } of lines) {
      try {
        const [key, value] = readServerValue(name, text);
        wanted.set(key, { value, source: 'configuration file' });
      } catch (error) {
        if (!(error instanceof PgError)) throw error;
        errors.push(error);
        const key = settingKey(name);
        const old = this.fileEntries.get(key);
        if (old !== undefined) wanted.set(key, old);
      }
    }
    return wanted;
  }

  private noteRestart(key: string, wanted: SettingValue, errors: PgError[]): void {
    if (this.fixedEntries.has(key) || wanted === this.entry(key).value) {
      this.pendingRestart.delete(key);
      return;
    }
    this.pendingRestart.add(key);
    errors.push(pgError('CANT_CHANGE_RUNTIME_PARAM', `parameter "${settingDefinition(key)!.name}" cannot be changed without restarting the server`));
  }

  entry(key: string): SettingEntry {
    return this.entries.get(key) ?? defaultEntry(key);
  }

  /** Keys of what was set. */
  keys(): IterableIterator<string> {
    return this.entries.keys();
  }

  string(key: string): string {
    return String(this.entry(key).value);
  }

  number(key: string): number {
    return Number(this.entry(key).value);
  }

  boolean(key: string): boolean {
    return this.entry(key).value === true;
  }
}

function readServerValue(name: string, text: string): [key: string, value: SettingValue] {
  const key = settingKey(name);
  const definition = requireDefinition(key, name);
  if (definition.context === 'internal') throw cannotChange(definition);
  const value = parseSettingValue(definition, text);
  checkLoggingValue(key, value);
  checkReplicationValue(key, value);
  return [key, value];
}

function cannotChange(definition: SettingDefinition): PgError {
  return pgError('CANT_CHANGE_RUNTIME_PARAM', `parameter "${definition.name}" cannot be changed`);
}

/** The definition behind a name; a dotted name is a customized option. Throws 42704, 42602. */
export function requireDefinition(key: string, name: string): SettingDefinition {
  const definition = settingDefinition(key);
  if (definition !== undefined) return definition;
  if (!name.includes('.')) throw pgError('UNDEFINED_OBJECT', `unrecognized configuration parameter "${name}"`);
  if (!/^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*(\.[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)+$/.test(name)) {
    throw pgError('INVALID_NAME', `invalid configuration parameter name "${name}"`, {
      detail: 'Custom parameter names must be two or more simple identifiers separated by dots.',
    });
  }
  return customDefinition(name);
}

interface StackEntry {
  level: number;
  state: 'save' | 'set' | 'local' | 'setLocal';
  prior: SettingEntry | null;
  masked: SettingEntry | null;
}

/** Brings a new value into canonical form, or throws; null: the value as parsed is fine. */
export type SettingCheck = (value: SettingValue, current: SettingValue, source: SettingSource) => SettingValue;
/** Told of every change of a value, also when a transaction's end undoes it. */
export type SettingListener = (key: string, value: SettingValue) => void;

/** How a change is asked for. */
export interface SetOptions {
  readonly source: SettingSource;
  readonly isLocal: boolean;
  readonly isSuperuser: boolean;
  /** Set by a function's SET clause: undone when the level ends, whatever happens. */
  readonly isSave?: boolean;
}

/** The settings of one session. */
export class SessionSettings {
  /** What RESET goes back to, where it differs from the server's. */
  private readonly resetEntries = new Map<string, SettingEntry>();
  private readonly entries = new Map<string, SettingEntry>();
  private readonly custom = new Map<string, SettingDefinition>();
  private readonly stacks = new Map<string, StackEntry[]>();
  private level = 0;
  /** Null when one of them may have changed, as a change of the server's (`version`) may have changed them. */
  private often: FrequentSettings | null = null;
  private oftenOf = -1;

  constructor(
    private readonly server: ServerSettings,
    private readonly checks: ReadonlyMap<string, SettingCheck>,
    private readonly listener: SettingListener,
  ) {}

  /** The definition behind a name as this session knows it; undefined when there is none. */
  definition(name: string): SettingDefinition | undefined {
    const key = settingKey(name);
    return settingDefinition(key) ?? this.custom.get(key);
  }

  entry(key: string): SettingEntry {
    return this.entries.get(key) ?? this.resetEntry(key);
  }

  /** The server's value changed: follows from it what follows from a change, where this session has none of its own. */
  serverChanged(key: string): void {
    if (!this.entries.has(key) && !this.resetEntries.has(key)) this.listener(key, this.value(key));
  }

  /** What RESET would set. */
  resetEntry(key: string): SettingEntry {
    return this.resetEntries.get(key) ?? this.server.entry(key);
  }

  value(key: string): SettingValue {
    return this.entry(key).value;
  }

  /** Those that statements and transactions ask for, as they are now. */
  get frequent(): FrequentSettings {
    const { often } = this;
    return often !== null && this.oftenOf === this.server.version ? often : this.readFrequent();
  }

  private readFrequent(): FrequentSettings {
    this.oftenOf = this.server.version;
    return this.often = readFrequentSettings((key) => this.value(key));
  }

  /** As SHOW prints it; null when there is no such setting. */
  show(name: string): string | null {
    const key = settingKey(name);
    const definition = this.definition(key);
    return definition === undefined ? null : formatSettingValue(definition, this.value(key));
  }

  /** Every setting this session knows, customized ones included, by key. */
  *definitions(): IterableIterator<[string, SettingDefinition]> {
    for (const key of settingKeys()) yield [key, settingDefinition(key)!];
    yield* this.custom;
  }

  /** Values that differ from the server's, by key. */
  *changed(): IterableIterator<[string, SettingEntry]> {
    yield* this.entries;
    for (const [key, entry] of this.resetEntries) if (!this.entries.has(key)) yield [key, entry];
  }

  /** Settings for EXPLAIN (SETTINGS): flagged so, and not at their boot value; the server's first, then in order of setting. */
  explained(): { name: string; value: string }[] {
    const keys = new Set([...this.server.keys(), ...this.resetEntries.keys(), ...this.entries.keys()]);
    return [...keys].flatMap((key) => {
      const definition = settingDefinition(key);
      const value = this.value(key);
      if (!definition?.flags.includes('EXPLAIN') || value === definition.bootValue) return [];
      return [{ name: definition.name, value: formatSettingValue(definition, value) }];
    });
  }

  /** Checks a value as SET would, without setting it; returns its text in canonical form. */
  checkText(name: string, text: string): string {
    const key = settingKey(name);
    const definition = this.definition(key) ?? requireDefinition(key, name);
    const value = this.checked(key, definition, text, 'session');
    return definition.type === 'string' ? String(value) : formatSettingValue(definition, value);
  }

  private checked(key: string, definition: SettingDefinition, text: string, source: SettingSource): SettingValue {
    const value = parseSettingValue(definition, text);
    checkLoggingValue(key, value);
    checkReplicationValue(key, value);
    const check = this.checks.get(key);
    return check === undefined ? value : check(value, this.value(key), source);
  }

  /** SET, or RESET when `text` is null. Throws 42704, 22023, 55P02, 42501. */
  set(name: string, text: string | null, options: SetOptions): void {
    const key = settingKey(name);
    const definition = this.definition(key) ?? requireDefinition(key, name);
    refuseByContext(definition, options);
    const entry = text === null
      ? this.resetEntry(key)
      : { value: this.checked(key, definition, text, options.source), source: options.source };
    if (settingDefinition(key) === undefined && !this.custom.has(key)) this.custom.set(key, definition);
    this.change(key, entry, options.isSave ? 'save' : options.isLocal ? 'local' : 'set');
  }

  /** Sets a value below SET: role, database or start-up packet. RESET goes back to it. */
  setDefault(name: string, text: string, source: SettingSource, isSuperuser: boolean): void {
    const key = settingKey(name);
    const definition = this.definition(key) ?? requireDefinition(key, name);
    refuseByContext(definition, { source, isLocal: false, isSuperuser });
    const value = this.checked(key, definition, text, source);
    if (settingDefinition(key) === undefined) this.custom.set(key, definition);
    this.often = null;
    this.resetEntries.set(key, { value, source });
    this.listener(key, this.value(key));
  }

  /** Changes a value without checks: what the session itself finds out (is_superuser, transaction_isolation ...). */
  assign(key: string, value: SettingValue, mode: 'set' | 'local' | 'silent'): void {
    const entry: SettingEntry = { value, source: 'override' };
    if (mode === 'silent') this.store(key, entry);
    else this.change(key, entry, mode);
  }

  private change(key: string, entry: SettingEntry, action: 'save' | 'set' | 'local'): void {
    if (this.level > 0) this.push(key, action);
    else if (action === 'local') return;
    this.store(key, entry);
  }

  private store(key: string, entry: SettingEntry): void {
    this.often = null;
    if (entry === this.resetEntry(key) || entry.source === 'default') this.entries.delete(key);
    else this.entries.set(key, entry);
    this.listener(key, entry.value);
  }

  private push(key: string, action: 'save' | 'set' | 'local'): void {
    let stack = this.stacks.get(key);
    if (stack === undefined) this.stacks.set(key, stack = []);
    const top = stack.at(-1);
    const current = this.entries.get(key) ?? null;
    if (top === undefined || top.level < this.level) {
      stack.push({ level: this.level, state: action, prior: current, masked: null });
    } else if (action === 'set') {
      top.masked = null;
      top.state = 'set';
    } else if (action === 'local' && top.state === 'set') {
      top.masked = current;
      top.state = 'setLocal';
    }
  }

  /** Nesting depth now: 0 outside transactions, 1 in a transaction, more in savepoints and functions. */
  get nestLevel(): number {
    return this.level;
  }

  /** A transaction, savepoint or function with SET clauses begins. */
  beginLevel(): number {
    return ++this.level;
  }

  /** Ends `level` and all within it, keeping (commit) or undoing what was set there. */
  endLevel(level: number, commit: boolean): void {
    for (; this.level >= level; this.level--) {
      if (this.stacks.size === 0) continue;
      for (const [key, stack] of this.stacks) {
        while (stack.length > 0 && stack.at(-1)!.level >= this.level && this.unwind(key, stack, commit));
        if (stack.length === 0) this.stacks.delete(key);
      }
    }
  }

  /** Handles the top entry; false when what is left of it belongs to the level below. */
  private unwind(key: string, stack: StackEntry[], commit: boolean): boolean {
    const top = stack.at(-1)!;
    const below = stack.at(-2);
    if (!commit || top.state === 'save') {
      stack.pop();
      this.restore(key, top.prior);
      return true;
    }
    if (top.level === 1) {
      stack.pop();
      if (top.state === 'local') this.restore(key, top.prior);
      else if (top.state === 'setLocal') this.restore(key, top.masked);
      return true;
    }
    if (below === undefined || below.level < top.level - 1) {
      top.level--;
      return false;
    }
    stack.pop();
    if (top.state === 'set') {
      below.state = 'set';
      below.masked = null;
    } else if (top.state === 'local') {
      if (below.state === 'set') {
        below.masked = top.prior;
        below.state = 'setLocal';
      }
    } else {
      below.masked = top.masked;
      below.state = 'setLocal';
    }
    return false;
  }

  private restore(key: string, entry: SettingEntry | null): void {
    this.often = null;
    if (entry === null) this.entries.delete(key);
    else this.entries.set(key, entry);
    this.listener(key, this.value(key));
  }

  /** RESET ALL (settings with NO_RESET_ALL keep their values). */
  resetAll(isSuperuser: boolean): void {
    for (const key of [...this.entries.keys()]) {
      const definition = this.definition(key);
      if (definition === undefined || definition.flags.includes('NO_RESET_ALL') || definition.flags.includes('NO_RESET')) continue;
      if (definition.context !== 'user' && !(definition.context === 'superuser' && isSuperuser)) continue;
      this.change(key, this.resetEntry(key), 'set');
    }
  }
}

function refuseByContext(definition: SettingDefinition, options: SetOptions): void {
  const { name } = definition;
  const atStart = options.source === 'client';
  switch (definition.context) {
    case 'internal':
      throw cannotChange(definition);
    case 'postmaster':
      throw pgError('CANT_CHANGE_RUNTIME_PARAM', `parameter "${name}" cannot be changed without restarting the server`);
    case 'sighup':
      throw pgError('CANT_CHANGE_RUNTIME_PARAM', `parameter "${name}" cannot be changed now`);
    case 'superuser-backend':
    case 'backend':
      if (!atStart) throw pgError('CANT_CHANGE_RUNTIME_PARAM', `parameter "${name}" cannot be set after connection start`);
      if (definition.context === 'superuser-backend' && !options.isSuperuser) throw permissionDenied(name);
      return;
    case 'superuser':
      if (!options.isSuperuser) throw permissionDenied(name);
      return;
    case 'user':
  }
}

function permissionDenied(name: string): PgError {
  return pgError('INSUFFICIENT_PRIVILEGE', `permission denied to set parameter "${name}"`);
}
