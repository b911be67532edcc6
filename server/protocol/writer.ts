/**
 * One growing buffer per connection that messages are written into one behind the other; the connection hands it to the
 * socket once per batch of answers. Rows are encoded straight into it.
 *
 * A message is `begin(type)`, fields, `end()`. A message that fails half-way is taken back with `rollback`.
 */

const INITIAL_BYTES = 4 * 1024;
/** A buffer that grew beyond this is let go after it was sent. */
const KEEP_BYTES = 256 * 1024;
/** Digits of a safe integer, a sign and a point. */
const MOST_DIGITS = 18;
/** Powers of ten up to the largest safe integer's. */
const POWERS = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const MAX_INT31 = 0x7fff_ffff;
/** Texts up to this length are copied byte by byte, others by the machine's means, which cost a call. */
const MOST_COPIED_BYTES = 64;
/** Both digits of the numbers below a hundred. */
const TENS = Uint8Array.from({ length: 100 }, (_, number) => 0x30 + Math.floor(number / 10));
const ONES = Uint8Array.from({ length: 100 }, (_, number) => 0x30 + (number % 10));

/** How many digits a number of 32 bits has. */
function int32Digits(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8;
  return value < 1_000_000_000 ? 9 : 10;
}

/** Writes protocol messages into a growing buffer. */
export class MessageWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  position = 0;
  private messageStart = 0;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.position + count > this.buffer.length) this.grow(count);
  }

  private grow(count: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.position + count));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  /** Starts a message; its length is filled in by `end`. */
  begin(type: number): void {
    this.reserve(5);
    this.messageStart = this.position;
    this.buffer[this.position] = type;
    this.position += 5;
  }

  /** Ends the message begun last. */
  end(): void {
    const { buffer } = this;
    const length = this.position - this.messageStart - 1;
    const at = this.messageStart + 1;
    buffer[at] = length >>> 24;
    buffer[at + 1] = length >>> 16;
    buffer[at + 2] = length >>> 8;
    buffer[at + 3] = length;
  }

  /** Takes the unfinished message back. */
  rollback(): void {
    this.position = this.messageStart;
  }

  uint8(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  int16(value: number): void {
    this.reserve(2);
    const { buffer } = this;
    let at = this.position;
    buffer[at++] = value >> 8;
    buffer[at++] = value;
    this.position = at;
  }

  int32(value: number): void {
    this.reserve(4);
    const { buffer } = this;
    let at = this.position;
    buffer[at++] = value >>> 24;
    buffer[at++] = value >>> 16;
    buffer[at++] = value >>> 8;
    buffer[at++] = value;
    this.position = at;
  }

  /** A zero-terminated UTF-8 string. */
  string(text: string): void {
    this.text(text);
    this.uint8(0);
  }

  /** UTF-8 bytes without a terminator. */
  text(text: string): void {
    const { length } = text;
    this.reserve(length * 3);
    if (length < 24) {
      const { buffer } = this;
      const start = this.position;
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) {
          this.position = start + buffer.write(text, start);
          return;
        }
        buffer[start + i] = code;
      }
      this.position = start + length;
      return;
    }
    this.position += this.buffer.write(text, this.position);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** A length word and UTF-8 bytes: a value in text format. */
  lengthAndText(text: string): void {
    this.reserve(4 + text.length * 3);
    const start = this.position;
    this.position = start + 4;
    this.text(text);
    this.buffer.writeInt32BE(this.position - start - 4, start);
  }

  /** A length word and bytes: a value in binary format. */
  lengthAndBytes(bytes: Uint8Array): void {
    this.int32(bytes.length);
    this.bytes(bytes);
  }

  /**
   * A length word and a decimal number: `value`, a safe integer, with its last `decimals` digits (at most 9) behind the point. No string
   * is made.
   */
  lengthAndDecimal(value: number, decimals: number): void {
    if ((value | 0) === value) {
      this.lengthAndInt32(value, decimals);
      return;
    }
    this.reserve(4 + MOST_DIGITS);
    const { buffer } = this;
    const sign = value < 0 ? 1 : 0;
    const magnitude = sign === 1 ? -value : value;
    const power = POWERS[decimals];
    const whole = decimals === 0 ? magnitude : Math.floor(magnitude / power);
    let digits = 1;
    while (digits < POWERS.length && whole >= POWERS[digits]) digits++;
    const start = this.position;
    const point = start + 4 + sign + digits;
    if (sign === 1) buffer[start + 4] = 0x2d;
    this.digits(whole, digits, point);
    this.position = point;
    if (decimals > 0) {
      buffer[point] = 0x2e;
      this.position = point + 1 + decimals;
      this.digits(magnitude - whole * power, decimals, this.position);
    }
    buffer[start] = 0;
    buffer[start + 1] = 0;
    buffer[start + 2] = 0;
    buffer[start + 3] = this.position - start - 4;
  }

  /** `lengthAndDecimal` for a value of 32 bits: whole numbers of that size are divided in a few cycles. */
  lengthAndInt32(value: number, decimals: number): void {
    this.reserve(4 + MOST_DIGITS);
    const { buffer } = this;
    const start = this.position;
    const sign = value < 0 ? 1 : 0;
    // Unsigned: the magnitude of the lowest number has 32 bits.
    let rest = (value < 0 ? -value : value) >>> 0;
    // A digit stands before the point at least.
    const length = sign + Math.max(int32Digits(rest), decimals + 1) + (decimals > 0 ? 1 : 0);
    buffer[start] = 0;
    buffer[start + 1] = 0;
    buffer[start + 2] = 0;
    buffer[start + 3] = length;
    const first = start + 4 + sign;
    if (sign === 1) buffer[start + 4] = 0x2d;
    let at = start + 4 + length;
    this.position = at;
    if (decimals > 0) {
      for (const point = at - decimals; at > point; rest = (rest / 10) >>> 0) buffer[--at] = ONES[rest % 10];
      buffer[--at] = 0x2e;
    }
    while (at - first >= 2) {
      const next = (rest / 100) >>> 0;
      const pair = (rest - next * 100) | 0;
      buffer[--at] = ONES[pair];
      buffer[--at] = TENS[pair];
      rest = next;
    }
    if (at > first) buffer[--at] = ONES[rest];
  }

  /**
   * A length word and `bytes[start, end)`, which are UTF-8, or else a byte a character. False, and nothing is written, where the bytes are not the
   * text's UTF-8.
   */
  lengthAndStored(bytes: Uint8Array, start: number, end: number, isUtf8: boolean): boolean {
    const length = end - start;
    if (length > MOST_COPIED_BYTES && !isUtf8) return false;
    this.reserve(4 + length);
    const { buffer } = this;
    const at = this.position + 4;
    if (length > MOST_COPIED_BYTES) buffer.set(bytes.subarray(start, end), at);
    else {
      let seen = 0;
      for (let index = 0; index < length; index++) {
        const byte = bytes[start + index];
        buffer[at + index] = byte;
        seen |= byte;
      }
      if (seen > 127 && !isUtf8) return false;
    }
    this.int32(length);
    this.position = at + length;
    return true;
  }

  /** Writes the last `count` digits of a whole number in front of `end`; division is cheap where integers have 31 bits. */
  private digits(value: number, count: number, end: number): void {
    const { buffer } = this;
    let at = end;
    let rest = value;
    for (; rest > MAX_INT31; at--) {
      const next = Math.floor(rest / 10);
      buffer[at - 1] = 0x30 + (rest - next * 10);
      rest = next;
    }
    let small = rest | 0;
    for (const first = end - count; at > first; at--) {
      const next = (small / 10) | 0;
      buffer[at - 1] = 0x30 + (small - next * 10);
      small = next;
    }
  }

  /** What was written so far, to be handed to the socket; call `reset` afterwards. */
  pending(): Buffer {
    return this.buffer.subarray(0, this.position);
  }

  /** Starts over. `reusable`: the socket no longer needs the buffer's bytes. */
  reset(reusable: boolean): void {
    this.position = 0;
    this.messageStart = 0;
    if (!reusable || this.buffer.length > KEEP_BYTES) this.buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }
}
