/** Sockets that read into the shared buffer behave as those that Node makes. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import { readShared } from '../../server/shared-reading.js';

interface Pair {
  readonly client: Socket;
  readonly accepted: Socket;
  readonly served: Socket;
  close(): void;
}

async function connected(): Promise<Pair> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const served = readShared(accepted);
  return { client, accepted, served, close: () => { client.destroy(); served.destroy(); server.close(); } };
}

/** Reads until so many bytes are there. */
async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let length = 0; length < bytes;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

describe('sockets that read into a shared buffer', () => {
  it('take the connection over', async () => {
    const { client, accepted, served, close } = await connected();
    expect(served).not.equal(accepted);
    expect(accepted.destroyed).equal(true);
    expect(served.remoteAddress).equal('127.0.0.1');
    expect(served.remotePort).equal(client.localPort);
    close();
  });

  it('give each its own bytes, which stay what they are when others are read', async () => {
    const [a, b] = [await connected(), await connected()];
    a.client.write('for a');
    const first = await read(a.served, 5);
    b.client.write('for b');
    expect((await read(b.served, 5)).toString()).equal('for b');
    expect(first.toString()).equal('for a');
    a.served.write('answer');
    expect((await read(a.client, 6)).toString()).equal('answer');
    a.close();
    b.close();
  });

  it('give all of what is longer than the buffer, in order', async () => {
    const { client, served, close } = await connected();
    const sent = Buffer.from(Uint32Array.from({ length: 100_000 }, (_, n) => n).buffer);
    client.write(sent);
    expect((await read(served, sent.length)).equals(sent)).equal(true);
    close();
  });

  it('read nothing while they are paused', async () => {
    const { client, served, close } = await connected();
    let received = 0;
    served.on('data', (chunk: Buffer) => {
      received += chunk.length;
      served.pause();
    });
    // More than the kernel's buffers hold: the client is held up, too.
    const sent = Buffer.alloc(32 << 20);
    let written = false;
    client.write(sent, () => { written = true; });
    await once(served, 'data');
    const before = received;
    // Somebody else's bytes make the round while these wait.
    const other = await connected();
    other.client.write('x');
    await read(other.served, 1);
    expect(received).equal(before);
    expect(written).equal(false);
    served.removeAllListeners('data');
    served.resume();
    expect((await read(served, sent.length - before)).length).equal(sent.length - before);
    close();
    other.close();
  });

  it('hear the end', async () => {
    const { client, served, close } = await connected();
    client.end('bye');
    expect((await read(served, 3)).toString()).equal('bye');
    await once(served, 'close');
    close();
  });
});
