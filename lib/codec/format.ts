/**
 * The numbers of the formats at rest that `lib/codec` writes: row extensions, index key tags, packed columns.
 * Numbers once given are never reused. `README.md` describes the layouts; `test/codec` holds golden bytes.
 */

/**
 * msgpack extension numbers of the DatumObject classes (1..63 are ours; msgpackr itself uses 64 and up).
 * Later classes take the next free number here and call `registerDatumClass`.
 */
export const ROW_EXTENSION = {
  numeric: 1,
  interval: 2,
  timetz: 3,
  array: 4,
  record: 5,
  /** A msgpack tree; only read. */
  jsonb: 6,
  /** float8's -0, which msgpack integers cannot tell from 0. */
  negativeZero: 7,
  range: 8,
  multirange: 9,
  bitString: 10,
  tsvector: 11,
  tsquery: 12,
  geometric: 13,
  inet: 14,
  macaddr: 15,
  aclItem: 16,
  /** jsonb as its own bytes (`lib/types/jsonb-bytes.ts`); what is written. 6, a msgpack tree, is only read. */
  jsonbBytes: 17,
  /** 18..63 are free. */
} as const;

/** First character of every column of an index key, whatever the direction of its body. */
export const KEY_TAG = {
  nullFirst: '\x00',
  value: '\x01',
  nullLast: '\x02',
} as const;

/** Version of the packed chunk layout: the first byte of every packed chunk. */
export const CHUNK_FORMAT_VERSION = 3;
/** Older versions, which are only read: bytes that a column has in their directories. 2 had columns' checksums there, which are not looked at. */
export const OLD_CHUNK_ENTRY_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 8 };

/** How a packed column is stored. */
export const COLUMN_ENCODING = {
  allNull: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  float64: 4,
  boolean: 5,
  /** One byte per character, offsets of 32 bits. */
  latin1: 6,
  /** UTF-8 bytes, offsets of 32 bits. */
  utf8: 7,
  /** Distinct strings (as UTF-8 or latin1) and one code byte per position. */
  dictionary: 8,
  /** One msgpack array of the values. */
  generic: 9,
  /** jsonb: the bytes of the values, read one by one where they lie (`lib/types/jsonb-bytes.ts`). */
  jsonb: 10,
  /** Whole numbers as what they are above the column's minimum, in 8 and in 16 bits. */
  offset8: 11,
  offset16: 12,
  /** Doubles with few decimals as whole numbers of 16 and of 32 bits, to be divided by the power of ten that stands in place of the distinct strings. */
  decimal16: 13,
  decimal32: 14,
} as const;

/** Bits of a packed column's flags. */
export const COLUMN_FLAG = {
  nulls: 1,
  /** Only in chunks of older versions: minimum and maximum as two doubles in front of the data. */
  bounds: 2,
  /** Offsets of strings and of jsonb have 32 bits instead of 16. */
  wideOffsets: 4,
  /** The words of a dictionary are UTF-8, not latin1. */
  utf8Words: 8,
} as const;

/** Most rows of one packed chunk. */
export const MAX_CHUNK_POSITIONS = 1024;
