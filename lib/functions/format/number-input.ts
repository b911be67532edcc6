/**
 * to_number: reads a text through a picture (PostgreSQL's NUM_processor in the other direction).
 */
import { pgError } from '../../base/error.js';
import { Numeric } from '../../types/numeric.js';
import { multiplyNumeric } from '../numeric/arithmetic.js';
import { applyTypmod, parseNumeric } from '../numeric/core.js';
import { powerNumeric } from '../numeric/transcendental.js';
import { parsePicture, type Picture, type PictureKey } from './number-picture.js';
import { fromRoman } from './roman.js';

const isDigit = (ch: string | undefined): boolean => ch !== undefined && ch >= '0' && ch <= '9';

/** Reads one text through one picture. */
class NumberReader {
  private at = 0;
  private sign = ' ';
  private digits = '';
  private readBefore = 0;
  private readAfter = 0;
  private readPoint = false;

  constructor(private readonly picture: Picture, private readonly text: string) {}

  private get ended(): boolean {
    return this.at >= this.text.length;
  }

  private skipCharacter(): void {
    this.at += this.text.codePointAt(this.at)! > 0xffff ? 2 : 1;
  }

  /** Skips up to `count` characters that cannot belong to a number. */
  private skipOthers(count: number): void {
    for (let i = 0; i < count && !this.ended && !'0123456789.,+-'.includes(this.text[this.at]); i++) this.skipCharacter();
  }

  private readLeadingSign(key: PictureKey): void {
    if (this.sign !== ' ' || (key !== '0' && key !== '9') || this.readBefore + this.readAfter > 0) return;
    const ch = this.text[this.at];
    if (ch === '-' || (ch === '<' && this.picture.bracket && this.picture.localeSign !== 'pre')) {
      this.sign = '-';
      this.at++;
    } else if (ch === '+') {
      this.sign = '+';
      this.at++;
    }
  }

  /** Returns whether a digit or the point was read; undefined when reading must stop here. */
  private readDigit(): boolean | undefined {
    const ch = this.text[this.at];
    if (isDigit(ch)) {
      if (this.readPoint && this.readAfter === this.picture.post) return undefined;
      this.digits += ch;
      if (this.readPoint) this.readAfter++;
      else this.readBefore++;
      return true;
    }
    if (this.picture.decimal && !this.readPoint && ch === '.') {
      this.digits += '.';
      this.readPoint = true;
      return true;
    }
    return false;
  }

  private readTrailingSign(read: boolean): void {
    if (this.sign !== ' ' || this.readBefore + this.readAfter === 0) return;
    const { picture } = this;
    if (picture.localeSign !== 'none' && read && this.at + 1 < this.text.length && !isDigit(this.text[this.at + 1])) {
      const next = this.text[this.at + 1];
      if (next === '-' || next === '+') {
        this.sign = next;
        this.at++;
      }
    } else if (!read && picture.localeSign === 'none' && (picture.plus || picture.minus)) {
      const ch = this.text[this.at];
      if (ch === '-' || ch === '+') this.sign = ch;
    }
  }

  /** A place for a digit or the point. */
  private readPlace(key: PictureKey): void {
    if (this.text[this.at] === ' ') this.at++;
    if (this.ended) return;
    this.readLeadingSign(key);
    if (this.ended) return;
    const read = this.readDigit();
    if (read === undefined || this.ended) return;
    this.readTrailingSign(read);
  }

  private readSignKey(accepted: string): boolean {
    if (accepted.includes(this.text[this.at])) {
      this.sign = this.text[this.at];
      return true;
    }
    this.skipOthers(1);
    return false;
  }

  private readRoman(): void {
    const numeral = fromRoman(this.text.slice(this.at));
    if (!numeral) throw pgError('INVALID_TEXT_REPRESENTATION', 'invalid Roman numeral');
    this.at += numeral.length;
    this.digits += String(numeral.value);
    this.picture.pre = this.digits.length;
    this.picture.post = 0;
  }

  /** Reads one keyword's part; true when the reader then moves on by one character. */
  private readKey(key: PictureKey): boolean {
    const { picture } = this;
    switch (key) {
      case '9': case '0': case '.': case 'D':
        this.readPlace(key);
        return true;
      case ',': case 'G':
        return !picture.fillMode && this.text[this.at] === ',';
      case 'L':
        this.skipOthers(1);
        return false;
      case 'RN': case 'rn':
        this.readRoman();
        return false;
      case 'TH': case 'th':
        if (!picture.roman && !picture.decimal) this.skipOthers(2);
        return false;
      case 'MI': return this.readSignKey('-');
      case 'PL': return this.readSignKey('+');
      case 'SG': return this.readSignKey('+-');
      default: return false;
    }
  }

  /** The number's text as the type's input function takes it. */
  read(): string {
    for (const item of this.picture.items) {
      if (this.ended) break;
      if (!('key' in item)) this.skipCharacter();
      else if (this.readKey(item.key)) this.at++;
    }
    this.picture.post = this.readAfter;
    return this.sign + (this.digits.endsWith('.') ? this.digits.slice(0, -1) : this.digits);
  }
}

/** to_number(text, text); null for an empty picture; 22P02, 22003, 0A000. */
export function toNumber(text: string, format: string): Numeric | null {
  if (format === '') return null;
  const picture = parsePicture(format);
  if (picture.exponent) throw pgError('FEATURE_NOT_SUPPORTED', '"EEEE" not supported for input');
  const number = new NumberReader(picture, text).read();
  const scale = picture.post;
  const precision = picture.pre + picture.multi + scale;
  const value = applyTypmod(parseNumeric(number), ((precision << 16) | scale) + 4);
  if (!picture.shifted) return value;
  return multiplyNumeric(value, powerNumeric(Numeric.fromInteger(10), Numeric.fromInteger(-picture.multi)));
}
