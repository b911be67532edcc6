/** The groups of workloads, in the order in which they are run and shown. To add one: a file in `groups/`, a line here. */
import type { Group } from './bench.js';
import { analytics } from './groups/analytics.js';
import { bulk } from './groups/bulk.js';
import { cold } from './groups/cold.js';
import { connections } from './groups/connections.js';
import { growth } from './groups/growth.js';
import { indexAccess } from './groups/index-access.js';
import { json } from './groups/json.js';
import { large } from './groups/large.js';
import { memory } from './groups/memory.js';
import { oltp } from './groups/oltp.js';
import { recovery } from './groups/recovery.js';
import { replication } from './groups/replication.js';
import { start } from './groups/start.js';

export const GROUPS: readonly Group[] = [
  oltp, replication, bulk, analytics, cold, indexAccess, large, json, memory, connections, start, recovery, growth,
];
