/**
 * Rows of pg_settings, pg_stat_activity, pg_prepared_statements and pg_cursors.
 */
import { hasPrivilegesOfRole } from '../catalog/roles.js';
import type { SessionListServices } from '../functions/system/sessions.js';
import { ArrayValue, type Datum } from '../types/datum.js';
import type { SessionActivity } from './activity.js';
import type { Session } from './session.js';
import { plainSettingValue } from './settings/values.js';

const TEXT = 25;
const REGTYPE = 2206;
const PG_READ_ALL_STATS = 3375;

/** See the file's comment. */
export class SessionLists implements SessionListServices {
  constructor(private readonly session: Session) {}

  *settings(): Iterable<Datum[]> {
    const { settings, engine } = this.session;
    for (const [key, definition] of settings.definitions()) {
      if (definition.flags.includes('NO_SHOW_ALL')) continue;
      const entry = settings.entry(key);
      const isNumber = definition.type === 'integer' || definition.type === 'real';
      const shown = definition.name.startsWith('transaction_') && !isNumber ? this.session.settingChanges.show(key) : null;
      yield [
        definition.name, shown ?? plainSettingValue(definition, entry.value), definition.unit, definition.category, definition.shortDescription,
        definition.extraDescription, definition.context, definition.type, entry.source,
        isNumber ? plainSettingValue(definition, definition.minimum) : null, isNumber ? plainSettingValue(definition, definition.maximum) : null,
        definition.enumValues.length === 0 ? null : ArrayValue.of(TEXT, definition.enumValues),
        plainSettingValue(definition, definition.bootValue), plainSettingValue(definition, settings.resetEntry(key).value), null, null, engine.settings.pendingRestart.has(key),
      ];
    }
  }

  *activity(processId: number | null): Iterable<Datum[]> {
    const { engine } = this.session;
    for (const other of engine.sessions.values()) {
      if (processId === null || other.processId === processId) yield this.activityRow(other.activity(), other.block.started?.xid || null, 'client backend');
    }
    for (const sender of engine.replication.senders()) {
      if (processId !== null && sender.processId !== processId) continue;
      yield this.activityRow({
        ...sender, databaseOid: 0, databaseName: '', userName: '', transactionStart: 0, queryStart: 0, stateChange: sender.backendStart, state: 'active',
        query: '', waitEvent: ['Activity', 'WalSenderMain'],
      }, null, 'walsender');
    }
  }

  private activityRow(row: SessionActivity, xid: number | null, type: string): Datum[] {
    const { catalog, currentUserOid } = this.session;
    const allowed = hasPrivilegesOfRole(catalog, currentUserOid, row.userOid) || hasPrivilegesOfRole(catalog, currentUserOid, PG_READ_ALL_STATS);
    const seen = <T extends Datum>(value: T): T | null => (allowed ? value : null);
    const time = (micros: number): number | null => (micros === 0 || !allowed ? null : micros);
    return [
      row.databaseOid || null, row.processId, row.userOid, seen(row.applicationName), seen(row.state), allowed ? row.query : '<insufficient privilege>',
      seen(row.waitEvent?.[0] ?? null), seen(row.waitEvent?.[1] ?? null),
      time(row.transactionStart), time(row.queryStart), time(row.backendStart), time(row.stateChange),
      seen(row.client.address), null, seen(row.client.port), seen(xid), null, seen(type),
      false, null, null, null, null, null, null, false, null, false, false, null, null,
    ];
  }

  *preparedStatements(): Iterable<Datum[]> {
    for (const { name, statement, fromSql, preparedAt, choice } of this.session.prepared.values()) {
      if (name === '') continue;
      const result = statement.plans?.shape?.columns.map((column) => column.typeOid) ?? null;
      yield [
        name, statement.sourceText, preparedAt, ArrayValue.of(REGTYPE, statement.parameterTypes),
        result === null ? null : ArrayValue.of(REGTYPE, result), fromSql, choice.genericPlans, choice.customPlans,
      ];
    }
  }

  *cursors(): Iterable<Datum[]> {
    for (const portal of this.session.portals.values()) {
      if (portal.name === '' && portal.cursor === null) continue;
      yield [portal.name, portal.statement.sourceText, portal.cursor?.hold ?? false, portal.cursor?.binary ?? false, portal.isScrollable, portal.createdAt];
    }
  }
}
