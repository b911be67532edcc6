/** Entry of the bundled `pglitedb` command, `dist/bundle/pglitedb.cjs`. */
import { join } from 'node:path';
import { setRunningFlags } from './flags.js';
import { ENGINE_FILE, loadEngine } from './loader.js';
import { mapStackTraces } from './stack.js';

if (!process.sourceMapsEnabled) mapStackTraces(join(import.meta.dirname, ENGINE_FILE));
void loadEngine(import.meta.dirname).runCommandLine().then(setRunningFlags);
