/**
 * What functions may ask of the log and its replay.
 */
import { INVALID_LSN } from '../base/lsn.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import type { ControlFacts, RecoveryServices } from '../functions/system/recovery.js';
import { normalizeInt8 } from '../types/datum.js';
import { SEGMENT_BYTES, segmentName, segmentOf } from '../wal/format.js';
import { confirmMode } from './commit-wait.js';
import { POSTGRES_EPOCH_MICROS } from './services.js';
import type { Session } from './session.js';

/** Kind of the log message that names a restore point; its payload is the name in UTF-8. */
export const RESTORE_POINT_MESSAGE = 'restore point';

/** See the file's comment. */
export class SessionRecoveryServices implements RecoveryServices {
  readonly segmentBytes = SEGMENT_BYTES;

  constructor(private readonly session: Session) {}

  get inRecovery(): boolean {
    return this.session.inRecovery;
  }

  get timeline(): number {
    return this.session.engine.storage.timeline;
  }

  receivedLsn(): number | null {
    return this.session.engine.hotStandby?.receivedLsn ?? null;
  }

  replayedLsn(): number | null {
    return this.session.engine.hotStandby?.replayedLsn ?? null;
  }

  replayedCommitTime(): number | null {
    const micros = this.session.engine.standby?.lastCommitMicros ?? 0;
    return micros === 0 ? null : micros - POSTGRES_EPOCH_MICROS;
  }

  get pauseState(): RecoveryServices['pauseState'] {
    return this.session.engine.standby?.isPaused === true ? 'paused' : 'not paused';
  }

  setPaused(paused: boolean): void {
    this.session.engine.standby?.setPaused(paused);
  }

  *promote(wait: boolean, waitSeconds: number): Suspendable<boolean> {
    let promoted = false;
    yield new Suspend(this.session.engine.replication.promote(wait, waitSeconds).then((done) => {
      promoted = done;
    }));
    return promoted;
  }

  switchLog(): number {
    return this.session.engine.storage.switchLog();
  }

  createRestorePoint(name: string): number {
    const { engine, processId, settings, ends } = this.session;
    const { storage } = engine;
    const transaction = storage.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: processId });
    storage.logMessage(transaction, { kind: RESTORE_POINT_MESSAGE, payload: Buffer.from(name) });
    const position = transaction.commit();
    ends.commits.add(position, confirmMode(settings.frequent.synchronous_commit) ?? 'local');
    return position;
  }

  segmentName(position: number): string {
    return segmentName(this.timeline, segmentOf(position));
  }

  control(): ControlFacts {
    const { storage } = this.session.engine;
    const { stateLsn, redoLsn, nextXid, nextOid } = storage.statistics();
    return { systemIdentifier: normalizeInt8(storage.systemIdentifier), timeline: storage.timeline, checkpointLsn: stateLsn, redoLsn, nextXid, nextOid };
  }
}
