/** The groups of workloads, in the order in which they are run and shown. To add one: a file in `groups/`, a line here. */
import type { Group } from './bench.js';
import { analytics } from './groups/analytics.js';
import { bulk } from './groups/bulk.js';
import { cold } from './groups/cold.js';
import { indexAccess } from './groups/index-access.js';
import { json } from './groups/json.js';
import { oltp } from './groups/oltp.js';
import { replication } from './groups/replication.js';

export const GROUPS: readonly Group[] = [oltp, replication, bulk, analytics, cold, indexAccess, json];
