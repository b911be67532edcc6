/**
 * Bundles the compiled modules into `dist/bundle`, which is what packages run: `engine.cjs` (every module of ours and the
 * packages of plain JavaScript, each module still run when it is first needed), its source map, and two small entries:
 * `pglitedb.cjs` (the command) and `index.js` (the library).
 */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { ENVIRONMENT_WORDS } from './environment.js';
import { ENGINE_FILE } from './loader.js';

/** What is loaded from its own package: native code and WebAssembly find their files beside them. */
const EXTERNAL = ['libpg-query', 'classic-level/binding.js', 'bufferutil', 'utf-8-validate', 'pg-native'];

/** Native code that only helps is loaded this long after the module that it is for. */
const NATIVE_AFTER_MS = 2000;

/** The bundled command's file name. */
export const COMMAND_FILE = 'pglitedb.cjs';
const COMMAND_HEAD = `#!/usr/bin/env -S ${ENVIRONMENT_WORDS} node`;

/** Builds the bundle from the compiled modules in `dist` (`dist/lib`, `dist/ops` ...). Throws when it cannot. */
export async function buildBundle(dist: string): Promise<void> {
  const out = join(dist, 'bundle');
  const shared: BuildOptions = { absWorkingDir: dist, bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' };
  await Promise.all([
    build({
      ...shared, format: 'cjs', outfile: join(out, ENGINE_FILE), sourcemap: true, sourcesContent: false,
      stdin: { contents: ENGINE_SOURCE, resolveDir: dist, sourcefile: 'engine.js' },
      // `import()` becomes a `require` that waits: the script that runs the bundle knows no modules.
      supported: { 'dynamic-import': false },
      external: EXTERNAL, plugins: [moduleUrls(dist), nativeParts],
      banner: { js: 'const moduleUrl = (path) => require("node:url").pathToFileURL(require("node:path").join(__dirname, "..", path)).href;' },
    }),
    build({
      ...shared, format: 'cjs', outfile: join(out, COMMAND_FILE), entryPoints: ['ops/bundle/command.js'],
      define: { 'import.meta.dirname': '__dirname' }, banner: { js: COMMAND_HEAD },
    }),
    build({ ...shared, format: 'esm', outfile: join(out, 'index.js'), entryPoints: ['ops/bundle/library.js'] }),
  ]);
  const engine = join(out, ENGINE_FILE);
  await writeFile(engine, ascii(await readFile(engine, 'utf8')));
  await chmod(join(out, COMMAND_FILE), 0o755);
}

/**
 * The bundle in ASCII, which V8 keeps at one byte a character. esbuild has escaped what stands in strings; of comments it keeps
 * those within expressions, where other characters become question marks (the columns of the source map stay).
 */
function ascii(text: string): string {
  return text.split('\n').map((line) => {
    if (line.search(BEYOND_ASCII) < 0) return line;
    if (!COMMENT_LINE.test(line)) throw new Error(`the bundle has characters beyond ASCII outside of comments: ${line}`);
    return line.replaceAll(BEYOND_ASCII, '?');
  }).join('\n');
}

const BEYOND_ASCII = /[^\x00-\x7f]/g;
const COMMENT_LINE = /^\s*(?:\/\*\*.*\*\/|\*.*|\/\/.*)$/;

const ENGINE_SOURCE = `
  exports.runCommandLine = () => require('./ops/cli/program.js').runCommandLine();
  exports.library = () => require('./lib/index.js');
`;

/** `import.meta.url` stays what it is in the module on its own: data files are found from it. */
function moduleUrls(dist: string): Plugin {
  return {
    name: 'module-urls',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const inside = relative(dist, path);
        if (inside.startsWith('..')) return null;
        const text = await readFile(path, 'utf8');
        return { contents: text.replaceAll('import.meta.url', `moduleUrl(${JSON.stringify(inside.split(sep).join('/'))})`), loader: 'js' };
      });
    },
  };
}

/**
 * The JavaScript of these packages is bundled, what finds their native code is not: it is found from the package it belongs to.
 * msgpackr's halves the time of decoding rows with a dozen strings and more, does nothing for others, and is searched for in a dozen files:
 * it comes once the start is over.
 */
const nativeParts: Plugin = {
  name: 'native-parts',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/binding(\.js)?$/ }, ({ importer }) =>
      importer.includes(`${sep}classic-level${sep}`) ? { path: 'classic-level/binding.js', external: true } : null);
    onResolve({ filter: /^msgpackr-extract$/ }, ({ path }) => ({ path, namespace: 'native-parts' }));
    onResolve({ filter: /^msgpackr$/, namespace: 'native-parts' }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /^msgpackr-extract$/, namespace: 'native-parts' }, () => ({
      contents: "module.exports = require('node:module').createRequire(require.resolve('msgpackr'))('msgpackr-extract');",
    }));
    onLoad({ filter: /[\\/]msgpackr[\\/]node-index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const deferred = text.replace(/^if \(!nativeAccelerationDisabled\) \{$/m, `if (!nativeAccelerationDisabled) setTimeout(load, ${NATIVE_AFTER_MS}).unref(); function load() {`);
      if (deferred === text) throw new Error('msgpackr loads its native code in another way than this knows');
      return { contents: deferred, loader: 'js' };
    });
  },
};
