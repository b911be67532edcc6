/**
 * Which files there are, and how transactions create and drop them.
 */
import { AssertionFailure } from '../base/assert.js';
import type { Lsn } from '../base/lsn.js';
import type { FileKind, FilePersistence } from '../txn/changes.js';
import { Effect, type EngineTransaction } from '../txn/transaction.js';
import type { FileNumber } from './api.js';
import { decodeHeapDirectory, decodeIndexDirectory, type RootFile } from './directory.js';
import { KEY_SPACE, valueKey } from './format.js';
import { HeapFile, type FileHost } from './heap-file.js';
import { IndexFile } from './index-file.js';
import { EngineSequence, type SequenceLogger } from './sequence-file.js';

/** A file of any kind. */
export type StorageFile = HeapFile | IndexFile | EngineSequence;

/** A file's creation: undone, the file never was. */
class CreateEffect extends Effect {
  constructor(private readonly table: FileTable, private readonly file: StorageFile) {
    super();
  }

  committed(_lsn: Lsn): void {
    this.file.creator = null;
  }

  undone(): void {
    this.table.forget(this.file.file);
  }
}

/** A file's removal: happens at commit. */
class DropEffect extends Effect {
  constructor(private readonly table: FileTable, private readonly file: FileNumber) {
    super();
  }

  committed(_lsn: Lsn): void {
    this.table.forget(this.file);
  }

  undone(): void {
    // The file was only marked.
  }
}

/** All files of the data directory. */
export class FileTable {
  private readonly files = new Map<FileNumber, StorageFile>();
  /** Files that nobody has opened since the start, as the last root has them. */
  readonly unopened = new Map<FileNumber, RootFile>();
  /** Files dropped since the last checkpoint: their values at rest are to be deleted. */
  private dropped = new Set<FileNumber>();

  constructor(private readonly host: FileHost, private readonly logger: SequenceLogger, private readonly nextNumber: () => FileNumber) {}

  /** Takes the set of files dropped since the last call. */
  takeDropped(): Set<FileNumber> {
    const { dropped } = this;
    this.dropped = new Set();
    return dropped;
  }

  /** Every file in memory. */
  values(): IterableIterator<StorageFile> {
    return this.files.values();
  }

  find(file: FileNumber): StorageFile | null {
    const found = this.files.get(file);
    if (found !== undefined) return found;
    const listed = this.unopened.get(file);
    if (listed === undefined) return null;
    this.unopened.delete(file);
    return this.open(listed);
  }

  /** A file as the root lists it; its directory is read, nothing else. */
  private open(listed: RootFile): StorageFile {
    const file = this.add(listed.file, listed.kind, listed.persistence);
    if (file.kind === 'sequence') {
      if (listed.sequence !== null) file.restore(listed.sequence);
    } else if (listed.directory !== 0) {
      const value = this.host.readValue(valueKey(KEY_SPACE.directory, listed.file, 0, listed.directory));
      if (file.kind === 'heap') file.restore(decodeHeapDirectory(value), listed.directory);
      else file.restore(decodeIndexDirectory(value), listed.directory);
    }
    return file;
  }

  heap(file: FileNumber): HeapFile {
    const found = this.find(file);
    if (found?.kind === 'heap') return found;
    throw new AssertionFailure(`file ${file} is not a heap`);
  }

  index(file: FileNumber): IndexFile {
    const found = this.find(file);
    if (found?.kind === 'index') return found;
    throw new AssertionFailure(`file ${file} is not an index`);
  }

  sequence(file: FileNumber): EngineSequence {
    const found = this.find(file);
    if (found?.kind === 'sequence') return found;
    throw new AssertionFailure(`file ${file} is not a sequence`);
  }

  create(transaction: EngineTransaction, kind: FileKind, persistence: FilePersistence): FileNumber {
    transaction.markWritten();
    const file = this.add(this.nextNumber(), kind, persistence);
    file.creator = transaction;
    transaction.addEffect(new CreateEffect(this, file));
    transaction.changes?.createFile(file.file, kind, persistence);
    if (file.kind === 'sequence') {
      transaction.onPreCommit(() => {
        const { changes } = transaction;
        if (changes !== null && this.files.get(file.file) === file) file.logInto(changes);
      });
    }
    return file.file;
  }

  /** Replay: the file as its creator made it. */
  recreate(transaction: EngineTransaction, number: FileNumber, kind: FileKind, persistence: FilePersistence): void {
    const file = this.add(number, kind, persistence);
    file.creator = transaction;
    transaction.addEffect(new CreateEffect(this, file));
  }

  /** A new, empty file. */
  add(number: FileNumber, kind: FileKind, persistence: FilePersistence): StorageFile {
    const file = kind === 'heap' ? new HeapFile(this.host, number, persistence)
      : kind === 'index' ? new IndexFile(this.host, number, persistence)
        : new EngineSequence(number, persistence, this.logger);
    this.files.set(number, file);
    return file;
  }

  drop(transaction: EngineTransaction, file: FileNumber): void {
    transaction.markWritten();
    this.dropAtCommit(transaction, file);
    transaction.changes?.dropFile(file);
  }

  /** Replay: the file goes when the transaction commits. */
  dropAtCommit(transaction: EngineTransaction, file: FileNumber): void {
    transaction.addEffect(new DropEffect(this, file));
  }

  /** Takes a file out of memory, for good. */
  forget(number: FileNumber): void {
    const file = this.files.get(number);
    this.files.delete(number);
    this.unopened.delete(number);
    this.dropped.add(number);
    if (file !== undefined && file.kind !== 'sequence') file.release();
  }
}
