/** SCRAM-SHA-256: the exchange of RFC 7677, wrong passwords, malformed messages, verifiers as PostgreSQL writes them. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { makeVerifier, parseVerifier, storedPassword } from '../../lib/base/passwords.js';
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramClient, ScramExchange, verifyPassword } from '../../lib/base/scram.js';

const RFC_SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const RFC_FIRST = 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO';
const RFC_NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const RFC_FINAL = 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';

function rfcExchange(password: string): ScramExchange {
  return new ScramExchange('user', parseVerifier(makeVerifier(password, 4096, RFC_SALT)), null, SCRAM_SHA_256, RFC_NONCE);
}

describe('SCRAM-SHA-256', () => {
  it('speaks the example of RFC 7677', () => {
    const exchange = rfcExchange('pencil');
    expect(exchange.start(RFC_FIRST)).to.equal('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096');
    expect(exchange.finish(RFC_FINAL)).to.equal('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it('refuses the proof of another password, and of a role without one', () => {
    const wrong = rfcExchange('pen');
    wrong.start(RFC_FIRST);
    expect(wrong.finish(RFC_FINAL)).to.equal(null);
    const unknown = new ScramExchange('nobody', null, null, SCRAM_SHA_256, RFC_NONCE);
    expect(unknown.start(RFC_FIRST)).to.match(/,i=4096$/);
    expect(unknown.finish(RFC_FINAL)).to.equal(null);
  });

  it('shows the same salt for a role without a password every time', () => {
    const salt = (): string => new ScramExchange('nobody', null, null, SCRAM_SHA_256).start(RFC_FIRST).split(',')[1];
    expect(salt()).to.equal(salt());
  });

  for (const message of ['', 'n,,', 'x,,n=a,r=b', 'n,,m=x,n=a,r=b', 'p=tls-server-end-point,,n=a,r=b', 'n,,n=a']) {
    it(`refuses the first message ${JSON.stringify(message)}`, () => {
      expect(() => rfcExchange('pencil').start(message)).to.throw(PgError).that.includes({ severity: 'FATAL' });
    });
  }

  for (const message of ['', 'c=biws,r=other,p=dHzb', RFC_FINAL.replace('biws', 'eSws'), RFC_FINAL.replace(/p=.*/, 'p=AAAA')]) {
    it(`refuses the last message ${JSON.stringify(message.slice(0, 20))}...`, () => {
      const exchange = rfcExchange('pencil');
      exchange.start(RFC_FIRST);
      expect(() => exchange.finish(message)).to.throw(PgError).that.includes({ severity: 'FATAL' });
    });
  }

  it('binds to the channel when asked to', () => {
    const hash = createHash('sha256').update('certificate').digest();
    const exchange = new ScramExchange('user', parseVerifier(makeVerifier('pencil', 4096, RFC_SALT)), hash, SCRAM_SHA_256_PLUS, RFC_NONCE);
    const bare = 'n=user,r=abc';
    const serverFirst = exchange.start(`p=tls-server-end-point,,${bare}`);
    const binding = Buffer.concat([Buffer.from('p=tls-server-end-point,,'), hash]).toString('base64');
    const withoutProof = `c=${binding},r=abc${RFC_NONCE}`;
    const salted = pbkdf2Sync('pencil', RFC_SALT, 4096, 32, 'sha256');
    const clientKey = createHmac('sha256', salted).update('Client Key').digest();
    const signature = createHmac('sha256', createHash('sha256').update(clientKey).digest()).update(`${bare},${serverFirst},${withoutProof}`).digest();
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index])).toString('base64');
    expect(exchange.finish(`${withoutProof},p=${proof}`)).to.match(/^v=/);
    const downgraded = new ScramExchange('user', null, hash, SCRAM_SHA_256, RFC_NONCE);
    expect(() => downgraded.start('y,,n=user,r=abc')).to.throw(PgError, /negotiation/);
  });

  for (const [password, accepted] of [['sécret', true], ['se\u0301cret', true], ['secret', false]] as const) {
    it(`lets client and server prove themselves to each other: ${JSON.stringify(password)} ${accepted ? 'is' : 'is not'} the password`, () => {
      const server = new ScramExchange('node', parseVerifier(makeVerifier('sécret', 4096)), null, SCRAM_SHA_256);
      const client = new ScramClient(password);
      const last = server.finish(client.answer(server.start(client.first)));
      expect(last !== null).to.equal(accepted);
      if (last !== null) expect(client.isProvenBy(last)).to.equal(true);
      expect(client.isProvenBy(`v=${Buffer.alloc(32).toString('base64')}`)).to.equal(false);
    });
  }

  it('has a client that answers nobody who does not know its nonce, and no demand for endless work', () => {
    const client = new ScramClient('secret', 'abc');
    for (const first of ['', 'r=abc,s=AAAA,i=4096', 'r=abx1,s=AAAA,i=4096', 'r=abc1,s=AAAA,i=0', 'r=abc1,s=AAAA,i=999999999']) {
      expect(() => client.answer(first), first).to.throw(PgError).that.includes({ sqlstate: '08P01' });
    }
    expect(client.isProvenBy('v=AAAA'), 'nothing was proven yet').to.equal(false);
  });

  it('keeps verifiers, refuses MD5 hashes', () => {
    const verifier = makeVerifier('secret', 4096);
    expect(verifier).to.match(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/);
    expect(storedPassword(verifier, 4096)).to.equal(verifier);
    expect(storedPassword('md5' + 'a'.repeat(32), 4096)).to.equal(null);
    expect(verifyPassword('secret', parseVerifier(verifier)!)).to.equal(true);
    expect(verifyPassword('Secret', parseVerifier(verifier)!)).to.equal(false);
  });
});
