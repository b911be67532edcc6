/**
 * How a session's answers become messages: one `WireReceiver` per connection for the simple protocol and one for the
 * extended one (which sends no RowDescription of its own), and COPY's streams.
 */
import { pgError } from '../lib/base/error.js';
import { Suspend, type Suspendable } from '../lib/base/suspend.js';
import type { CopyInput, CopyOutput, ResultReceiver, ResultShape, FormatCode, StoredRows } from '../lib/session/client.js';
import type { TypeServices } from '../lib/session/session.js';
import type { Row } from '../lib/types/datum.js';
import { rowEncoder, type RowEncoder } from './encode.js';
import type { Outbox } from './outbox.js';
import { BACKEND, FRONTEND } from './protocol/format.js';
import { writeCommandComplete, writeCopyData, writeCopyResponse, writeEmptyMessage } from './protocol/messages.js';
import { protocolViolation, type FrameReader } from './protocol/reader.js';

/** Writes answers into an outbox. */
export class WireReceiver implements ResultReceiver {
  private encoder: RowEncoder | null = null;

  constructor(
    private readonly outbox: Outbox,
    private readonly types: TypeServices,
    private readonly describes: boolean,
    readonly copyOutput: CopyOutput,
    readonly copyInput: CopyInput,
  ) {}

  begin(shape: ResultShape): void {
    this.encoder = rowEncoder(shape);
    if (this.describes) this.outbox.writer.bytes(this.encoder.description);
  }

  rows(rows: readonly Row[]): Suspend | null {
    const { encoder, outbox: { writer }, types } = this;
    for (let i = 0; i < rows.length; i++) encoder!.write(writer, rows[i], types);
    return this.outbox.pressure();
  }

  storedRows(rows: StoredRows): Suspend | null {
    this.encoder!.writeStored(this.outbox.writer, rows, this.types);
    return this.outbox.pressure();
  }

  complete(tag: string): void {
    writeCommandComplete(this.outbox.writer, tag);
  }

  suspended(): void {
    writeEmptyMessage(this.outbox.writer, BACKEND.portalSuspended);
  }

  empty(): void {
    writeEmptyMessage(this.outbox.writer, BACKEND.emptyQueryResponse);
  }
}

/** COPY ... TO STDOUT. */
export class WireCopyOutput implements CopyOutput {
  constructor(private readonly outbox: Outbox) {}

  begin(binary: boolean, columnFormats: readonly FormatCode[]): void {
    writeCopyResponse(this.outbox.writer, BACKEND.copyOutResponse, binary, columnFormats);
  }

  write(bytes: Uint8Array): Suspend | null {
    writeCopyData(this.outbox.writer, bytes);
    return this.outbox.pressure();
  }

  writeText(text: string): Suspend | null {
    const { writer } = this.outbox;
    writer.begin(BACKEND.copyData);
    writer.text(text);
    writer.end();
    return this.outbox.pressure();
  }

  end(): void {
    writeEmptyMessage(this.outbox.writer, BACKEND.copyDone);
  }
}

/** COPY ... FROM STDIN: takes frames from the connection's reader while the session reads. */
export class WireCopyInput implements CopyInput {
  private wake: (() => void) | null = null;
  private failure: unknown = null;

  constructor(private readonly outbox: Outbox, private readonly reader: FrameReader, private readonly needInput: () => void) {}

  begin(binary: boolean, columnFormats: readonly FormatCode[]): void {
    writeCopyResponse(this.outbox.writer, BACKEND.copyInResponse, binary, columnFormats);
    this.outbox.send();
  }

  *read(): Suspendable<Uint8Array | null> {
    for (;;) {
      while (!this.reader.next()) {
        if (this.failure !== null) throw this.failure;
        this.needInput();
        yield new Suspend(new Promise<void>((resolve) => {
          this.wake = resolve;
        }));
      }
      const { type, body } = this.reader;
      switch (type) {
        case FRONTEND.copyData: return body.rest();
        case FRONTEND.copyDone: return null;
        case FRONTEND.copyFail: throw pgError('QUERY_CANCELED', `COPY from stdin failed: ${body.string()}`);
        case FRONTEND.flush: case FRONTEND.sync: break;
        default:
          throw protocolViolation(`unexpected message type 0x${type.toString(16).toUpperCase().padStart(2, '0')} during COPY from stdin`);
      }
    }
  }

  /** More bytes were fed to the reader. */
  arrived(): void {
    const { wake } = this;
    this.wake = null;
    if (wake !== null) wake();
  }

  /** Nothing more will arrive, or the statement was cancelled: a read that waits throws `failure`. */
  fail(failure: unknown): void {
    this.failure = failure;
    this.arrived();
  }
}
