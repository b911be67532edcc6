/**
 * A standby's sessions: when they may be had, whom replay cancels, and what becomes of them when the server is promoted in place.
 *
 * Promises: no session is served before replay is consistent; a session in replay's way is cancelled or ended and counted, never
 * waited for again; open sessions and running (read-only) transactions outlive a promotion.
 */
import type { Standby, StandbySettings } from '../access/standby.js';
import { pgError } from '../base/error.js';
import type { Lsn } from '../base/lsn.js';
import { drive } from '../base/suspend.js';
import { isInitialized } from '../catalog/bootstrap.js';
import type { ClusterCatalog } from '../catalog/cluster.js';
import type { RelationTarget } from '../txn/lock-modes.js';
import { ConflictCounts } from './conflicts.js';
import type { Engine } from './engine.js';
import { NO_REPLICATION } from './replication-status.js';
import type { ServerSettings } from './settings/store.js';
import { openUpkeepSession, temporarySchemas } from './upkeep.js';

const PG_DATABASE = 1262;

/** How a standby applies, as the settings say at every moment. */
export class StandbyDelays implements StandbySettings {
  /** The log comes from the archive: nobody streams it. */
  fromArchive: () => boolean = () => false;

  constructor(private readonly settings: ServerSettings) {}

  get applyDelayMs(): number {
    return this.settings.number('recovery_min_apply_delay');
  }

  get deadlockTimeoutMs(): number {
    return this.settings.number('deadlock_timeout');
  }

  get conflictDelayMs(): number {
    return this.settings.number(this.fromArchive() ? 'max_standby_archive_delay' : 'max_standby_streaming_delay');
  }
}

/** See the file's comment. */
export class HotStandby {
  readonly conflicts = new ConflictCounts();
  /** Until the sessions may write: a little longer than the storage is in recovery. */
  inRecovery = true;
  private readonly endWatchers = new Set<() => void>();
  /** Where the received log ended at the promotion. */
  private endLsn: Lsn | null = null;

  constructor(private readonly engine: Engine, readonly standby: Standby) {
    standby.onConflict = (relation) => this.cancelHolders(relation);
    const { settings } = standby;
    if (settings instanceof StandbyDelays) settings.fromArchive = () => engine.replication !== NO_REPLICATION && engine.replication.receiver() === null;
  }

  /** What is received and durable, or visible already; after a promotion what was. */
  get receivedLsn(): Lsn {
    const { flushedLsn, appliedLsn } = this.standby;
    return this.endLsn ?? (appliedLsn > flushedLsn ? appliedLsn : flushedLsn);
  }

  /** What queries see; after a promotion what they saw. */
  get replayedLsn(): Lsn {
    return this.endLsn ?? this.standby.appliedLsn;
  }

  /** The catalogs were opened: from now on they follow the log. */
  catalogsOpened(catalogs: ClusterCatalog): void {
    catalogs.isStandby = this.inRecovery;
    catalogs.onReplayed = (changed) => {
      // The commit that says so is visible once its record is applied: when this turn is over.
      if (changed.has(PG_DATABASE)) queueMicrotask(() => this.endSessionsOfDropped(catalogs));
    };
  }

  /** FATAL 57P03 while sessions cannot be served. */
  checkAccepting(): void {
    const { engine, standby } = this;
    const refuse = (message: string, detail: string): Error => pgError('CANNOT_CONNECT_NOW', message, { severity: 'FATAL', detail });
    if (!this.inRecovery) return;
    if (!engine.settings.boolean('hot_standby')) throw refuse('the database system is not accepting connections', 'Hot standby mode is disabled.');
    if (!standby.isConsistent || !isInitialized(engine.storage)) {
      throw refuse('the database system is not yet accepting connections', 'Consistent recovery state has not been yet reached.');
    }
  }

  // ---------------------------------------------------------------- conflicts

  /** Replay has waited long enough for a relation: whoever holds a lock on it must go. */
  private cancelHolders(relation: RelationTarget): void {
    const holders = new Set<number>();
    for (const { tag, granted, sessionId } of this.engine.storage.locks.list()) {
      if (granted && tag.kind === 'relation' && tag.relation === relation.relation && tag.database === relation.database) holders.add(sessionId);
    }
    for (const processId of holders) {
      const session = this.engine.session(processId);
      if (session?.conflictWithRecovery('lock')) this.conflicts.add(session.databaseOid);
    }
  }

  /** A database may have been dropped: its sessions have nothing left to read. */
  private endSessionsOfDropped(catalogs: ClusterCatalog): void {
    const { engine } = this;
    const connected = new Set([...engine.sessions.values()].map((session) => session.databaseOid));
    const dropped = engine.withCatalog((catalog) => [...connected].filter((oid) => catalog.database(oid) === null));
    for (const oid of dropped) {
      for (const session of engine.sessionsOf(oid)) session.conflictWithRecovery('database');
      catalogs.closeDatabase(oid);
    }
  }

  // ---------------------------------------------------------------- promotion

  /** Calls back when the sessions are a primary's; returns what ends it. */
  watchEnd(listener: () => void): () => void {
    this.endWatchers.add(listener);
    return () => this.endWatchers.delete(listener);
  }

  /** The storage is a primary's: see `Engine.promoted`. */
  async promoted(): Promise<void> {
    const { engine } = this;
    if (!this.inRecovery) return;
    if (engine.storage.inRecovery) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is in progress');
    engine.catalogs.isStandby = false;
    this.endLsn = engine.storage.source?.history.ancestors.at(-1)?.switchLsn ?? engine.storage.appendedLsn();
    await this.dropTemporaryObjects();
    this.inRecovery = false;
    engine.settings.preset('in_hot_standby', false);
    for (const session of engine.sessions.values()) session.settingChanges.changed('in_hot_standby', false);
    for (const watcher of this.endWatchers) watcher();
    this.endWatchers.clear();
  }

  /** What sessions of the old primary had in temporary schemas: nobody's any more, and no session here has any yet. */
  private async dropTemporaryObjects(): Promise<void> {
    const { engine } = this;
    const databases = engine.withCatalog((catalog) => [...catalog.table('pg_database').all()].filter((row) => row.datallowconn));
    for (const { oid, datname } of databases) {
      const session = openUpkeepSession(engine, oid, datname);
      for (const namespace of temporarySchemas(session)) await drive(session.dropTemporaryObjects(namespace));
      session.close();
    }
  }
}
