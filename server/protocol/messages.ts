/**
 * The backend's messages, one function each, and the frontend's, parsed into plain objects. Layout per PostgreSQL's
 * documentation, "Message Formats".
 */
import { pgError, type PgError } from '../../lib/base/error.js';
import type { FormatCode, ResultColumn } from '../../lib/session/client.js';
import { AUTHENTICATION, BACKEND } from './format.js';
import { protocolViolation, type MessageBody } from './reader.js';
import type { MessageWriter } from './writer.js';

/** AuthenticationOk. */
export function writeAuthenticationOk(writer: MessageWriter): void {
  writer.begin(BACKEND.authentication);
  writer.int32(AUTHENTICATION.ok);
  writer.end();
}

/** AuthenticationSASL with the mechanisms on offer. */
export function writeAuthenticationSasl(writer: MessageWriter, mechanisms: readonly string[]): void {
  writer.begin(BACKEND.authentication);
  writer.int32(AUTHENTICATION.sasl);
  for (const mechanism of mechanisms) writer.string(mechanism);
  writer.uint8(0);
  writer.end();
}

/** AuthenticationSASLContinue or AuthenticationSASLFinal. */
export function writeAuthenticationSaslData(writer: MessageWriter, final: boolean, data: string): void {
  writer.begin(BACKEND.authentication);
  writer.int32(final ? AUTHENTICATION.saslFinal : AUTHENTICATION.saslContinue);
  writer.text(data);
  writer.end();
}

/** ParameterStatus. */
export function writeParameterStatus(writer: MessageWriter, name: string, value: string): void {
  writer.begin(BACKEND.parameterStatus);
  writer.string(name);
  writer.string(value);
  writer.end();
}

/** BackendKeyData; the key is 4 bytes long in protocol 3.0. */
export function writeBackendKeyData(writer: MessageWriter, processId: number, key: Uint8Array): void {
  writer.begin(BACKEND.backendKeyData);
  writer.int32(processId);
  writer.bytes(key);
  writer.end();
}

/** NegotiateProtocolVersion: the newest minor version served, and the options not understood. */
export function writeNegotiateProtocolVersion(writer: MessageWriter, version: number, unknownOptions: readonly string[]): void {
  writer.begin(BACKEND.negotiateProtocolVersion);
  writer.int32(version);
  writer.int32(unknownOptions.length);
  for (const option of unknownOptions) writer.string(option);
  writer.end();
}

/** ReadyForQuery with the transaction status byte. */
export function writeReadyForQuery(writer: MessageWriter, status: number): void {
  writer.reserve(6);
  const { buffer } = writer;
  let at = writer.position;
  buffer[at++] = BACKEND.readyForQuery;
  buffer[at++] = 0;
  buffer[at++] = 0;
  buffer[at++] = 0;
  buffer[at++] = 5;
  buffer[at++] = status;
  writer.position = at;
}

/** A message without a body: ParseComplete, BindComplete, NoData ... */
export function writeEmptyMessage(writer: MessageWriter, type: number): void {
  writer.begin(type);
  writer.end();
}

/** CommandComplete. */
export function writeCommandComplete(writer: MessageWriter, tag: string): void {
  writer.begin(BACKEND.commandComplete);
  writer.string(tag);
  writer.end();
}

/** RowDescription; formats[i] (or formats[0] when there is but one, or text) is column i's format. */
export function writeRowDescription(writer: MessageWriter, columns: readonly ResultColumn[], formats: readonly FormatCode[]): void {
  writer.begin(BACKEND.rowDescription);
  writer.int16(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    writer.string(column.name);
    writer.int32(column.tableOid);
    writer.int16(column.attributeNumber);
    writer.int32(column.typeOid);
    writer.int16(column.typeLength);
    writer.int32(column.typmod);
    writer.int16(formatOf(formats, i));
  }
  writer.end();
}

/** Format of value `index` under a Bind message's format list. */
export function formatOf(formats: readonly FormatCode[], index: number): FormatCode {
  if (formats.length === 0) return 0;
  return formats.length === 1 ? formats[0] : formats[index];
}

/** ParameterDescription. */
export function writeParameterDescription(writer: MessageWriter, types: readonly number[]): void {
  writer.begin(BACKEND.parameterDescription);
  writer.int16(types.length);
  for (const type of types) writer.int32(type);
  writer.end();
}

/** NotificationResponse. */
export function writeNotification(writer: MessageWriter, processId: number, channel: string, payload: string): void {
  writer.begin(BACKEND.notificationResponse);
  writer.int32(processId);
  writer.string(channel);
  writer.string(payload);
  writer.end();
}

/** CopyInResponse or CopyOutResponse. */
export function writeCopyResponse(writer: MessageWriter, type: number, binary: boolean, formats: readonly FormatCode[]): void {
  writer.begin(type);
  writer.uint8(binary ? 1 : 0);
  writer.int16(formats.length);
  for (const format of formats) writer.int16(format);
  writer.end();
}

/** CopyData. */
export function writeCopyData(writer: MessageWriter, bytes: Uint8Array): void {
  writer.reserve(5 + bytes.length);
  writer.begin(BACKEND.copyData);
  writer.bytes(bytes);
  writer.end();
}

function field(writer: MessageWriter, code: string, value: string | number | undefined): void {
  if (value === undefined) return;
  writer.uint8(code.charCodeAt(0));
  writer.string(String(value));
}

/** ErrorResponse or NoticeResponse, by the severity. */
export function writeErrorOrNotice(writer: MessageWriter, error: PgError): void {
  const isError = error.severity === 'ERROR' || error.severity === 'FATAL' || error.severity === 'PANIC';
  writer.begin(isError ? BACKEND.errorResponse : BACKEND.noticeResponse);
  field(writer, 'S', error.severity);
  field(writer, 'V', error.severity);
  field(writer, 'C', error.sqlstate);
  field(writer, 'M', error.message);
  field(writer, 'D', error.detail);
  field(writer, 'H', error.hint);
  field(writer, 'P', error.position);
  field(writer, 'p', error.internalPosition);
  field(writer, 'q', error.internalQuery);
  field(writer, 'W', error.where);
  field(writer, 's', error.schema);
  field(writer, 't', error.table);
  field(writer, 'c', error.column);
  field(writer, 'd', error.dataType);
  field(writer, 'n', error.constraint);
  writer.uint8(0);
  writer.end();
}

/** Parse: a statement to prepare. */
export interface ParseMessage {
  readonly statementName: string;
  readonly query: string;
  /** Types given by the client; 0 or missing: to be inferred. */
  readonly parameterTypes: readonly number[];
}

/** Reads a Parse message. */
export function readParse(body: MessageBody): ParseMessage {
  const statementName = body.string();
  const query = body.string();
  const count = body.uint16();
  const parameterTypes: number[] = [];
  for (let i = 0; i < count; i++) parameterTypes.push(body.uint32());
  body.expectEnd();
  return { statementName, query, parameterTypes };
}

/** A parameter as it came: null, a string (text format) or bytes (binary format). */
export type WireParameter = null | string | Uint8Array;

/** Bind: parameters for a statement. */
export interface BindMessage {
  readonly portalName: string;
  readonly statementName: string;
  readonly parameters: readonly WireParameter[];
  readonly resultFormats: readonly FormatCode[];
}

const NO_FORMATS: readonly FormatCode[] = [];
const ONE_TEXT: readonly FormatCode[] = [0];
const ONE_BINARY: readonly FormatCode[] = [1];

function readFormats(body: MessageBody): readonly FormatCode[] {
  const count = body.uint16();
  if (count === 0) return NO_FORMATS;
  if (count === 1) return readFormat(body) === 1 ? ONE_BINARY : ONE_TEXT;
  const formats: FormatCode[] = [];
  for (let i = 0; i < count; i++) formats.push(readFormat(body));
  return formats;
}

function readFormat(body: MessageBody): FormatCode {
  const code = body.int16();
  if (code !== 0 && code !== 1) throw pgError('INVALID_PARAMETER_VALUE', `unsupported format code: ${code}`);
  return code;
}

/** Reads a Bind message. */
export function readBind(body: MessageBody): BindMessage {
  const portalName = body.string();
  const statementName = body.string();
  const formats = readFormats(body);
  const count = body.uint16();
  if (formats.length > 1 && formats.length !== count) {
    throw pgError('PROTOCOL_VIOLATION', `bind message has ${formats.length} parameter formats but ${count} parameters`);
  }
  const parameters: WireParameter[] = [];
  for (let i = 0; i < count; i++) {
    const length = body.int32();
    if (length === -1) parameters.push(null);
    else if (length < 0) throw protocolViolation('insufficient data left in message');
    else parameters.push(formatOf(formats, i) === 1 ? body.bytes(length) : body.text(length));
  }
  const resultFormats = readFormats(body);
  body.expectEnd();
  return { portalName, statementName, parameters, resultFormats };
}

/** What Describe and Close name: a prepared statement ('S') or a portal ('P'). */
export interface TargetMessage {
  readonly isPortal: boolean;
  readonly name: string;
}

/** Reads a Describe or Close message. */
export function readTarget(body: MessageBody, message: 'DESCRIBE' | 'CLOSE'): TargetMessage {
  const kind = body.uint8();
  const name = body.string();
  body.expectEnd();
  if (kind !== 0x53 && kind !== 0x50) {
    throw pgError('PROTOCOL_VIOLATION', `invalid ${message} message subtype ${kind}`);
  }
  return { isPortal: kind === 0x50, name };
}

/** Execute: a portal and the most rows to send; 0 for all. */
export interface ExecuteMessage {
  readonly portalName: string;
  readonly maxRows: number;
}

/** Reads an Execute message. */
export function readExecute(body: MessageBody): ExecuteMessage {
  const portalName = body.string();
  const maxRows = body.int32();
  body.expectEnd();
  return { portalName, maxRows: Math.max(0, maxRows) };
}

/** Parameters of a start-up packet, in order. */
export function readStartupParameters(body: MessageBody): Map<string, string> {
  const parameters = new Map<string, string>();
  for (;;) {
    if (body.remaining === 0) throw protocolViolation('invalid startup packet layout: expected terminator as last byte');
    const name = body.string();
    if (name === '') break;
    parameters.set(name, body.string());
  }
  if (body.remaining !== 0) throw protocolViolation('invalid startup packet layout: expected terminator as last byte');
  return parameters;
}
