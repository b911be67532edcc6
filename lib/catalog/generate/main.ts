/**
 * The catalog generator: reads a pristine database of a running PostgreSQL 18 and writes `lib/catalog/data/*.json`,
 * `lib/catalog/rows.ts`, `lib/catalog/schema.ts` and `lib/types/oids.ts`. A developer's tool: the library never runs it.
 *
 *   node dist/lib/catalog/generate/main.js --psql /path/to/psql --host 127.0.0.1 --port 5432 [--user postgres] [--database template1]
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { noteRows, oidsFile, rowsFile, schemaFile } from './code.js';
import { readData, readViews } from './data.js';
import { readCatalogs } from './schema.js';
import { Source } from './source.js';

const root = new URL('../../../../', import.meta.url);

function path(relative: string): string {
  return fileURLToPath(new URL(relative, root));
}

function main(): void {
  const { values } = parseArgs({ options: {
    psql: { type: 'string', default: 'psql' }, host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '5432' }, user: { type: 'string', default: 'postgres' },
    database: { type: 'string', default: 'template1' },
  } });
  const source = new Source(values);
  const catalogs = readCatalogs(source);
  const digest = createHash('sha256');
  mkdirSync(path('lib/catalog/data'), { recursive: true });
  for (const file of readdirSync(path('lib/catalog/data'))) rmSync(path(`lib/catalog/data/${file}`));
  const write = (name: string, content: unknown): void => {
    const text = `${JSON.stringify(content)}\n`;
    digest.update(name).update(text);
    writeFileSync(path(`lib/catalog/data/${name}.json`), text);
  };
  for (const catalog of catalogs) {
    const data = readData(source, catalog);
    if (!data) continue;
    noteRows(catalog.name, data.rows);
    write(catalog.name, data.columns);
  }
  write('views', readViews(source));
  writeFileSync(path('lib/catalog/rows.ts'), rowsFile(catalogs));
  writeFileSync(path('lib/catalog/schema.ts'), schemaFile(catalogs, digest.digest('hex').slice(0, 16)));
  writeFileSync(path('lib/types/oids.ts'), oidsFile(source));
}

main();
