/**
 * Errors that many built-in functions share, with PostgreSQL's texts.
 */
import { pgError, type PgError } from '../base/error.js';

/** 22P02: text that is no value of the type. */
export function invalidSyntax(type: string, text: string): PgError {
  return pgError('INVALID_TEXT_REPRESENTATION', `invalid input syntax for type ${type}: "${text}"`);
}

/** 22003: text whose value does not fit the type. */
export function textOutOfRange(type: string, text: string): PgError {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', `value "${text}" is out of range for type ${type}`);
}

/** 22003: a result that does not fit; `what` is "integer", "bigint", "smallint", "OID" ... */
export function outOfRange(what: string): PgError {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', `${what} out of range`);
}

/** 22012. */
export function divisionByZero(): PgError {
  return pgError('DIVISION_BY_ZERO', 'division by zero');
}

/** 22P03: a binary value cut short. */
export function insufficientData(): PgError {
  return pgError('PROTOCOL_VIOLATION', 'insufficient data left in message');
}

/** 22P03: a binary value of the wrong shape. */
export function badBinary(message: string): PgError {
  return pgError('INVALID_BINARY_REPRESENTATION', message);
}
