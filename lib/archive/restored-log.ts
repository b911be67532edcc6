/**
 * The log of a data directory that is being restored: pieces are fetched and opened some ahead, written into segment files in order,
 * and cut in the end.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import type { Env, OpenFile } from '../env/env.js';
import { parseSegmentName, SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName, segmentOf } from '../wal/format.js';
import type { TimelineHistory } from '../wal/history.js';
import { Coverage, partsOf, spanAt, type LogRange } from './coverage.js';
import type { Piece } from './log-index.js';
import { readPiece } from './piece.js';
import { readAhead } from './read-ahead.js';
import type { ObjectStore } from './store.js';

/** Pieces fetched at once: enough for one to be on its way while others are decompressed and written. */
const AHEAD = 6;

/** A part of the log, in order. */
export interface FetchedLog extends LogRange {
  readonly content: Buffer;
}

/** Writes the log of one history below a directory. */
export class RestoredLog {
  private readonly written = new Coverage();
  bytesRead = 0;

  constructor(
    private readonly env: Env,
    private readonly store: ObjectStore,
    private readonly directory: string,
    private readonly history: TimelineHistory,
    private readonly pieces: readonly Piece[],
  ) {
    env.files.makeDirectory(directory);
  }

  /** A segment is named by the timeline that its last byte belongs to: the reader takes the newest name there is. */
  private path(segment: number): string {
    return `${this.directory}/${segmentName(spanAt(this.history, lsn((segment + 1) * SEGMENT_BYTES - 1)).timeline, segment)}`;
  }

  /** Fetches a part of the log and writes it; yields it, in order. 58P01 when the archive does not have all of it. */
  async* fetch(range: LogRange): AsyncGenerator<FetchedLog, void, void> {
    const parts = partsOf(this.history, this.pieces, range);
    if (parts === null) throw pgError('UNDEFINED_FILE', `archive "${this.store.name}" does not have all of the log that is needed`);
    const contents = readAhead(parts, AHEAD, async ({ piece, from, to }) => {
      const content = (await readPiece(this.store, piece.key, piece)).subarray(from - piece.start, to - piece.start);
      await this.write(from, content);
      return { from, to, content };
    });
    for await (const part of contents) {
      this.written.add(part);
      this.bytesRead += part.to - part.from;
      yield part;
    }
  }

  /** Fetches what of a range is not there yet. */
  async complete(range: LogRange, progress: (bytesRead: number) => void): Promise<void> {
    for (const hole of this.written.holes(range)) for await (const { content } of this.fetch(hole)) progress(content.length);
  }

  private async write(from: Lsn, content: Buffer): Promise<void> {
    const file = this.env.files.open(this.path(segmentOf(from)), 'create');
    try {
      await file.write(content, from % SEGMENT_BYTES);
    } finally {
      file.closeSync();
    }
  }

  /** Ends the log at `cut` for good: nothing of it stands behind, the last segment is the new timeline's, all is on stable storage. */
  async cut(cut: Lsn, timeline: number): Promise<void> {
    const { files } = this.env;
    const last = segmentOf(cut);
    for (const name of files.list(this.directory)) {
      const parsed = parseSegmentName(name);
      if (parsed === null) continue;
      const path = `${this.directory}/${name}`;
      if (parsed.segment > last || (parsed.segment === last && cut % SEGMENT_BYTES <= SEGMENT_HEADER_BYTES)) files.remove(path);
      else await this.settle(path, parsed.segment === last ? cut % SEGMENT_BYTES : null);
    }
    if (files.exists(this.path(last))) files.rename(this.path(last), `${this.directory}/${segmentName(timeline, last)}`);
    files.syncDirectory(this.directory);
  }

  private async settle(path: string, length: number | null): Promise<void> {
    const file = this.env.files.open(path, 'write');
    try {
      if (length !== null) file.truncateSync(length);
      await synced(file);
    } finally {
      file.closeSync();
    }
  }
}

function synced(file: OpenFile): Promise<void> {
  return new Promise((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())));
}
