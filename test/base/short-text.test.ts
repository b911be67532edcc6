import { expect } from 'chai';
import { asciiText, SHORT_CHARACTERS, shortAscii } from '../../lib/base/short-text.js';

describe('short texts among bytes', () => {
  const bytes = Buffer.from(Array.from({ length: 128 }, (_, code) => code));

  it('are the characters of their bytes, whatever the length', () => {
    for (let length = 0; length <= 64; length++) {
      for (const from of [0, 3, bytes.length - length]) expect(asciiText(bytes, from, from + length)).to.equal(bytes.toString('utf8', from, from + length));
    }
  });

  it('are none where a byte is not ASCII', () => {
    for (const length of [1, SHORT_CHARACTERS, SHORT_CHARACTERS + 1, 64]) {
      for (let place = 0; place < length; place++) {
        const other = Buffer.from(bytes);
        other[2 + place] = 0x80;
        expect(asciiText(other, 2, 2 + length), `${length} bytes, byte ${place}`).to.equal(null);
      }
    }
    expect(asciiText(Buffer.from('aé'), 0, 1), 'one behind the end').to.equal('a');
  });

  it('keep nothing of those before', () => {
    const texts = ['one', 'two', 'six'].map((text) => shortAscii(Buffer.from(text), 0, 3));
    expect(texts).to.deep.equal(['one', 'two', 'six']);
  });
});
