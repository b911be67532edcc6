/** Certificates for connections to other nodes, from files that the command line names. */
import { readFileSync } from 'node:fs';
import type { TlsOptions } from '../../lib/env/network.js';

/** Names of PEM files. */
export interface TlsFiles {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Reads the files; undefined when none is named. */
export function readTls(files: TlsFiles): TlsOptions | undefined {
  if (files.tlsCa === undefined && files.tlsCert === undefined && files.tlsKey === undefined) return undefined;
  const read = (path: string | undefined): string | undefined => (path === undefined ? undefined : readFileSync(path, 'utf8'));
  return { authorities: read(files.tlsCa), certificate: read(files.tlsCert), key: read(files.tlsKey) };
}
