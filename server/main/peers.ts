/** What a node asks of others. */
import type { DatabaseNode } from './node.js';
import { parseNodeUrl } from './node-url.js';
import { ReplicationClient } from '../../replica/client.js';

const TIMEOUT_MS = 2000;

/** Asks another node for something. */
export async function askNode(node: DatabaseNode, text: string, name: string, argument: unknown): Promise<unknown> {
  const { url } = parseNodeUrl(text);
  const client = await ReplicationClient.connect({ env: node.env, url, ...node.credentials([text]), tls: node.options.tls, timeoutMs: TIMEOUT_MS });
  try {
    return await client.request(name, argument);
  } finally {
    client.close();
  }
}

/** Tells the node that led before that it does no more; that it does not answer is no surprise. */
export async function tellFence(node: DatabaseNode, url: string, timeline: number): Promise<void> {
  try {
    await askNode(node, url, 'fence', { timeline, url: node.replicationUrl });
  } catch (error) {
    node.note('LOG', `the former upstream ${url} was not told of timeline ${timeline}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
