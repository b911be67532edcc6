/**
 * etcd v3 as the consensus store, through its JSON gateway (`/v3/...`): keys and values travel in base64, 64-bit numbers as strings.
 * Reads are linearizable (the default). Several endpoints are tried in turn; one that answered is asked first the next time.
 * Source: etcd's api/etcdserverpb/rpc.proto.
 */
import { pgError } from '../../lib/base/error.js';
import type { Env } from '../../lib/env/env.js';
import type { ConsensusChange, ConsensusCondition, ConsensusEntry, ConsensusStore } from './consensus.js';

const OK = 200;

const encode = (text: string): string => Buffer.from(text).toString('base64');
const decode = (text: string): string => Buffer.from(text, 'base64').toString();

/** A range end that covers every key with the prefix. */
function prefixEnd(prefix: string): string {
  const bytes = Buffer.from(prefix);
  bytes[bytes.length - 1]++;
  return bytes.toString('base64');
}

interface RangeAnswer {
  readonly kvs?: readonly { readonly key: string; readonly value?: string; readonly mod_revision: string }[];
}

/** See the file's comment. */
export class EtcdStore implements ConsensusStore {
  private preferred = 0;

  /** `endpoints`: `http://host:2379`; `timeoutMs`: for one request to one endpoint. */
  constructor(private readonly env: Env, private readonly endpoints: readonly string[], private readonly prefix: string, private readonly timeoutMs: number) {}

  async read(): Promise<ReadonlyMap<string, ConsensusEntry>> {
    const answer = await this.call<RangeAnswer>('kv/range', { key: encode(this.prefix), range_end: prefixEnd(this.prefix) });
    const entries = new Map<string, ConsensusEntry>();
    for (const { key, value, mod_revision: revision } of answer.kvs ?? []) {
      entries.set(decode(key).slice(this.prefix.length), { value: decode(value ?? ''), revision: Number(revision) });
    }
    return entries;
  }

  async change(conditions: readonly ConsensusCondition[], changes: readonly ConsensusChange[]): Promise<boolean> {
    const answer = await this.call<{ succeeded?: boolean }>('kv/txn', {
      compare: conditions.map(({ key, revision }) => ({ key: encode(this.prefix + key), target: 'MOD', result: 'EQUAL', mod_revision: String(revision) })),
      success: changes.map((change) => (change.type === 'put'
        ? { request_put: { key: encode(this.prefix + change.key), value: encode(change.value), lease: change.lease ?? '0' } }
        : { request_delete_range: { key: encode(this.prefix + change.key) } })),
    });
    return answer.succeeded === true;
  }

  async grantLease(ttlSeconds: number): Promise<string> {
    const answer = await this.call<{ ID?: string }>('lease/grant', { TTL: String(ttlSeconds) });
    if (answer.ID === undefined) throw pgError('CONNECTION_FAILURE', 'etcd granted no lease');
    return answer.ID;
  }

  async renewLease(lease: string): Promise<boolean> {
    const answer = await this.call<{ result?: { TTL?: string } }>('lease/keepalive', { ID: lease });
    return Number(answer.result?.TTL ?? 0) > 0;
  }

  async revokeLease(lease: string): Promise<void> {
    await this.call('lease/revoke', { ID: lease });
  }

  /** Asks one endpoint after the other. 08006 with every endpoint's reason when none answers. */
  private async call<T>(path: string, body: object): Promise<T> {
    const reasons: string[] = [];
    for (let attempt = 0; attempt < this.endpoints.length; attempt++) {
      const at = (this.preferred + attempt) % this.endpoints.length;
      const endpoint = this.endpoints[at];
      try {
        const response = await this.env.network.request({ method: 'POST', url: `${endpoint}/v3/${path}`, body: JSON.stringify(body), timeoutMs: this.timeoutMs });
        if (response.status !== OK) throw new Error(`HTTP ${response.status} ${response.body.slice(0, 200)}`);
        this.preferred = at;
        return JSON.parse(response.body) as T;
      } catch (error) {
        reasons.push(`${endpoint}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw pgError('CONNECTION_FAILURE', `etcd does not answer: ${reasons.join('; ')}`);
  }
}
