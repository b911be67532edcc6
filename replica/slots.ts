/**
 * Replication slots: named promises to keep the log from where a replica stands, over restarts, up to `max_slot_wal_keep_size`; beyond that the
 * log may go, and once it has, the slot is lost and says so (PostgreSQL's replication/slot.c; physical slots only).
 *
 * They live in one small file (`format.ts`) that is replaced durably when a slot is made, dropped, lost, let go, or has moved into another
 * segment. A position read back may so be older than the truth: that keeps more log, never less.
 */
import { pgError, type PgError } from '../lib/base/error.js';
import { formatLsn, lsn, parseLsn, type Lsn } from '../lib/base/lsn.js';
import { crc32c } from '../lib/codec/crc32c.js';
import { isEnvError, writeFileDurably, type Env } from '../lib/env/env.js';
import { segmentOf } from '../lib/wal/format.js';
import type { LogHold, LogSource } from '../lib/wal/shipping.js';
import { checkSlotName } from '../lib/wal/slot-name.js';
import { SLOTS_FILE, SLOTS_HEADER } from './format.js';

/** How much slots may keep. All may change while they run. */
export interface SlotSettings {
  /** max_slot_wal_keep_size in bytes; -1: no limit. */
  maxSlotWalKeepBytes: number;
  /** max_wal_size in bytes: what is kept beyond it counts as extended. */
  maxWalBytes: number;
  /** idle_replication_slot_timeout in milliseconds: a slot that nobody uses for so long is invalidated; 0: never. */
  idleTimeoutMs: number;
  /** max_replication_slots. */
  maxSlots: number;
}

/** Why a slot is of no more use: its log is gone, or nobody used it for too long. */
export type Invalidation = 'wal_removed' | 'idle_timeout';

/** pg_replication_slots.wal_status */
export type WalStatus = 'reserved' | 'extended' | 'unreserved' | 'lost';

/** A session that has a temporary slot. */
export interface SlotOwner {
  readonly processId: number;
  /** The slot is lost: the session must end, and its slots with it. */
  end(): void;
}

/** A slot as pg_replication_slots shows it. */
export interface SlotInfo {
  readonly name: string;
  readonly active: boolean;
  /** Process id of the session whose temporary slot it is; null: it stays until it is dropped. */
  readonly ownerProcessId: number | null;
  /** Null until log is reserved. */
  readonly restartLsn: Lsn | null;
  readonly walStatus: WalStatus | null;
  /** Bytes that may be written before the slot is in danger; null without a limit. */
  readonly safeWalSize: number | null;
  /** Since when no replica uses it, in wall-clock microseconds; null while one does. */
  readonly inactiveSinceMicros: number | null;
  /** Null for a slot that may be used. */
  readonly invalidationReason: Invalidation | null;
}

/** Where slots live and what they hold. */
export interface SlotParts {
  readonly env: Env;
  readonly dataDirectory: string;
  readonly source: LogSource;
  readonly settings: SlotSettings;
  /** For the server's log. */
  readonly log: (error: PgError) => void;
}

/** A slot. */
interface Slot {
  readonly name: string;
  /** Of a temporary slot: it is in use as long as there is one, and not in the file. */
  readonly owner: SlotOwner | null;
  /** 0: nothing reserved yet. */
  restartLsn: number;
  /** What the file says. */
  savedLsn: number;
  lost: Invalidation | null;
  hold: LogHold | null;
  /** Called when the slot is lost, to end who uses it. */
  user: ((reason: PgError) => void) | null;
  inactiveSinceMicros: number;
}

/** A slot in use by one replica. */
export interface SlotUse {
  readonly name: string;
  /** The replica has flushed up to here. */
  confirm(position: Lsn): void;
  release(): void;
}

/** 55000 for a slot that was invalidated. */
export function slotLost(name: string, reason: Invalidation): PgError {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `can no longer access replication slot "${name}"`, {
    detail: `This replication slot has been invalidated due to "${reason}".`,
  });
}

/** A slot's state in the file. */
const STATES: Readonly<Record<Invalidation | 'kept', string>> = { kept: 'kept', wal_removed: 'lost', idle_timeout: 'idle' };
const INVALIDATIONS: readonly Invalidation[] = ['wal_removed', 'idle_timeout'];

/** What the file says of a slot. */
export interface SavedSlot {
  readonly name: string;
  readonly restartLsn: number;
  readonly lost: Invalidation | null;
}

/** The file's text. */
export function formatSlots(slots: Iterable<SavedSlot>): string {
  const lines = [SLOTS_HEADER];
  for (const { name, restartLsn, lost } of slots) lines.push(`${name}\t${formatLsn(lsn(restartLsn))}\t${STATES[lost ?? 'kept']}`);
  const body = `${lines.join('\n')}\n`;
  return `${body}${crc32c(Buffer.from(body)).toString(16).padStart(8, '0')}\n`;
}

/** Reads the file's text; XX001 when it is damaged or of another version. */
export function parseSlots(path: string, text: string): SavedSlot[] {
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, end);
  const lines = body.split('\n').slice(0, -1);
  const sound = text.slice(end) === `${crc32c(Buffer.from(body)).toString(16).padStart(8, '0')}\n`;
  if (!sound || lines[0] !== SLOTS_HEADER) throw pgError('DATA_CORRUPTED', `file "${path}" is damaged or of another version`, { severity: 'FATAL' });
  return lines.slice(1).map((line) => {
    const [name, position, state] = line.split('\t');
    return { name, restartLsn: parseLsn(position), lost: INVALIDATIONS.find((reason) => STATES[reason] === state) ?? null };
  });
}

/** See the file's comment. */
export class ReplicationSlots {
  private readonly slots = new Map<string, Slot>();
  private readonly path: string;
  private readonly unwatch: () => void;

  /** Reads the file and reserves what it names; do this before the engine may remove log. */
  constructor(private readonly parts: SlotParts) {
    const { env, dataDirectory, source } = parts;
    this.path = `${dataDirectory}/${SLOTS_FILE}`;
    if (env.files.exists(this.path)) {
      for (const saved of parseSlots(this.path, Buffer.from(env.files.readFile(this.path)).toString('utf8'))) {
        const slot = this.newSlot(saved.name, null);
        Object.assign(slot, { restartLsn: saved.restartLsn, savedLsn: saved.restartLsn, lost: saved.lost });
        if (slot.lost === null && slot.restartLsn > 0) slot.hold = source.holdLog(slot.name, lsn(slot.restartLsn));
      }
    }
    this.unwatch = source.watchLog(() => this.check());
    this.check();
  }

  private newSlot(name: string, owner: SlotOwner | null): Slot {
    const slot: Slot = { name, owner, restartLsn: 0, savedLsn: 0, lost: null, hold: null, user: null, inactiveSinceMicros: this.parts.env.clock.wallMicros() };
    this.slots.set(name, slot);
    return slot;
  }

  private save(): void {
    const { env } = this.parts;
    writeFileDurably(env.files, this.path, Buffer.from(formatSlots([...this.slots.values()].filter(({ owner }) => owner === null))));
    for (const slot of this.slots.values()) slot.savedLsn = slot.restartLsn;
  }

  /** Saves what is only progress: where that cannot be (a full disk), the file keeps more log than it must, and the next one tries again. */
  private saveProgress(): void {
    try {
      this.save();
    } catch (error) {
      if (!isEnvError(error)) throw error;
      this.parts.log(pgError('IO_ERROR', `could not write file "${this.path}": ${error.message}`, { severity: 'WARNING' }));
    }
  }

  private find(name: string): Slot {
    const slot = this.slots.get(name);
    if (slot === undefined) throw pgError('UNDEFINED_OBJECT', `replication slot "${name}" does not exist`);
    return slot;
  }

  /** 55006 while a replica, or another session than this one, uses it. */
  private checkFree(slot: Slot, processId: number | null): void {
    if (slot.user === null && (slot.owner === null || slot.owner.processId === processId)) return;
    throw pgError('OBJECT_IN_USE', `replication slot "${slot.name}" is active${slot.owner === null ? '' : ` for PID ${slot.owner.processId}`}`);
  }

  /** Makes a slot (pg_create_physical_replication_slot); `reserveFrom`: keeps log at once; `owner`: temporary. 42710, 42602, 53400. */
  create(name: string, reserveFrom: Lsn | null, owner: SlotOwner | null = null): SlotInfo {
    checkSlotName(name);
    if (this.slots.has(name)) throw pgError('DUPLICATE_OBJECT', `replication slot "${name}" already exists`);
    if (this.slots.size >= this.parts.settings.maxSlots) {
      throw pgError('CONFIGURATION_LIMIT_EXCEEDED', 'all replication slots are in use', { hint: 'Free one or increase "max_replication_slots".' });
    }
    const slot = this.newSlot(name, owner);
    if (reserveFrom !== null) this.reserve(slot, reserveFrom);
    if (owner === null) this.save();
    return this.describe(slot);
  }

  /** Makes a slot that keeps what another one keeps (pg_copy_physical_replication_slot). 42704, 55000, and what `create` raises. */
  copy(source: string, name: string, owner: SlotOwner | null): SlotInfo {
    checkSlotName(name);
    const slot = this.find(source);
    // PostgreSQL forgets the position of a slot whose log is gone, so this comes first for it.
    if (slot.restartLsn === 0 || slot.lost === 'wal_removed') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'cannot copy a replication slot that doesn\'t reserve WAL');
    if (slot.lost !== null) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `cannot copy invalidated replication slot "${source}"`);
    return this.create(name, lsn(slot.restartLsn), owner);
  }

  /** Drops a slot (pg_drop_replication_slot), for this session. 42704, 55006. */
  drop(name: string, processId: number | null = null): void {
    const slot = this.find(name);
    this.checkFree(slot, processId);
    slot.hold?.release();
    this.slots.delete(name);
    if (slot.owner === null) this.save();
  }

  /** Drops the temporary slots of a session: it is over, or a statement of it has failed. */
  dropTemporary(processId: number): void {
    for (const slot of this.slots.values()) {
      if (slot.owner?.processId !== processId) continue;
      slot.hold?.release();
      this.slots.delete(slot.name);
    }
  }

  /** Moves a slot that nobody else uses forward (pg_replication_slot_advance); returns where it stands. 42704, 55006, 55000. */
  advance(name: string, position: Lsn, processId: number | null = null): Lsn {
    const slot = this.find(name);
    this.checkFree(slot, processId);
    if (slot.lost !== null) throw slotLost(name, slot.lost);
    if (slot.restartLsn === 0) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `replication slot "${name}" cannot be advanced`, { detail: 'This slot has never previously reserved WAL, or it has been invalidated.' });
    const { durableLsn } = this.parts.source;
    const target = position < durableLsn ? position : durableLsn;
    if (target < slot.restartLsn) {
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `cannot advance replication slot to ${formatLsn(target)}, minimum is ${formatLsn(lsn(slot.restartLsn))}`);
    }
    this.reserve(slot, target);
    if (slot.owner === null) this.save();
    return target;
  }

  /**
   * Takes a slot for a replica that streams from `from` on, or is cloned with a state that replays from there (`renew`: a lost slot begins
   * anew). `lost` is called when it is lost meanwhile. Made when missing. 55006 while another replica uses it, 55000 when it is lost.
   */
  acquire(name: string, from: Lsn, renew: boolean, lost: (reason: PgError) => void): SlotUse {
    if (!this.slots.has(name)) this.create(name, from);
    const slot = this.find(name);
    this.checkFree(slot, null);
    if (slot.lost !== null && !renew) throw slotLost(name, slot.lost);
    // A replica may also come back with less than it had: it was restored, or we have lost log to a rewind.
    if (renew || from < slot.restartLsn) {
      slot.hold?.release();
      Object.assign(slot, { lost: null, hold: null, restartLsn: 0 });
    }
    this.reserve(slot, from);
    slot.user = lost;
    this.save();
    let released = false;
    return {
      name,
      confirm: (position) => {
        if (!released) this.confirm(slot, position);
      },
      release: () => {
        if (released) return;
        released = true;
        slot.user = null;
        slot.inactiveSinceMicros = this.parts.env.clock.wallMicros();
        if (this.slots.get(name) === slot && slot.savedLsn !== slot.restartLsn) this.saveProgress();
      },
    };
  }

  /** True for a slot whose log is gone, or that was invalidated. */
  isLost(name: string): boolean {
    return (this.slots.get(name)?.lost ?? null) !== null;
  }

  /** Keeps log from `position` on; never goes back. */
  private reserve(slot: Slot, position: Lsn): void {
    if (position > slot.restartLsn) slot.restartLsn = position;
    if (slot.hold !== null) slot.hold.advance(position);
    else if (slot.restartLsn > 0 && this.isWithinLimit(slot)) slot.hold = this.parts.source.holdLog(slot.name, lsn(slot.restartLsn));
  }

  private confirm(slot: Slot, position: Lsn): void {
    if (slot.lost !== null || position <= slot.restartLsn) return;
    this.reserve(slot, position);
    if (segmentOf(position) !== segmentOf(slot.savedLsn)) this.saveProgress();
  }

  private isWithinLimit(slot: Slot): boolean {
    const { settings, source } = this.parts;
    return settings.maxSlotWalKeepBytes < 0 || source.durableLsn - slot.restartLsn <= settings.maxSlotWalKeepBytes;
  }

  /** The log has grown: lets go of what is beyond the limit, and finds what is lost. */
  private check(): void {
    for (const slot of this.slots.values()) {
      if (slot.lost !== null || slot.restartLsn === 0) continue;
      if (this.isIdle(slot)) this.invalidate(slot, 'idle_timeout');
      if (slot.lost === null && slot.hold !== null && !this.isWithinLimit(slot)) {
        slot.hold.release();
        slot.hold = null;
      }
      if (slot.lost === null && slot.hold === null && this.parts.source.oldestLsn() > slot.restartLsn) this.invalidate(slot, 'wal_removed');
    }
  }

  private idleMs(slot: Slot): number {
    return (this.parts.env.clock.wallMicros() - slot.inactiveSinceMicros) / 1000;
  }

  /** Nobody has used it for too long. Looked at when the log grows: a log that does not is kept at no cost. */
  private isIdle(slot: Slot): boolean {
    const { idleTimeoutMs } = this.parts.settings;
    return idleTimeoutMs > 0 && slot.user === null && slot.owner === null && this.idleMs(slot) > idleTimeoutMs;
  }

  private invalidate(slot: Slot, reason: Invalidation): void {
    const { settings, source, log } = this.parts;
    slot.lost = reason;
    slot.hold?.release();
    slot.hold = null;
    this.saveProgress();
    const beyond = source.oldestLsn() - slot.restartLsn;
    const idle = reason === 'idle_timeout';
    log(pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `invalidating obsolete replication slot "${slot.name}"`, {
      severity: 'LOG',
      detail: idle
        ? `The slot's idle time of ${Math.floor(this.idleMs(slot) / 1000)}s exceeds the configured "idle_replication_slot_timeout" duration of ${settings.idleTimeoutMs / 1000}s.`
        : `The slot's restart_lsn ${formatLsn(lsn(slot.restartLsn))} exceeds the limit by ${beyond} bytes.`,
      hint: idle ? 'You might need to increase "idle_replication_slot_timeout".' : settings.maxSlotWalKeepBytes < 0 ? undefined : 'You might need to increase "max_slot_wal_keep_size".',
    }));
    slot.user?.(slotLost(slot.name, reason));
    slot.owner?.end();
  }

  private describe(slot: Slot): SlotInfo {
    const { settings, source } = this.parts;
    const reserved = slot.restartLsn > 0;
    const limit = settings.maxSlotWalKeepBytes;
    return {
      name: slot.name, active: slot.user !== null || slot.owner !== null, ownerProcessId: slot.owner?.processId ?? null, restartLsn: reserved && slot.lost === null ? lsn(slot.restartLsn) : null,
      walStatus: reserved ? this.walStatus(slot) : null,
      safeWalSize: reserved && slot.lost === null && limit >= 0 ? slot.restartLsn + limit - source.durableLsn : null,
      inactiveSinceMicros: slot.user === null ? slot.inactiveSinceMicros : null,
      invalidationReason: slot.lost,
    };
  }

  private walStatus(slot: Slot): WalStatus {
    const { settings, source } = this.parts;
    if (slot.lost !== null || source.oldestLsn() > slot.restartLsn) return 'lost';
    if (slot.hold === null) return 'unreserved';
    return source.durableLsn - slot.restartLsn > settings.maxWalBytes ? 'extended' : 'reserved';
  }

  /** All slots, by name. */
  list(): SlotInfo[] {
    return [...this.slots.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((slot) => this.describe(slot));
  }

  /** Stops watching the log and lets go of it; the file keeps the slots. */
  close(): void {
    this.unwatch();
    this.saveProgress();
    for (const slot of this.slots.values()) slot.hold?.release();
  }
}
