/** What a statement answers, in a form that two ways of running it can be compared by. */
import { PgError, type PGliteDB } from '../../lib/index.js';

/** The rows and their number, or what `shown` makes of the error; other errors than PgError are thrown. */
export async function answerOf(db: PGliteDB, sql: string, shown: (error: PgError) => string): Promise<unknown> {
  try {
    const [{ rows, affectedRows }] = await db.exec(sql);
    return { rows, affectedRows };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return shown(error);
  }
}
