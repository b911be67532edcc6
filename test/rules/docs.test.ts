/** Holds the documentation rules: a header in every file, a comment on exported functions, a README in every folder. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root, sourceFiles, type SourceFile } from './source.js';

/** Exported functions and classes of a file, each with whether a doc comment stands directly before it. */
function exportedDeclarations(file: SourceFile): { name: string; documented: boolean }[] {
  const lines = file.text.split('\n');
  const found: { name: string; documented: boolean }[] = [];
  lines.forEach((line, index) => {
    const match = /^export (?:abstract )?(?:async )?(?:function\*?|class)\s*\*?\s*(\w+)/.exec(line);
    if (!match) return;
    const overload = index > 0 && new RegExp(`^export (?:async )?function\\*? ${match[1]}\\b`).test(lines[index - 1] ?? '');
    found.push({ name: match[1], documented: overload || (lines[index - 1] ?? '').trimEnd().endsWith('*/') });
  });
  return found;
}

describe('documentation', () => {
  it('every source file begins by saying what it is for', () => {
    const bare = sourceFiles('lib', 'server', 'replica', 'ops', 'regress', 'bench').filter((file) => !/^(#!.*\n)?\/\*\*/.test(file.text));
    expect(bare.map((file) => file.path)).to.deep.equal([]);
  });

  it('at least 95 % of the exported functions and classes of lib have a doc comment', () => {
    const all = sourceFiles('lib').flatMap((file) => exportedDeclarations(file).map((entry) => ({ ...entry, path: file.path })));
    const bare = all.filter((entry) => !entry.documented);
    expect(bare.length / Math.max(1, all.length), bare.map((entry) => `${entry.path}: ${entry.name}`).join('\n')).to.be.at.most(0.05);
  });

  it('every folder of lib has a README', () => {
    const folders = readdirSync(join(root, 'lib'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.filter((entry) => !existsSync(join(root, 'lib', entry.name, 'README.md'))).map((entry) => entry.name)).to.deep.equal([]);
  });

  it('under 5 % of the source files have more than 500 lines', () => {
    const files = sourceFiles('lib', 'server', 'replica', 'ops', 'regress', 'bench').filter((file) => !/\/(data|generated)\/|lib\/catalog\/rows\.ts|lib\/types\/oids\.ts/.test(file.path));
    const long = files.filter((file) => file.text.split('\n').length > 501);
    expect(long.length / files.length, long.map((file) => `${file.path} ${file.text.split('\n').length}`).join('\n')).to.be.below(0.05);
  });
});
