/**
 * What readers and writers of dates and times take from the session: its zone, its clock, its styles.
 */
import { pgError } from '../../base/error.js';
import type { Int8 } from '../../types/datum.js';
import type { FunctionServices } from '../context.js';
import { toFields, addMicros, USECS_PER_SEC, type Fields } from './calendar.js';
import { findZone, fixedZone, unixSeconds, zoneOffsetAtLocal, localSeconds, UTC_ZONE, type Zone } from './zone.js';
import { zoneAbbreviation } from './keywords.js';

let lastName = 'UTC';
let lastZone = UTC_ZONE;

/** The session's time zone; 22023 when the setting names none (SET checks it before). */
export function sessionZone(services: FunctionServices): Zone {
  const name = services.settings.timeZone;
  if (name === lastName) return lastZone;
  const zone = findZone(name);
  if (!zone) throw unknownZone(name);
  lastName = name;
  return (lastZone = zone);
}

/** 22023. */
export function unknownZone(name: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `time zone "${name}" not recognized`);
}

/** Breaks a finite timestamptz down in a zone; `zone` and `abbreviation` are set. */
export function toZonedFields(timestamp: Int8, zone: Zone): Fields {
  const type = zone.at(unixSeconds(timestamp));
  const fields = toFields(addMicros(timestamp, type.offset * USECS_PER_SEC));
  fields.zone = -type.offset + 0;
  fields.abbreviation = type.abbreviation;
  return fields;
}

/** An abbreviation's meaning: an offset (seconds east), or a zone whose history decides. */
export type AbbreviationMeaning =
  | { readonly kind: 'fixed'; readonly offset: number; readonly isDst: boolean }
  | { readonly kind: 'dynamic'; readonly zone: Zone };

/** Looks an abbreviation up in the session's zone first, then in the Default set; undefined when unknown. */
export function findAbbreviation(word: string, session: Zone): AbbreviationMeaning | undefined {
  const upper = word.toUpperCase();
  const meanings = session.meanings(upper);
  if (meanings.length === 1) return { kind: 'fixed', offset: meanings[0].offset, isDst: meanings[0].isDst };
  if (meanings.length > 1) return { kind: 'dynamic', zone: session };
  const entry = zoneAbbreviation(upper);
  if (!entry) return undefined;
  if (entry.zone === undefined) return { kind: 'fixed', offset: entry.offset, isDst: entry.isDst };
  const zone = findZone(entry.zone);
  if (!zone) throw unknownZone(entry.zone);
  return { kind: 'dynamic', zone };
}

/** Seconds west of Greenwich that an abbreviation means at a local time in its zone. */
export function abbreviationOffsetAtLocal(fields: Fields, word: string, zone: Zone): number {
  const offset = zoneOffsetAtLocal(fields, zone);
  const instant = (localSeconds(fields) ?? 0) + offset;
  const type = zone.interpret(word.toUpperCase(), instant);
  return type ? -type.offset + 0 : offset;
}

/** A zone from an abbreviation or a name; 22023. */
export function zoneByName(services: FunctionServices, name: string): Zone {
  const meaning = findAbbreviation(name.toLowerCase(), sessionZone(services));
  if (meaning) return meaning.kind === 'fixed' ? fixedZone(meaning.offset) : meaning.zone;
  const zone = findZone(name);
  if (!zone) throw unknownZone(name);
  return zone;
}
