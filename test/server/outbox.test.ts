/** Answers that wait for a commit: nothing leaves before it is acknowledged, and what may leave is not held back again. */
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { Outbox } from '../../server/outbox.js';

/** An outbox with a gate that the test opens; what has passed leaves when `leave` is called, as at the end of a turn. */
function gated(): { outbox: Outbox; say: (text: string) => void; shut: () => void; open: () => void; leave: () => void; heard: () => string } {
  const socket = new PassThrough();
  let heard = '';
  socket.on('data', (bytes: Buffer) => { heard += bytes.toString('latin1'); });
  let isOpen = true;
  let opened = (): void => undefined;
  let queued = false;
  const outbox = new Outbox(socket, {
    tryPass: (whenOpen) => {
      opened = whenOpen;
      return isOpen;
    },
    passed: () => { queued = true; },
  });
  return {
    outbox,
    say: (text) => {
      outbox.writer.bytes(Buffer.from(text));
      outbox.send();
    },
    shut: () => { isOpen = false; },
    open: () => {
      isOpen = true;
      opened();
    },
    leave: () => {
      if (queued) outbox.send();
      queued = false;
    },
    heard: () => {
      socket.read();
      return heard;
    },
  };
}

describe('server/outbox', () => {
  it('sends what no commit holds back', () => {
    const { say, heard } = gated();
    say('a');
    expect(heard()).to.equal('a');
  });

  it('holds answers back, with all behind them, until the commit is acknowledged, and has them leave in order', () => {
    const { outbox, say, shut, open, leave, heard } = gated();
    say('a');
    shut();
    say('b');
    say('c');
    expect(outbox.isHeld).to.equal(true);
    expect(heard()).to.equal('a');
    open();
    expect(heard(), 'it leaves when the others do').to.equal('a');
    expect(outbox.isHeld).to.equal(false);
    leave();
    expect(heard()).to.equal('abc');
    leave();
    expect(heard(), 'once').to.equal('abc');
  });

  it('sends what may leave before the session goes on, so that its next commit does not hold it back', () => {
    const { outbox, say, shut, open, leave, heard } = gated();
    shut();
    say('a');
    open();
    outbox.sendPassing();
    expect(heard()).to.equal('a');
    shut();
    say('b');
    outbox.sendPassing();
    expect(heard(), 'what is held stays').to.equal('a');
    open();
    leave();
    expect(heard()).to.equal('ab');
  });

  it('never sends what is held back when the connection ends', () => {
    const { outbox, say, shut, open, leave, heard } = gated();
    shut();
    say('a');
    outbox.end(() => outbox.writer.bytes(Buffer.from('!')));
    open();
    leave();
    expect(heard()).to.equal('!');
  });

  it('sends what may leave when the connection ends in the same turn', () => {
    const { outbox, say, shut, open, leave, heard } = gated();
    shut();
    say('a');
    open();
    outbox.end(() => outbox.writer.bytes(Buffer.from('!')));
    leave();
    expect(heard()).to.equal('a!');
  });
});
