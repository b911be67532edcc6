/**
 * Where Node keeps a socket's connection: neither documented nor typed, and unchanged since there are sockets. Who uses it here goes without
 * where it is not what is expected.
 */
import { Socket } from 'node:net';

const PROPERTY = '_handle';

/** A connection of libuv's, as far as it is used here. */
export interface SocketHandle {
  /** The file descriptor; below 0 for none. */
  readonly fd: number;
  /** Closes the descriptor; `closed` is called in a later turn. */
  close(closed?: () => void): void;
  useUserBuffer(buffer: Uint8Array): void;
}

/** The connection of a plain socket (not of TLS, whose bytes are not what goes over the connection); null for none. */
export function socketHandle(socket: object): SocketHandle | null {
  if (!(socket instanceof Socket) || socket.constructor !== Socket) return null;
  const handle: unknown = Reflect.get(socket, PROPERTY);
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle ? handle as SocketHandle : null;
}

/** Takes the connection away from a socket. */
export function detachHandle(socket: Socket): void {
  Reflect.set(socket, PROPERTY, null);
}
