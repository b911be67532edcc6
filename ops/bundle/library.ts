/** Entry of the bundled library, `dist/bundle/index.js`: the exports of `lib/index.ts`, no more and no fewer (a test holds it). */
import { loadEngine } from './loader.js';

export const { PGliteDB, PgError } = loadEngine(import.meta.dirname).library();
