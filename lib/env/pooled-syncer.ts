/** A `Syncer` by `OpenFile.datasync`: each sync is handed over by this thread when it has heard of the one before. */
import type { OpenFile, Syncer, SyncsEnded } from './env.js';

/** See the file's comment. */
export class PooledSyncer implements Syncer {
  /** Syncs asked for that are under way, and their files that wait for those before them. */
  private underWay = 0;
  private files: OpenFile[] = [];
  /** Those that wait for them. */
  private waiting = 0;
  private readonly waitingFiles = new Set<OpenFile>();

  constructor(private readonly ended: SyncsEnded) {}

  /** Nothing was asked for that is not told yet. */
  get isIdle(): boolean {
    return this.underWay === 0;
  }

  sync(files: readonly OpenFile[]): void {
    for (const file of files) this.waitingFiles.add(file);
    this.waiting++;
    if (this.underWay === 0) this.start();
  }

  close(): void {}

  private start(): void {
    this.underWay = this.waiting;
    this.files = [...this.waitingFiles];
    this.waiting = 0;
    this.waitingFiles.clear();
    this.next();
  }

  private next(): void {
    const file = this.files.shift();
    if (file === undefined) this.end();
    else file.datasync(this.synced);
  }

  private readonly synced = (error: Error | null): void => {
    if (error === null) this.next();
    else this.ended(error, 0);
  };

  private end(): void {
    const count = this.underWay;
    // Those who came meanwhile first: the disk is not to wait while others are told.
    if (this.waiting > 0) this.start();
    else this.underWay = 0;
    this.ended(null, count);
  }
}
