/**
 * A cluster in memory with sessions, for the catalog's tests.
 */
import { openStorage } from '../../lib/access/storage.js';
import type { StorageEngine, Transaction } from '../../lib/access/api.js';
import { INVALID_LSN } from '../../lib/base/lsn.js';
import { initializeCluster } from '../../lib/catalog/bootstrap.js';
import { ClusterCatalog } from '../../lib/catalog/cluster.js';
import { SessionCatalog } from '../../lib/catalog/session.js';

/** A session: its catalog and its transaction control. */
export class TestSession {
  readonly catalog: SessionCatalog;
  searchPath = '"$user", public';
  user = 10;
  private current: Transaction;

  constructor(readonly storage: StorageEngine, cluster: ClusterCatalog, databaseOid: number) {
    this.current = this.begin();
    this.catalog = new SessionCatalog(cluster.database(databaseOid), {
      transaction: () => this.current, searchPath: () => this.searchPath, currentUserOid: () => this.user, sessionNumber: 3,
    });
  }

  private begin(): Transaction {
    return this.storage.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: 1 });
  }

  get transaction(): Transaction {
    return this.current;
  }

  commit(): void {
    this.current.commit();
    this.current = this.begin();
  }

  abort(): void {
    this.current.abort();
    this.current = this.begin();
  }
}

/** A fresh cluster. */
export async function openCluster(): Promise<{ storage: StorageEngine; cluster: ClusterCatalog; session: (databaseOid?: number) => TestSession }> {
  const storage = await openStorage({ dir: 'memory://' });
  initializeCluster(storage);
  const cluster = new ClusterCatalog(storage);
  return { storage, cluster, session: (databaseOid = 5) => new TestSession(storage, cluster, databaseOid) };
}
