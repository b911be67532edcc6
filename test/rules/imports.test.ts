/** Holds the design's import rules: who may import whom, and which modules touch the outside world. */
import { expect } from 'chai';
import { imports, sourceFiles } from './source.js';

/** Each layer may import itself and what stands left of it. */
const LAYERS = [
  'base', 'env', 'types', 'codec', 'kv', 'wal', 'txn', 'access', 'catalog', 'analyzer', 'rewriter', 'planner', 'executor',
  'commands', 'plpgsql', 'session',
];
/** Layers beside the order: what they may import, and (by absence) nothing else. */
const BESIDE: Record<string, readonly string[]> = {
  parser: ['base', 'parser'],
  functions: ['base', 'types', 'functions'],
  archive: ['base', 'env', 'codec', 'kv', 'wal', 'txn', 'archive'],
};
/** From which layer on a layer beside the order may be imported. */
const BESIDE_IMPORTED_FROM: Record<string, string> = { parser: 'catalog', functions: 'catalog', archive: 'session' };
/** Types of the storage contract may be named where values of it are only passed through. */
const TYPE_ONLY_EXCEPTIONS: readonly string[] = [];

function layerOf(path: string): string | null {
  const match = /^lib\/([^/]+)\//.exec(path);
  return match ? match[1] : null;
}

/** True when a file in layer `from` may import one in layer `to`. */
function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  const beside = BESIDE[from];
  if (beside) return beside.includes(to);
  const fromRank = LAYERS.indexOf(from);
  const since = BESIDE_IMPORTED_FROM[to];
  if (since) return fromRank >= LAYERS.indexOf(since);
  return LAYERS.indexOf(to) >= 0 && LAYERS.indexOf(to) < fromRank;
}

describe('import rules', () => {
  it('lets each layer of lib import only what stands left of it', () => {
    const breaches: string[] = [];
    for (const file of sourceFiles('lib')) {
      const from = layerOf(file.path);
      if (!from) continue;
      for (const target of imports(file)) {
        const to = layerOf(target);
        if (to && !allowed(from, to) && !TYPE_ONLY_EXCEPTIONS.includes(`${file.path} -> ${target}`)) breaches.push(`${file.path} imports ${target}`);
      }
    }
    expect(breaches).to.deep.equal([]);
  });

  it('knows every folder of lib', () => {
    const folders = new Set(sourceFiles('lib').map((file) => layerOf(file.path)).filter((layer) => layer !== null));
    expect([...folders].filter((folder) => !LAYERS.includes(folder) && !(folder in BESIDE))).to.deep.equal([]);
  });

  it('keeps lib free of the outer folders', () => {
    const breaches = sourceFiles('lib').flatMap((file) =>
      imports(file).filter((target) => /^(server|replica|ops|test|regress|bench)\//.test(target)).map((target) => `${file.path} imports ${target}`));
    expect(breaches).to.deep.equal([]);
  });

  it('lets the server see the session and what stands beside it, never storage or executor directly', () => {
    const permitted = /^lib\/(base|env|types|session|index)|^server\//;
    const breaches = sourceFiles('server').filter((file) => !/^server\/main(\.ts|\/)/.test(file.path)).flatMap((file) =>
      imports(file).filter((target) => /^(lib|replica|ops)\//.test(target) && !permitted.test(target)).map((target) => `${file.path} imports ${target}`));
    expect(breaches).to.deep.equal([]);
  });

  it('lets the replica see the log and what stands below it, never access methods or SQL', () => {
    const permitted = /^lib\/(base|env|codec|kv|wal|txn)\/|^replica\//;
    const breaches = sourceFiles('replica').flatMap((file) =>
      imports(file).filter((target) => /^(lib|server|ops|test)\//.test(target) && !permitted.test(target)).map((target) => `${file.path} imports ${target}`));
    expect(breaches).to.deep.equal([]);
  });
});

describe('bans', () => {
  const inside = sourceFiles('lib', 'replica');
  const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

  it('only lib/env touches disk, network, clock and randomness', () => {
    const world = /from ['"](node:)?(fs|fs\/promises|net|tls|dgram|http|https|child_process)['"]|\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/;
    const allowedFiles = /^lib\/env\/|^lib\/catalog\/(generate|data)\b/;
    expect(inside.filter((file) => !allowedFiles.test(file.path) && world.test(code(file.text))).map((file) => file.path)).to.deep.equal([]);
  });

  it('no any, no double casts, no marks of unfinished work, no skipped tests', () => {
    const bans = /(:\s*any\b|\bas any\b|<any>|\bas unknown as\b|\bTODO\b|\bFIXME\b|\bXXX\b(?!\d)|\b(?:describe|it)\.(?:skip|only)\()/;
    const files = sourceFiles('lib', 'server', 'replica', 'ops', 'regress', 'bench', 'test').filter((file) => !file.path.startsWith('test/rules/'));
    const marks = files.flatMap((file) => {
      const match = bans.exec(code(file.text).replace(/(['"`])(?:\\.|(?!\1)[^\\\n])*\1/g, '""'));
      return match ? [`${file.path}: ${match[0]}`] : [];
    });
    expect(marks).to.deep.equal([]);
  });

  it('no folder is called utils, common, helpers or manager', () => {
    const files = sourceFiles('lib', 'server', 'replica', 'ops', 'regress', 'bench', 'test');
    expect(files.filter((file) => /(^|\/)(utils?|commons?|helpers?|managers?)\//.test(file.path)).map((file) => file.path)).to.deep.equal([]);
  });
});
