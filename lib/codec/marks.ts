/** The first bytes of msgpack's values that a plain row may have (`simple-row.ts`, `packed-rows.ts`). */

export const NIL = 0xc0;
export const FALSE = 0xc2;
export const TRUE = 0xc3;
export const FLOAT64 = 0xcb;
export const UINT8 = 0xcc;
export const UINT16 = 0xcd;
export const UINT32 = 0xce;
export const INT8 = 0xd0;
export const INT16 = 0xd1;
export const INT32 = 0xd2;
export const STRING8 = 0xd9;
export const STRING16 = 0xda;
/** The length is in the lowest bits. */
export const SHORT_STRING = 0xa0;
export const SHORT_ARRAY = 0x90;

/** Bytes of the integers behind the marks from UINT8 to INT32; 0: another mark. */
const INTEGER_BYTES = new Uint8Array([1, 2, 4, 0, 1, 2, 4]);

/** Bytes of the integer behind a mark; 0: there is none. */
export function integerBytes(mark: number): number {
  return mark >= UINT8 && mark <= INT32 ? INTEGER_BYTES[mark - UINT8] : 0;
}
