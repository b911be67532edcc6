/** COPY's formats: every stream cut at every byte gives the same records; fast and careful paths agree; errors as PostgreSQL's. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { BinaryReader, binaryHeader, binaryRow, binaryTrailer } from '../../lib/commands/copy/binary-format.js';
import { shortInteger } from '../../lib/commands/copy/column-readings.js';
import { CopyLineReader, type CopyField } from '../../lib/commands/copy/line-reader.js';
import { lineFormatter } from '../../lib/commands/copy/line-writer.js';
import { copyOptions, type CopyOptions } from '../../lib/commands/copy/options.js';

const text = copyOptions([], true);
const csv: CopyOptions = { ...text, format: 'csv', delimiter: ',', nullString: '' };

/** Reads a whole stream in pieces of `step` bytes. */
function read(options: CopyOptions, stream: string | Uint8Array, step = Infinity): CopyField[][] {
  const bytes = typeof stream === 'string' ? Buffer.from(stream) : stream;
  const reader = new CopyLineReader(options);
  const records: CopyField[][] = [];
  let more = true;
  for (let at = 0; at < bytes.length && more; at += step) {
    reader.push(bytes.subarray(at, Math.min(bytes.length, at + step)));
    more = reader.drain((fields) => records.push(fields));
  }
  if (more) {
    reader.finish();
    reader.drain((fields) => records.push(fields));
  }
  return records;
}

function failure(action: () => unknown): PgError {
  try {
    action();
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('no error was raised');
}

describe('COPY integers', () => {
  it('are read without the input function where they are short and plain', () => {
    const texts = ['', '-', '--1', '+5', ' 5', '5 ', '1_000', '1.0', '0x10', '0', '-0', '00', '007', '-12', '999999999', '-999999999', '1000000000', '2147483648', '٣', 'é', '12a', 'a'];
    for (let n = 1; n < 1e9; n = n * 7 + 3) texts.push(String(n), String(-n));
    for (const value of texts) expect(shortInteger(value), value).to.equal(/^-?\d{1,9}$/.test(value) ? Number(value) | 0 : null);
  });
});

describe('COPY text format', () => {
  const stream = '1\tä€😀\t\\N\n2\ta\\tb\\\\c\\nd\t\n3\t\\101\\x42\\q\tx\\\ny\n\\.\nrest';
  const records = [['1', 'ä€😀', null], ['2', 'a\tb\\c\nd', ''], ['3', 'ABq', 'x\ny']];

  it('reads fields, escapes, NULLs and stops at the end mark', () => {
    expect(read(text, stream)).to.deep.equal(records);
  });

  it('gives the same records wherever the stream is cut', () => {
    for (let step = 1; step < 12; step++) expect(read(text, stream, step), `pieces of ${step}`).to.deep.equal(records);
  });

  it('takes the line end of the first line for all', () => {
    expect(read(text, 'a\r\nb\r\n')).to.deep.equal([['a'], ['b']]);
    expect(read(text, 'a\rb')).to.deep.equal([['a'], ['b']]);
    expect(failure(() => read(text, 'a\nb\rc\n')).message).to.equal('literal carriage return found in data');
    expect(failure(() => read(text, 'a\r\nb\n')).hint).to.equal('Use "\\n" to represent newline.');
  });

  it('refuses what is not UTF-8, with 22021', () => {
    expect(failure(() => read(text, Uint8Array.of(0x61, 0xff, 0x0a))).sqlstate).to.equal('22021');
    expect(failure(() => read(text, 'a\\377\n')).sqlstate).to.equal('22021');
  });

  it('reads back what it writes', () => {
    const format = lineFormatter(text, []);
    const rows = [['a\tb', null, '\\N', ''], ['\\', 'x\ny', '\r', '\b\f\v']];
    expect(read(text, rows.map((row) => `${format(row)}\n`).join(''))).to.deep.equal(rows);
  });
});

describe('COPY csv format', () => {
  const stream = 'a,"b ""q"" b",\n"two\nlines",,""\n"\\.",x,y\n';
  const records = [['a', 'b "q" b', null], ['two\nlines', null, ''], ['\\.', 'x', 'y']];

  it('reads quotes, embedded line ends, NULLs and empty strings, cut anywhere', () => {
    for (let step = 1; step < 12; step++) expect(read(csv, stream, step), `pieces of ${step}`).to.deep.equal(records);
  });

  it('honours an escape character of its own', () => {
    expect(read({ ...csv, escape: '\\' }, '"a\\"b\\\\",c\n')).to.deep.equal([['a"b\\', 'c']]);
  });

  it('raises 22P04 for an open quote', () => {
    const error = failure(() => read(csv, 'a,"b\n'));
    expect([error.sqlstate, error.message]).to.deep.equal(['22P04', 'unterminated CSV quoted field']);
  });

  it('reads back what it writes', () => {
    const format = lineFormatter(csv, ['a', 'b', 'c']);
    const rows = [['a,b', null, ''], ['"', 'x\ny', 'é']];
    expect(read(csv, rows.map((row) => `${format(row)}\n`).join(''))).to.deep.equal(rows);
    expect(lineFormatter({ ...csv, forceQuote: ['b'] }, ['a', 'b'])(['1', '2'])).to.equal('1,"2"');
  });
});

describe('COPY binary format', () => {
  const rows = [[Uint8Array.of(1, 2, 3), null], [new Uint8Array(0), Uint8Array.of(255)]];
  const stream = Buffer.concat([binaryHeader(), ...rows.map((row) => binaryRow(row)), binaryTrailer()]);

  it('reads back what it writes, cut anywhere', () => {
    for (let step = 1; step < 30; step++) {
      const reader = new BinaryReader(2);
      const got: unknown[] = [];
      for (let at = 0; at < stream.length; at += step) {
        reader.push(stream.subarray(at, at + step));
        reader.drain((fields) => got.push(fields.map((field) => field && Uint8Array.from(field))));
      }
      reader.finish();
      expect(got).to.deep.equal(rows);
    }
  });

  it('raises 22P04 for a wrong signature, field count, or missing trailer', () => {
    const drain = (bytes: Uint8Array, fields = 2): void => {
      const reader = new BinaryReader(fields);
      reader.push(bytes);
      reader.drain(() => undefined);
      reader.finish();
    };
    expect(failure(() => drain(Buffer.alloc(30))).message).to.equal('COPY file signature not recognized');
    expect(failure(() => drain(stream, 3)).message).to.equal('row field count is 2, expected 3');
    expect(failure(() => drain(stream.subarray(0, stream.length - 2))).message).to.equal('unexpected EOF in COPY data');
  });
});

describe('COPY options', () => {
  const option = (defname: string, value?: string): { DefElem: object } =>
    ({ DefElem: { defname, ...(value === undefined ? {} : { arg: { String: { sval: value } } }), location: 7 } });
  const message = (options: { DefElem: object }[], isFrom = true): string => failure(() => copyOptions(options, isFrom)).message;

  it('fills the defaults of the format', () => {
    expect(copyOptions([option('format', 'csv')], true)).to.include({ delimiter: ',', nullString: '', quote: '"', escape: '"' });
    expect(copyOptions([], false)).to.include({ delimiter: '\t', nullString: '\\N' });
  });

  it("checks them with PostgreSQL's texts", () => {
    expect(message([option('format', 'xml')])).to.equal('COPY format "xml" not recognized');
    expect(message([option('delimiter', 'ab')])).to.equal('COPY delimiter must be a single one-byte character');
    expect(message([option('delimiter', 'a')])).to.equal('COPY delimiter cannot be "a"');
    expect(message([option('quote', "'")])).to.equal('COPY QUOTE requires CSV mode');
    expect(message([option('format', 'csv'), option('quote', ',')])).to.equal('COPY delimiter and quote must be different');
    expect(message([option('header', 'match')], false)).to.equal('cannot use "match" with HEADER in COPY TO');
    expect(message([option('nonsense')])).to.equal('option "nonsense" not recognized');
    expect(message([option('format', 'csv'), option('format', 'csv')])).to.equal('conflicting or redundant options');
  });
});
