/**
 * Words of date and time literals (the tables of PostgreSQL's datetime.c) and the Default set of time zone abbreviations.
 * Words are compared by their first ten characters.
 */

/** Kinds of words; each is a bit of the mask of what a literal has named already. */
export const KIND = {
  RESERV: 0, MONTH: 1, YEAR: 2, DAY: 3, JULIAN: 4, TZ: 5, DTZ: 6, DYNTZ: 7, IGNORE: 8, AMPM: 9, HOUR: 10, MINUTE: 11, SECOND: 12,
  MILLISECOND: 13, MICROSECOND: 14, DOY: 15, DOW: 16, UNITS: 17, ADBC: 18, AGO: 19, ISOTIME: 23, WEEK: 24, DECADE: 25,
  CENTURY: 26, MILLENNIUM: 27, DTZMOD: 28, UNKNOWN: 31,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Units of time by name, and what reserved words mean. */
export type Unit =
  | 'microseconds' | 'milliseconds' | 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year' | 'decade'
  | 'century' | 'millennium' | 'julian' | 'dow' | 'isodow' | 'doy' | 'isoyear' | 'epoch' | 'timezone' | 'timezone_hour'
  | 'timezone_minute' | 'time';
export type Reserved = 'now' | 'today' | 'tomorrow' | 'yesterday' | 'zulu' | 'epoch' | 'late' | 'early';

/** A word: months, weekdays and daylight seconds as numbers, units and reserved words by name. */
export interface Word { readonly kind: Kind; readonly value: number; readonly unit?: Unit; readonly reserved?: Reserved }

const SIGNIFICANT = 10;

function addAll(map: Map<string, Word>, words: string, word: (position: number) => Word): void {
  words.split('|').forEach((group, i) => {
    for (const name of group.split(' ')) map.set(name.slice(0, SIGNIFICANT), word(i));
  });
}

const dateWords = new Map<string, Word>();
addAll(dateWords, 'jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september|oct october|nov november|dec december',
  (i) => ({ kind: KIND.MONTH, value: i + 1 }));
addAll(dateWords, 'sun sunday|mon monday|tue tues tuesday|wed weds wednesday|thu thur thurs thursday|fri friday|sat saturday',
  (i) => ({ kind: KIND.DOW, value: i }));
addAll(dateWords, 'at on', () => ({ kind: KIND.IGNORE, value: 0 }));
addAll(dateWords, 'am|pm', (i) => ({ kind: KIND.AMPM, value: i }));
addAll(dateWords, 'ad|bc', (i) => ({ kind: KIND.ADBC, value: i }));
addAll(dateWords, 'dst', () => ({ kind: KIND.DTZMOD, value: 3600 }));
addAll(dateWords, 't', () => ({ kind: KIND.ISOTIME, value: 0, unit: 'time' }));

function addUnits(map: Map<string, Word>, units: Partial<Record<Unit, string>>): void {
  for (const [unit, words] of Object.entries(units)) {
    addAll(map, words, () => ({ kind: KIND.UNITS, value: 0, unit: unit as Unit }));
  }
}
addUnits(dateWords, {
  day: 'd', dow: 'dow', doy: 'doy', hour: 'h', isodow: 'isodow', isoyear: 'isoyear', julian: 'j jd julian', month: 'm', minute: 'mm',
  second: 's', year: 'y',
});

const reservedWords: Record<Reserved, string> = {
  now: 'now', today: 'today', tomorrow: 'tomorrow', yesterday: 'yesterday', zulu: 'allballs', epoch: 'epoch',
  late: 'infinity +infinity', early: '-infinity',
};
for (const [reserved, words] of Object.entries(reservedWords)) {
  addAll(dateWords, words, () => ({ kind: KIND.RESERV, value: 0, reserved: reserved as Reserved }));
}

const unitWords = new Map<string, Word>();
addAll(unitWords, '@', () => ({ kind: KIND.IGNORE, value: 0 }));
addAll(unitWords, 'ago', () => ({ kind: KIND.AGO, value: 0 }));
addUnits(unitWords, {
  century: 'c cent centuries century', day: 'd day days', decade: 'dec decade decades decs', hour: 'h hour hours hr hrs',
  minute: 'm min mins minute minutes', microseconds: 'microsecon us usec microsecond useconds usecs',
  millennium: 'mil millennia millennium mils', milliseconds: 'millisecon ms msec millisecond mseconds msecs',
  month: 'mon mons month months', quarter: 'qtr quarter', second: 's sec second seconds secs', timezone: 'timezone',
  timezone_hour: 'timezone_h', timezone_minute: 'timezone_m', week: 'w week weeks', year: 'y year years yr yrs',
});

/** A word of dates (months, weekdays, `today` ...), lower case; undefined when it is none. */
export function dateWord(word: string): Word | undefined {
  return dateWords.get(word.slice(0, SIGNIFICANT));
}

/** A unit of intervals, lower case; undefined when it is none. */
export function unitWord(word: string): Word | undefined {
  return unitWords.get(word.slice(0, SIGNIFICANT));
}

/** What an abbreviation stands for: seconds east of Greenwich, or a zone whose history tells. */
export interface Abbreviation { readonly name: string; readonly offset: number; readonly isDst: boolean; readonly zone?: string }

/** name offset[D] or name zone; the Default set. */
const ABBREVIATIONS = `EAT 10800|SAST 7200|WAT 3600|ACT -18000|AKDT -28800D|AKST -32400|ART America/Argentina/Buenos_Aires
ARST America/Argentina/Buenos_Aires|BOT -14400|BRA -10800|BRST -7200D|BRT -10800|COT -18000|CDT -18000D|CLST -10800D|CLT America/Santiago
CST -21600|EDT -14400D|EGST 0D|EGT -3600|EST -18000|FNT -7200|FNST -3600D|GFT -10800|GYT America/Guyana|MDT -21600D|MST -25200|NDT -9000D
NFT -12600|NST -12600|PET -18000|PDT -25200D|PMDT -7200D|PMST -10800|PST -28800|PYST -10800D|PYT America/Asuncion|UYST -7200D|UYT -10800
VET America/Caracas|WGST -7200D|WGT -10800|DAVT Antarctica/Davis|DDUT 36000|MAWT Antarctica/Mawson|AFT 16200|ALMT 21600|ALMST 25200D
AMST Asia/Yerevan|AMT -14400|ANAST Asia/Anadyr|ANAT Asia/Anadyr|AZST Asia/Baku|AZT Asia/Baku|BDT 21600|BNT 28800|BORT 28800|BTT 21600
CCT 28800|GEST Asia/Tbilisi|GET Asia/Tbilisi|HKT 28800|ICT 25200|IDT 10800D|IRKST Asia/Irkutsk|IRKT Asia/Irkutsk|IRT 12600|IST 7200
JAYT 32400|JST 32400|KDT 36000D|KGST 21600D|KGT Asia/Bishkek|KRAST Asia/Krasnoyarsk|KRAT Asia/Krasnoyarsk|KST 32400|LKT Asia/Colombo
MAGST Asia/Magadan|MAGT Asia/Magadan|MMT 23400|MYT 28800|NOVST Asia/Novosibirsk|NOVT Asia/Novosibirsk|NPT 20700|OMSST Asia/Omsk
OMST Asia/Omsk|PETST Asia/Kamchatka|PETT Asia/Kamchatka|PHT 28800|PKT 18000|PKST 21600D|SGT Asia/Singapore|TJT 18000|TMT Asia/Ashgabat
ULAST 32400D|ULAT Asia/Ulaanbaatar|UZST 21600D|UZT 18000|VLAST Asia/Vladivostok|VLAT Asia/Vladivostok|XJT 21600|YAKST Asia/Yakutsk
YAKT Asia/Yakutsk|YEKST 21600D|YEKT Asia/Yekaterinburg|ADT -10800D|AST -14400|AZOST 0D|AZOT -3600|FKST Atlantic/Stanley
FKT Atlantic/Stanley|ACSST 37800D|ACDT 37800D|ACST 34200|ACWST 31500|AESST 39600D|AEDT 39600D|AEST 36000|AWSST 32400D|AWST 28800
CADT 37800D|CAST 34200|LHDT Australia/Lord_Howe|LHST 37800|LIGT 36000|NZT 43200|SADT 37800D|WADT 28800D|WAST 25200|WDT 32400D|GMT 0
UCT 0|UT 0|UTC 0|Z 0|ZULU 0|BST 3600D|BDST 7200D|CEST 7200D|CET 3600|CETDST 7200D|EEST 10800D|EET 7200|EETDST 10800D|FET 10800
MEST 7200D|MESZ 7200D|MET 3600|METDST 7200D|MEZ 3600|MSD 14400D|MSK Europe/Moscow|VOLT Europe/Volgograd|WET 0|WETDST 3600D|CXT 25200
IOT Indian/Chagos|MUT 14400|MUST 18000D|MVT 18000|RET 14400|SCT 14400|TFT 18000|CHADT 49500D|CHAST 45900|CHUT 36000
CKT Pacific/Rarotonga|EASST Pacific/Easter|EAST Pacific/Easter|FJST 46800D|FJT 43200|GALT -21600|GAMT -32400|GILT 43200|HST -36000
KOST Pacific/Kosrae|LINT Pacific/Kiritimati|MART -34200|MHT 43200|MPT 36000|NUT Pacific/Niue|NZDT 46800D|NZST 43200|PGT 36000|PONT 39600
PWT 32400|TAHT -36000|TKT Pacific/Fakaofo|TOT 46800|TRUT 36000|TVT 43200|VUT 39600|WAKT 43200|WFT 43200|YAPT 36000`;

const abbreviations = new Map<string, Abbreviation>();
for (const entry of ABBREVIATIONS.split(/[|\n]/)) {
  const [name, meaning] = entry.split(' ');
  const fixed = /^(-?\d+)(D?)$/.exec(meaning);
  abbreviations.set(name, fixed
    ? { name, offset: Number(fixed[1]), isDst: fixed[2] === 'D' }
    : { name, offset: 0, isDst: false, zone: meaning });
}

/** A time zone abbreviation (upper case) of the Default set. */
export function zoneAbbreviation(name: string): Abbreviation | undefined {
  return abbreviations.get(name);
}

/** The whole Default set, by name. */
export function zoneAbbreviations(): readonly Abbreviation[] {
  return [...abbreviations.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
