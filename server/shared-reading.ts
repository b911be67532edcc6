/**
 * Sockets that read into one buffer of the process. Node allocates 64 KB for every read of a socket and gives most of it back,
 * which costs a short query a tenth of its time; `net.Socket` can read into a buffer of the caller's instead (`onread`), but only when it is
 * made with it, and a server makes its sockets without. So an accepted socket hands its connection on to one that is made here.
 *
 * What is read is copied out of the buffer before anybody else reads, and comes as 'data' events, as from any socket; flow control
 * (`pause`, `resume`) and TLS on top work as ever.
 */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { inputRooms, LARGE_INPUT_BYTES } from './input-rooms.js';
import { detachHandle, socketHandle } from './socket-handle.js';

/** Node's own size of a read. */
const READ_BYTES = 64 * 1024;

/** Reads are handled one at a time, each to its end. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** So few are copied in place: Node makes a view of them, and copies that by calls. */
const FEW_BYTES = 128;

function fewBytes(length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) copy[at] = shared[at];
  return copy;
}

/** A large piece is copied into a room, which comes with it: whoever has read it may give that back (`input-rooms.ts`). */
function emitInRoom(socket: Socket, bytes: Uint8Array): void {
  const room = inputRooms.take(READ_BYTES);
  room.set(bytes);
  socket.emit('data', room.subarray(0, bytes.length), room);
}

/** A socket in place of the accepted one, which is over; the accepted one itself where its connection cannot be taken. */
export function readShared(accepted: Socket): Socket {
  const handle = socketHandle(accepted);
  if (handle === null) return accepted;
  const onread: OnReadOpts = {
    buffer: shared,
    callback: (bytes) => {
      if (bytes <= FEW_BYTES) socket.emit('data', fewBytes(bytes));
      else if (bytes < LARGE_INPUT_BYTES) socket.emit('data', Buffer.from(shared.subarray(0, bytes)));
      else emitInRoom(socket, shared.subarray(0, bytes));
      return !socket.isPaused();
    },
  };
  const options: SocketConstructorOpts & { handle: object; onread: OnReadOpts } = { handle, onread, readable: true, writable: true };
  const socket = new Socket(options);
  detachHandle(accepted);
  accepted.destroy();
  return socket;
}
