/** The control file: golden bytes, atomic replacement over power cuts, damage and other versions refused. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import { readControl, writeControl, type ControlData } from '../../lib/wal/control.js';

const DATA: ControlData = {
  systemIdentifier: 0x0102030405060708n, timeline: 2, redoLsn: lsn(0x1000028), checkpointNumber: 7, endLsn: lsn(0x123456789a), state: 'in production', writtenMicros: 1_767_225_600_000_000,
};

describe('control file', () => {
  it('comes back, has these bytes, and is absent in a fresh directory', () => {
    const env = simEnv(1);
    env.files.makeDirectory('/data');
    expect(readControl(env, '/data')).to.equal(null);
    writeControl(env, '/data', DATA);
    expect(readControl(env, '/data')).to.deep.equal(DATA);
    expect(Buffer.from(env.files.readFile('/data/control')).toString('hex')).to.equal(
      '50474c5443544c0002000000020000000807060504030201280000010000000007000000000000009a7856341200000001000000004020464847060058cc4b1e');
  });

  it('is the old or the new one after a power cut at any point', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const env = simEnv(seed);
      env.files.makeDirectory('/data');
      writeControl(env, '/data', DATA);
      if (seed % 2 === 0) env.failSync('control');
      try {
        writeControl(env, '/data', { ...DATA, checkpointNumber: 8 });
      } catch {
        // The sync failed: the old one must stand.
      }
      env.powerCut();
      seen.add(readControl(env, '/data')?.checkpointNumber ?? 0);
    }
    expect([...seen].sort()).to.deep.equal([7, 8]);
  });

  it('is refused when damaged at any byte, or of another version', () => {
    const env = simEnv(1);
    env.files.makeDirectory('/data');
    writeControl(env, '/data', DATA);
    const sound = env.files.readFile('/data/control');
    for (let byte = 0; byte < sound.length; byte++) {
      const bytes = sound.slice();
      bytes[byte] ^= 0x04;
      env.files.writeFile('/data/control', bytes);
      const isVersion = byte >= 8 && byte < 12;
      expect(() => readControl(env, '/data'), `byte ${byte}`).to.throw(PgError, isVersion ? 'incompatible' : 'is damaged').with.property('sqlstate', isVersion ? '22023' : 'XX001');
    }
    for (let length = 0; length < sound.length; length++) {
      env.files.writeFile('/data/control', sound.subarray(0, length));
      expect(() => readControl(env, '/data'), `length ${length}`).to.throw(PgError);
    }
  });
});
