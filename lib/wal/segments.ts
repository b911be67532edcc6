/**
 * The files of a log that is being written: which are open, which have unsynced writes, preparing the next one ahead
 * (full of zeros, so that a sync has no metadata to write), recycling and removing old ones.
 */
import { isEnvError, writeFileDurably, type Env, type OpenFile, type TimerHandle } from '../env/env.js';
import { parseSegmentName, SEGMENT_BYTES, segmentName, segmentOf } from './format.js';

const ZEROS = 1 << 20;
/** Never changed. A load would leave one such buffer behind for each megabyte of log. */
const zeros = Buffer.alloc(ZEROS);
/**
 * The first segment of a life gets its full length in steps from then on, not before its first record: 16 MB of zeros to write
 * and to sync are 40 ms of a start that has nothing to log yet.
 */
const GROW_AFTER_MS = 500;
const GROW_EVERY_MS = 20;
/** Old segments are kept for reuse while fewer than this many lie ready ahead. */
const READY_SEGMENTS = 3;

/** The segment files of one timeline, for the writer. */
export class SegmentFiles {
  private readonly open = new Map<number, OpenFile>();
  private readonly unsynced = new Set<OpenFile>();
  /** Segments up to this number exist in full length. */
  private ready = 0;
  private current = 0;
  private preparing: Promise<void> | null = null;
  private growing: TimerHandle | null = null;
  private closed = false;

  constructor(
    private readonly env: Env,
    private readonly directory: string,
    private timeline: number,
    private readonly preallocate: boolean,
    private readonly fail: (error: unknown) => void,
  ) {}

  private path(segment: number): string {
    return `${this.directory}/${segmentName(this.timeline, segment)}`;
  }

  /**
   * Opens the segment that `position` is in. What stands behind `position` there, and in later segments, is left from a
   * life that recovery cut off: it is wiped, so that it can never be taken for the log again. `nothingBehind`: there is nothing of
   * the kind, and segments that lie ready stay. `durableLsn`: what stands between there and `position`, and the names of all segments, may be in the
   * operating system's hands only, since the life before did not end by closing the log; they are made durable.
   */
  openForAppend(position: number, nothingBehind = false, durableLsn?: number): void {
    const { files } = this.env;
    const segment = segmentOf(position);
    files.makeDirectory(this.directory);
    let changed = !files.exists(this.path(segment));
    for (const name of files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      const isAhead = !nothingBehind && parsed && parsed.timeline === this.timeline && parsed.segment > segment;
      if (!name.endsWith('.prepare') && !isAhead) continue;
      files.remove(`${this.directory}/${name}`);
      changed = true;
    }
    if (durableLsn !== undefined) this.makeDurable(durableLsn, position);
    const file = files.open(this.path(segment), 'create');
    this.open.set(segment, file);
    this.current = segment;
    this.ready = segment;
    while (files.exists(this.path(this.ready + 1))) this.ready++;
    if (!nothingBehind) this.wipe(file, position % SEGMENT_BYTES);
    if (changed || !nothingBehind || durableLsn !== undefined) files.syncDirectory(this.directory);
    this.growLater(GROW_AFTER_MS);
  }

  /**
   * From `position` on the log belongs to another timeline: the segment that `position` is in goes on under that timeline's name, with what
   * it has so far; segments prepared ahead under the old one's go. Everything below `position` is durable. Durable when it resolves.
   */
  async startTimeline(timeline: number, position: number): Promise<void> {
    const { files } = this.env;
    this.growing?.cancel();
    await this.preparing;
    const segment = segmentOf(position);
    const offset = position % SEGMENT_BYTES;
    const before = Buffer.alloc(offset);
    if (offset > 0) {
      const old = files.open(this.path(segment), 'read');
      old.readSync(before, 0);
      old.closeSync();
    }
    for (const file of this.open.values()) file.closeSync();
    this.open.clear();
    this.unsynced.clear();
    for (const name of files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      if (parsed === null) continue;
      const ahead = parsed.timeline === this.timeline && (parsed.segment > segment || (offset === 0 && parsed.segment === segment));
      // Older timelines' files of this segment: the control file names one that has a copy of all that stands there.
      const superseded = parsed.timeline < this.timeline && parsed.segment === segment && offset > 0;
      if (ahead || superseded) files.remove(`${this.directory}/${name}`);
    }
    this.timeline = timeline;
    if (offset > 0) writeFileDurably(files, this.path(segment), before);
    this.openForAppend(position);
  }

  private makeDurable(from: number, to: number): void {
    const { files } = this.env;
    if (from >= to) return;
    for (let segment = segmentOf(from); segment * SEGMENT_BYTES < to; segment++) {
      // A timeline begins with all that stands before it durable.
      if (!files.exists(this.path(segment))) continue;
      const file = files.open(this.path(segment), 'write');
      try {
        file.datasyncSync();
      } finally {
        file.closeSync();
      }
    }
  }

  private wipe(file: OpenFile, from: number): void {
    const bytes = Buffer.allocUnsafeSlow(ZEROS);
    const size = file.sizeSync();
    for (let at = from; at < size; at += ZEROS) {
      const rest = bytes.subarray(0, file.readSync(bytes.subarray(0, Math.min(ZEROS, size - at)), at));
      if (!rest.equals(zeros.subarray(0, rest.length))) file.writeSync(zeros.subarray(0, rest.length), at);
    }
    file.datasyncSync();
  }

  private growLater(delayMs: number): void {
    if (this.preallocate) this.growing = this.env.timers.after(delayMs, () => this.grow(), true);
  }

  /** A step of zeros at the end of the current segment's file; once it is long enough, the next segment is prepared. */
  private grow(): void {
    this.growing = null;
    const file = this.open.get(this.current);
    if (this.closed || file === undefined) return;
    try {
      const size = file.sizeSync();
      if (size < SEGMENT_BYTES) {
        file.writeSync(zeros.subarray(0, SEGMENT_BYTES - size), size);
        this.growLater(GROW_EVERY_MS);
      } else this.prepareNext();
    } catch (error) {
      if (!isEnvError(error)) this.fail(error);
    }
  }

  /** The open file of a segment that is about to be written; counts it as unsynced. */
  fileFor(segment: number): OpenFile {
    let file = this.open.get(segment);
    if (!file) {
      const isReady = segment <= this.ready;
      file = this.env.files.open(this.path(segment), 'create');
      if (!isReady) this.env.files.syncDirectory(this.directory);
      this.open.set(segment, file);
      this.current = segment;
      if (this.ready < segment) this.ready = segment;
      this.prepareNext();
    }
    this.unsynced.add(file);
    return file;
  }

  /** The files with unsynced writes, oldest first; they count as synced from now on (the caller syncs them). */
  takeUnsynced(): OpenFile[] {
    const files = [...this.unsynced];
    this.unsynced.clear();
    return files;
  }

  /** Closes the files of segments that are durable as a whole. */
  closeBefore(flushed: number): void {
    if (this.open.size < 2) return;
    for (const [segment, file] of this.open) {
      if ((segment + 1) * SEGMENT_BYTES > flushed || segment === this.current || this.unsynced.has(file)) continue;
      file.closeSync();
      this.open.delete(segment);
    }
  }

  /** Start of the oldest segment on disk; `otherwise` when there is none. */
  oldest(otherwise: number): number {
    let oldest = otherwise;
    for (const name of this.env.files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      if (parsed && parsed.segment * SEGMENT_BYTES < oldest) oldest = parsed.segment * SEGMENT_BYTES;
    }
    return oldest;
  }

  /** Removes or recycles the segments that end at or below `position`; returns how many. */
  removeBefore(position: number): number {
    const { files } = this.env;
    let count = 0;
    for (const name of files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      if (!parsed || (parsed.segment + 1) * SEGMENT_BYTES > position || this.open.has(parsed.segment)) continue;
      this.letGo(name);
      count++;
    }
    if (count > 0) files.syncDirectory(this.directory);
    return count;
  }

  private letGo(name: string): void {
    const { files } = this.env;
    const old = `${this.directory}/${name}`;
    const recyclable = this.preallocate && this.preparing === null && this.ready < this.current + READY_SEGMENTS;
    if (recyclable && this.sizeOf(old) === SEGMENT_BYTES) {
      files.rename(old, this.path(this.ready + 1));
      this.ready++;
    } else files.remove(old);
  }

  private sizeOf(path: string): number {
    const file = this.env.files.open(path, 'read');
    const size = file.sizeSync();
    file.closeSync();
    return size;
  }

  /** Starts writing the next segment ahead, unless one lies ready. */
  private prepareNext(): void {
    if (!this.preallocate || this.closed || this.preparing !== null || this.ready > this.current) return;
    this.preparing = this.prepare(this.ready + 1).catch((error: unknown) => {
      // Not being able to write ahead is no loss yet: the writer will meet the same error when it needs the space.
      if (!isEnvError(error)) this.fail(error);
    }).finally(() => {
      this.preparing = null;
    });
  }

  private async prepare(segment: number): Promise<void> {
    const { files } = this.env;
    const temporary = `${this.path(segment)}.prepare`;
    const file = files.open(temporary, 'create');
    try {
      for (let offset = 0; offset < SEGMENT_BYTES; offset += ZEROS) {
        if (this.closed || this.open.has(segment)) return;
        await file.write(zeros, offset);
      }
      await new Promise<void>((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())));
      if (this.closed || this.ready >= segment) return;
      files.rename(temporary, this.path(segment));
      files.syncDirectory(this.directory);
      this.ready = segment;
    } finally {
      file.closeSync();
      if (files.exists(temporary)) files.remove(temporary);
    }
  }

  /** Closes all files and stops preparing. */
  async close(): Promise<void> {
    this.closed = true;
    this.growing?.cancel();
    await this.preparing;
    for (const file of this.open.values()) file.closeSync();
    this.open.clear();
  }
}
