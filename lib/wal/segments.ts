/**
 * The files of a log that is being written: which are open, which have unsynced writes, preparing the next one ahead
 * (full of zeros, so that a sync has no metadata to write), recycling and removing old ones.
 */
import { isEnvError, writeFileDurably, type Env, type OpenFile } from '../env/env.js';
import { parseSegmentName, SEGMENT_BYTES, segmentName, segmentOf } from './format.js';

const ZEROS = 1 << 20;
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
   * life that recovery cut off: it is wiped, so that it can never be taken for the log again.
   */
  openForAppend(position: number): void {
    const { files } = this.env;
    const segment = segmentOf(position);
    files.makeDirectory(this.directory);
    for (const name of files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      if (name.endsWith('.prepare') || (parsed && parsed.timeline === this.timeline && parsed.segment > segment)) files.remove(`${this.directory}/${name}`);
    }
    const file = files.open(this.path(segment), 'create');
    this.open.set(segment, file);
    this.current = segment;
    this.ready = segment;
    this.wipe(file, position % SEGMENT_BYTES);
    files.syncDirectory(this.directory);
    this.prepareNext();
  }

  /**
   * From `position` on the log belongs to another timeline: the segment that `position` is in goes on under that timeline's name, with what
   * it has so far; segments prepared ahead under the old one's go. Everything below `position` is durable. Durable when it resolves.
   */
  async startTimeline(timeline: number, position: number): Promise<void> {
    const { files } = this.env;
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
      if (parsed && parsed.timeline === this.timeline && (parsed.segment > segment || (offset === 0 && parsed.segment === segment))) files.remove(`${this.directory}/${name}`);
    }
    this.timeline = timeline;
    if (offset > 0) writeFileDurably(files, this.path(segment), before);
    this.openForAppend(position);
  }

  private wipe(file: OpenFile, from: number): void {
    const size = file.sizeSync();
    const rest = Buffer.alloc(Math.max(0, size - from));
    file.readSync(rest, from);
    const zeros = Buffer.alloc(rest.length);
    if (!rest.equals(zeros)) file.writeSync(zeros, from);
    const end = Math.max(from, size);
    if (this.preallocate && end < SEGMENT_BYTES) file.writeSync(new Uint8Array(SEGMENT_BYTES - end), end);
    file.datasyncSync();
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
      const zeros = new Uint8Array(ZEROS);
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
    await this.preparing;
    for (const file of this.open.values()) file.closeSync();
    this.open.clear();
  }
}
