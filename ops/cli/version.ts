/** The version of this package, from package.json. */
import { readFileSync } from 'node:fs';

/** `0.1.0` */
export function version(): string {
  const path = new URL('../../../package.json', import.meta.url);
  const { version: number } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return number;
}
