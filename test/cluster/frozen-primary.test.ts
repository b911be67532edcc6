/** A primary that is frozen for a switchover: how it learns what became of it when whoever runs the switchover is gone, or a promotion takes long. */
import { expect } from 'chai';
import pg from 'pg';
import type { Env } from '../../lib/env/env.js';
import { realEnv } from '../../lib/env/real.js';
import { ReplicationClient } from '../../replica/client.js';
import { TestCluster, until, type TestNode } from './support.js';

/** The time of a frozen primary passes when a test says so. */
class Patience {
  private readonly waiting: (() => void)[] = [];
  readonly env: Env;

  constructor(private readonly milliseconds: number) {
    const real = realEnv();
    this.env = {
      ...real,
      timers: {
        soon: (callback) => real.timers.soon(callback),
        after: (delayMs, callback, background) => {
          if (delayMs !== this.milliseconds) return real.timers.after(delayMs, callback, background);
          this.waiting.push(callback);
          return { cancel: () => this.waiting.splice(this.waiting.indexOf(callback) >>> 0, 1) };
        },
      },
    };
  }

  /** It is over now. */
  end(): void {
    for (const callback of this.waiting.splice(0)) callback();
  }
}

describe('a primary that is frozen for a switchover', function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let patience: Patience;
  let one: TestNode;
  let two: TestNode;
  const clients: ReplicationClient[] = [];

  beforeEach(async () => {
    cluster = new TestCluster();
    patience = new Patience(15_000);
    one = await cluster.start('one', {}, patience.env);
    two = await cluster.start('two', { upstreams: [one.url] });
    await one.query('create table t (a int); insert into t values (1)');
    await two.caughtUp(one);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await cluster.end();
  });

  async function ask(node: TestNode, name: string, argument: unknown): Promise<unknown> {
    const client = await ReplicationClient.connect({ env: realEnv(), url: node.url, role: 'postgres', password: '', timeoutMs: 10_000 });
    clients.push(client);
    return client.request(name, argument);
  }

  /** What a client is told: null when it is served. */
  async function refusal(node: TestNode): Promise<string | null> {
    const client = new pg.Client({ host: '127.0.0.1', port: node.node.engine.settings.number('port'), user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  const freeze = async (): Promise<{ end: string; ticket: string }> => await ask(one, 'freeze', { to: two.url }) as { end: string; ticket: string };

  it('serves nobody while the promotion goes on, however long it takes, and follows the new primary after it', async () => {
    const { end, ticket } = await freeze();
    let open = (): void => undefined;
    void two.node.change(() => new Promise<void>((resolve) => (open = resolve)));
    const promoted = ask(two, 'promote', { from: end, ticket });
    await until('the target was told', () => two.node.switchover.isPromoting);
    patience.end();
    expect(await refusal(one)).to.equal('the primary is being switched over');
    open();
    expect(await promoted).to.deep.equal({ timeline: 2, url: two.url });
    // Nobody has told it to.
    await until('the former primary follows', () => one.node.role === 'standby' && one.node.receiver?.status.status === 'streaming');
    await two.query('insert into t values (2)');
    await one.caughtUp(two);
    expect(await one.query('select a from t order by a')).to.deep.equal([[1], [2]]);
  });

  it('serves again when nobody has asked for the promotion, which cannot happen later', async () => {
    const { end, ticket } = await freeze();
    expect(await refusal(one)).to.equal('the primary is being switched over');
    const again: unknown = await freeze().catch((error: unknown) => error);
    expect(again).to.include({ sqlstate: '55000', message: 'this node is being switched over already' });
    patience.end();
    await until('it serves', async () => await refusal(one) === null);
    const late: unknown = await ask(two, 'promote', { from: end, ticket }).catch((error: unknown) => error);
    expect(late).to.include({ sqlstate: '55000', message: 'the switchover was called off' });
    await one.query('insert into t values (2)');
    await two.caughtUp(one);
    expect(two.status).to.include({ role: 'standby', timeline: 1 });
  });

  it('stays frozen while the target does not say, and serves again when it is back without a ticket', async () => {
    await freeze();
    await two.node.stop();
    patience.end();
    await until('it says what it waits for', () => one.hasSaid(/frozen for a switchover to ws:.*, which does not say what became of it: could not connect/));
    expect(await refusal(one)).to.equal('the primary is being switched over');
    const { options } = two.node;
    await cluster.start('two', { upstreams: options.upstreams, replicationPort: options.replicationPort });
    await until('it serves', async () => await refusal(one) === null);
  });

  it('is not frozen at all for a target that it cannot ask', async () => {
    await two.node.stop();
    const error: unknown = await freeze().catch((reason: unknown) => reason);
    expect(error).to.include({ sqlstate: '08001' });
    expect(await refusal(one)).to.equal(null);
    const { code, err } = await cluster.run('switchover', '--from', one.url, '--to', two.url);
    expect(code).to.equal(1);
    expect(err).to.match(/^error: could not connect/);
  });
});
