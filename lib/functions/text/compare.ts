/**
 * Comparison of text, name, bpchar and "char" and the mixtures of text and name. Plain code point order is the fast
 * path; other collations go through `collate.ts`.
 */
import { compareCodePoints } from '../../types/collation.js';
import type { CallContext } from '../context.js';
import { collated, pure } from '../registry.js';
import { comparisonNames, type ComparisonNames } from '../scalar/compare.js';
import { compareText, equalText } from './collate.js';
import { trimBlanks } from './io.js';

function registerText(names: ComparisonNames): void {
  collated(names.eq, (a: string, b: string) => a === b, equalText, (a, b) => `(${a} === ${b})`);
  collated(names.ne, (a: string, b: string) => a !== b, (cx, a: string, b: string) => !equalText(cx, a, b), (a, b) => `(${a} !== ${b})`);
  collated(names.lt, (a: string, b: string) => compareCodePoints(a, b) < 0, (cx, a: string, b: string) => compareText(cx, a, b) < 0);
  collated(names.le, (a: string, b: string) => compareCodePoints(a, b) <= 0, (cx, a: string, b: string) => compareText(cx, a, b) <= 0);
  collated(names.gt, (a: string, b: string) => compareCodePoints(a, b) > 0, (cx, a: string, b: string) => compareText(cx, a, b) > 0);
  collated(names.ge, (a: string, b: string) => compareCodePoints(a, b) >= 0, (cx, a: string, b: string) => compareText(cx, a, b) >= 0);
}

registerText({ eq: 'texteq', ne: 'textne', lt: 'text_lt', le: 'text_le', gt: 'text_gt', ge: 'text_ge' });
registerText(comparisonNames('name'));
registerText({ eq: 'nameeqtext', ne: 'namenetext', lt: 'namelttext', le: 'nameletext', gt: 'namegttext', ge: 'namegetext' });
registerText({ eq: 'texteqname', ne: 'textnename', lt: 'textltname', le: 'textlename', gt: 'textgtname', ge: 'textgename' });
for (const name of ['bttextcmp', 'btnamecmp', 'btnametextcmp', 'bttextnamecmp']) collated(name, compareCodePoints, compareText);
collated('text_larger', (a: string, b: string) => (compareCodePoints(a, b) > 0 ? a : b), (cx, a: string, b: string) => (compareText(cx, a, b) > 0 ? a : b));
collated('text_smaller', (a: string, b: string) => (compareCodePoints(a, b) < 0 ? a : b), (cx, a: string, b: string) => (compareText(cx, a, b) < 0 ? a : b));

/** Order of bpchar values by code point, trailing blanks ignored. */
export function compareBpchar(a: string, b: string): number {
  return a === b ? 0 : compareCodePoints(trimBlanks(a), trimBlanks(b));
}
const equalBpchar = (a: string, b: string): boolean => a === b || trimBlanks(a) === trimBlanks(b);
const compareBpcharCollated = (cx: CallContext, a: string, b: string): number => compareText(cx, trimBlanks(a), trimBlanks(b));
const equalBpcharCollated = (cx: CallContext, a: string, b: string): boolean => equalText(cx, trimBlanks(a), trimBlanks(b));

collated('bpchareq', equalBpchar, equalBpcharCollated);
collated('bpcharne', (a: string, b: string) => !equalBpchar(a, b), (cx, a: string, b: string) => !equalBpcharCollated(cx, a, b));
collated('bpcharlt', (a: string, b: string) => compareBpchar(a, b) < 0, (cx, a: string, b: string) => compareBpcharCollated(cx, a, b) < 0);
collated('bpcharle', (a: string, b: string) => compareBpchar(a, b) <= 0, (cx, a: string, b: string) => compareBpcharCollated(cx, a, b) <= 0);
collated('bpchargt', (a: string, b: string) => compareBpchar(a, b) > 0, (cx, a: string, b: string) => compareBpcharCollated(cx, a, b) > 0);
collated('bpcharge', (a: string, b: string) => compareBpchar(a, b) >= 0, (cx, a: string, b: string) => compareBpcharCollated(cx, a, b) >= 0);
collated('bpcharcmp', compareBpchar, compareBpcharCollated);
collated('bpchar_larger', (a: string, b: string) => (compareBpchar(a, b) >= 0 ? a : b), (cx, a: string, b: string) => (compareBpcharCollated(cx, a, b) >= 0 ? a : b));
collated('bpchar_smaller', (a: string, b: string) => (compareBpchar(a, b) <= 0 ? a : b), (cx, a: string, b: string) => (compareBpcharCollated(cx, a, b) <= 0 ? a : b));

for (const [prefix, compare] of [['text', compareCodePoints], ['bpchar', compareBpchar]] as const) {
  pure(`${prefix}_pattern_lt`, (a: string, b: string) => compare(a, b) < 0);
  pure(`${prefix}_pattern_le`, (a: string, b: string) => compare(a, b) <= 0);
  pure(`${prefix}_pattern_gt`, (a: string, b: string) => compare(a, b) > 0);
  pure(`${prefix}_pattern_ge`, (a: string, b: string) => compare(a, b) >= 0);
  pure(`bt${prefix}_pattern_cmp`, compare);
}

const code = (a: string): number => (a === '' ? 0 : a.charCodeAt(0));
pure('chareq', (a: string, b: string) => a === b, (a, b) => `(${a} === ${b})`);
pure('charne', (a: string, b: string) => a !== b, (a, b) => `(${a} !== ${b})`);
pure('charlt', (a: string, b: string) => code(a) < code(b));
pure('charle', (a: string, b: string) => code(a) <= code(b));
pure('chargt', (a: string, b: string) => code(a) > code(b));
pure('charge', (a: string, b: string) => code(a) >= code(b));
pure('btcharcmp', (a: string, b: string) => code(a) - code(b));
