/**
 * The frames between nodes: numbers, sizes, layout. Writer (`frames.ts`) and reader share it; `README.md` draws it; `test/replica`
 * holds golden bytes. Numbers are never reused.
 */

/**
 * Of this protocol. A node that speaks neither this nor the one before is refused; whoever connects to an older node speaks as that one does.
 * 2: a standby flushes all log at once. 3: frames of log say whether anybody waits for that.
 */
export const PROTOCOL_VERSION = 3;
export const OLDEST_PROTOCOL_VERSION = 2;
/** From this version on frames of log say who waits. */
export const AWAITED_VERSION = 3;

/** Largest frame, header and all. */
export const MAX_FRAME_BYTES = 1 << 20;

/** Every frame: u32 CRC32C of all that follows | u8 type | u8 awaited (of log; else 0) | 2 zero bytes | u32 epoch | fields. Little-endian. */
export const FRAME = { crc: 0, type: 4, awaited: 5, epoch: 8 } as const;
export const FRAME_HEADER_BYTES = 12;

/** What stands before the bytes of a log frame: u64 start LSN | u64 durable LSN | u64 wall clock, microseconds. */
export const LOG_FIELDS = { startLsn: 12, durableLsn: 20, wallMicros: 28 } as const;
export const LOG_HEADER_BYTES = 36;
/** Log in one frame. */
export const MAX_LOG_BYTES = MAX_FRAME_BYTES - LOG_HEADER_BYTES;
/** A piece of a clone's stream in one frame. */
export const MAX_CLONE_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES;

/** Types of frames. */
export const FRAME_TYPE = {
  start: 1,
  serverFirst: 2,
  clientFinal: 3,
  authenticated: 4,
  handshake: 8,
  resume: 9,
  diverged: 10,
  logRemoved: 11,
  changes: 12,
  log: 16,
  credit: 17,
  report: 18,
  heartbeat: 19,
  timelineChange: 20,
  cloneInfo: 24,
  cloneData: 25,
  cloneEnd: 26,
  cloneKeys: 27,
  request: 32,
  response: 33,
  failure: 34,
  error: 40,
  bye: 41,
} as const;
export type FrameType = keyof typeof FRAME_TYPE;

/** What somebody waits for of the log in a frame. */
export const AWAITED = { nothing: 0, flush: 1, write: 2 } as const;
export type Awaited = keyof typeof AWAITED;

/** What a handshake asks for. */
export const WANTS = { stream: 1, clone: 2 } as const;
export type Wants = keyof typeof WANTS;

/** What a node is at the moment. */
export const ROLE = { primary: 1, standby: 2 } as const;
export type NodeRole = keyof typeof ROLE;

/** An entry in the stream of a clone: u32 bytes of key | u32 bytes of value | key | value. */
export const CLONE_ENTRY_HEADER_BYTES = 8;
/** Longest key and value of a clone: longer ones are damage. */
export const MAX_CLONE_ENTRY_BYTES = 1 << 30;

/** A key in a frame of keys: u8 bytes that it shares with the one before it | u8 bytes of its own | its own bytes. */
export const CLONE_KEY_HEADER_BYTES = 2;
export const MAX_CLONE_KEY_BYTES = 255;

/** First line of the file of slots; a line for each slot follows, then one with the CRC32C of all before it. */
export const SLOTS_FILE = 'replication-slots';
export const SLOTS_HEADER = 'pglitedb replication slots 1';
