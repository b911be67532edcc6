/** A TCP proxy that can be cut: from then on nothing passes in either direction, and neither side is told, as when a cable is pulled. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Between a listening port of its own and a target. */
export class CuttableProxy {
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private cut = false;
  port = 0;

  constructor(private readonly targetHost: string, private readonly targetPort: number) {}

  async open(): Promise<void> {
    this.server = createServer({ noDelay: true }, (near) => this.accepted(near));
    await new Promise<void>((resolve, reject) => this.server?.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  private accepted(near: Socket): void {
    if (this.cut) {
      this.hold(near);
      return;
    }
    const far = connect({ host: this.targetHost, port: this.targetPort, noDelay: true });
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.hold(from);
      from.on('data', (bytes) => {
        if (this.cut) return;
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('close', () => this.cut || to.destroy());
    }
  }

  private hold(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
  }

  /** Nothing passes any more. */
  sever(): void {
    this.cut = true;
  }

  /** New connections pass again; those of before are over. */
  mend(): void {
    this.cut = false;
    for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server?.close();
  }
}
