/**
 * Where the generator reads from: a running PostgreSQL 18, through psql. Everything comes back as JSON.
 */
import { spawnSync } from 'node:child_process';

/** How to reach the server, and the fresh database to read. */
export interface SourceOptions {
  psql: string;
  host: string;
  port: string;
  user: string;
  database: string;
}

/** A JSON value as it comes from the server. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Runs queries over one psql each; `search_path` is empty, so that names of other schemas come out qualified. */
export class Source {
  constructor(private readonly options: SourceOptions) {}

  /** Runs a query of one column and one row of type json; the answer parsed. */
  json<T extends Json>(query: string): T {
    const { psql, host, port, user, database } = this.options;
    const script = `set search_path = '';\n${query}`;
    const run = spawnSync(psql, ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', host, '-p', port, '-U', user, '-d', database, '-f', '-'],
      { input: script, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (run.status !== 0) throw new Error(`psql failed: ${run.stderr || String(run.error)}\n${query}`);
    return JSON.parse(run.stdout.trim() || 'null') as T;
  }
}
