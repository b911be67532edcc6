/**
 * What follows from a change of a session's settings: roles, formats of functions, plans, the log, and ParameterStatus for the
 * client; and SET and SHOW with the settings that stand for the state of the transaction.
 */
import type { Oid } from '../catalog/api.js';
import type { SessionClient } from './client.js';
import { applySetting } from './services.js';
import type { Session } from './session.js';
import { settingDefinition } from './settings/definitions.js';
import { formatSettingValue, type SettingValue } from './settings/values.js';
import { PLAN_INDEPENDENT } from './shared-plans.js';

/** Settings that built-in functions look at. */
const FUNCTION_SETTINGS = [
  'datestyle', 'intervalstyle', 'timezone', 'extra_float_digits', 'bytea_output', 'standard_conforming_strings',
  'default_text_search_config', 'xmloption',
];

/** See the file's comment. */
export class SettingChanges {
  /** Counts changes of settings that plans may depend on. */
  version = 0;
  /** Roles that SET ROLE and SET SESSION AUTHORIZATION looked up, so that undoing them needs no look-up. */
  readonly knownRoles = new Map<string, { readonly oid: Oid; readonly isSuperuser: boolean }>();
  private reportedChanges: Set<string> | null = null;

  constructor(private readonly session: Session, private readonly client: Pick<SessionClient, 'parameterStatus'>) {}

  /** Takes over the values at the session's beginning. */
  applyAll(): void {
    const { services, settings, log } = this.session;
    for (const key of FUNCTION_SETTINGS) applySetting(services.settings, key, settings.value(key));
    log.settingsChanged();
  }

  /** A value changed, or its change was undone. */
  changed(key: string, value: SettingValue): void {
    const { services, log } = this.session;
    if (!PLAN_INDEPENDENT.has(key)) this.version++;
    if (key === 'seed') services.setSeed(Number(value));
    if (key === 'role' || key === 'session_authorization') this.roleChanged(key, String(value));
    if (key.startsWith('log_')) log.settingsChanged();
    applySetting(services.settings, key, value);
    if (settingDefinition(key)?.reported) (this.reportedChanges ??= new Set()).add(key);
  }

  private roleChanged(key: 'role' | 'session_authorization', name: string): void {
    const { session } = this;
    const known = this.knownRoles.get(name);
    if (key === 'role') {
      session.roleOid = name === 'none' ? 0 : known?.oid ?? 0;
    } else {
      session.sessionUserOid = known?.oid ?? session.identity.roleOid;
      session.settings.assign('role', 'none', 'silent');
    }
    const current = this.knownRoles.get(session.roleOid === 0 ? String(session.settings.value('session_authorization')) : name);
    if (current !== undefined) session.settings.assign('is_superuser', current.isSuperuser, 'silent');
  }

  /** set_config() and SET: returns the value as SHOW prints it. */
  set(name: string, value: string | null, isLocal: boolean): string {
    const { settings, isSuperuser } = this.session;
    settings.set(name, value, { source: 'session', isLocal, isSuperuser });
    return settings.show(name) ?? '';
  }

  /** As SHOW prints it, the transaction's own state included; null when there is no such setting. */
  show(name: string): string | null {
    const { block, settings, engine } = this.session;
    switch (name.toLowerCase()) {
      case 'transaction_isolation': return block.kind === 'none' ? settings.frequent.default_transaction_isolation : block.isolationName;
      case 'transaction_read_only': return (block.kind === 'none' ? settings.frequent.default_transaction_read_only || engine.inRecovery : block.readOnly) ? 'on' : 'off';
      case 'transaction_deferrable': return block.deferrable ? 'on' : 'off';
      default: return settings.show(name);
    }
  }

  /** Tells the client of reported settings that changed: before ReadyForQuery, as PostgreSQL does. */
  report(): void {
    const changes = this.reportedChanges;
    if (changes === null) return;
    this.reportedChanges = null;
    for (const key of changes) {
      const definition = settingDefinition(key)!;
      this.client.parameterStatus(definition.name, formatSettingValue(definition, this.session.settings.value(key)));
    }
  }

  /** Every reported setting, at start-up. */
  reportAll(): void {
    const { settings } = this.session;
    for (const [key, definition] of settings.definitions()) {
      if (definition.reported) this.client.parameterStatus(definition.name, formatSettingValue(definition, settings.value(key)));
    }
    this.reportedChanges = null;
  }
}
