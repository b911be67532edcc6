/** The analytical queries, run warm (`analytics`) and as the first query after a restart (`cold`). */
import type { Goal } from '../record.js';

/** One query over `facts` and `dims`. */
export interface Query {
  readonly name: string;
  readonly sql: string;
  readonly warm: Goal;
}

/** Each reads all rows and answers few, so that the client weighs little. */
export function queries(rows: number): readonly Query[] {
  return [
    { name: 'count(*)', sql: 'SELECT count(*) FROM facts', warm: { ratio: 2 } },
    { name: 'filtered sum', sql: 'SELECT sum(amount) FROM facts WHERE grp < 300', warm: { ratio: 2 } },
    { name: 'GROUP BY, 1,000 groups', sql: 'SELECT grp, count(*), sum(amount) FROM facts GROUP BY grp', warm: { ratio: 2 } },
    { name: 'LIKE', sql: "SELECT count(*) FROM facts WHERE label LIKE '%999%'", warm: { ratio: 2 } },
    { name: 'top 10', sql: 'SELECT * FROM facts ORDER BY amount DESC, id LIMIT 10', warm: { ratio: 2 } },
    { name: 'full sort', sql: `SELECT id FROM facts ORDER BY label, id OFFSET ${rows - 1}`, warm: { ratio: 1 } },
    { name: 'hash join with a tenth as many rows', sql: 'SELECT d.region, count(*), sum(f.amount) FROM facts f JOIN dims d ON d.id = f.ref GROUP BY d.region', warm: { ratio: 1 } },
    { name: 'window rank', sql: 'SELECT max(r) FROM (SELECT rank() OVER (PARTITION BY grp ORDER BY amount) AS r FROM facts) s', warm: { ratio: 1 } },
    { name: 'distinct', sql: 'SELECT count(*) FROM (SELECT DISTINCT ref FROM facts) s', warm: { ratio: 1 } },
    { name: 'self-join on a non-key', sql: 'SELECT count(*) FROM facts a JOIN facts b ON b.ref = a.ref AND b.id > a.id', warm: { ratio: 1 } },
  ];
}
