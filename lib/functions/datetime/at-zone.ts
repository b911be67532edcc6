/**
 * AT TIME ZONE by name: fixed abbreviations, abbreviations whose meaning changed over time, and zones.
 */
import type { Int8 } from '../../types/datum.js';
import type { FunctionServices } from '../context.js';
import { addMicros, isValidTimestamp, timestampOutOfRange, toFields, USECS_PER_SEC } from './calendar.js';
import { abbreviationOffsetAtLocal, findAbbreviation, sessionZone, toZonedFields, unknownZone } from './session.js';
import { findZone, unixSeconds, zoneOffsetAtLocal } from './zone.js';

/** Seconds west of Greenwich that a zone's name means at an instant; 22023. */
export function offsetOfZoneName(services: FunctionServices, name: string, instant: Int8): number {
  const meaning = findAbbreviation(name.toLowerCase(), sessionZone(services));
  if (meaning?.kind === 'fixed') return -meaning.offset + 0;
  const seconds = unixSeconds(instant);
  if (meaning) {
    const type = meaning.zone.interpret(name.toUpperCase(), seconds);
    return type ? -type.offset + 0 : zoneOffsetAtLocal(toZonedFields(instant, meaning.zone), meaning.zone);
  }
  const zone = findZone(name);
  if (!zone) throw unknownZone(name);
  return -zone.at(seconds).offset + 0;
}

/** Seconds west of Greenwich that a zone's name means at a local time; 22023. */
export function offsetOfZoneNameAtLocal(services: FunctionServices, name: string, local: Int8): number {
  const meaning = findAbbreviation(name.toLowerCase(), sessionZone(services));
  if (meaning?.kind === 'fixed') return -meaning.offset + 0;
  const fields = toFields(local);
  if (meaning) return abbreviationOffsetAtLocal(fields, name, meaning.zone);
  const zone = findZone(name);
  if (!zone) throw unknownZone(name);
  return zoneOffsetAtLocal(fields, zone);
}

/** Moves a timestamp by seconds; infinities stay; 22008. */
export function shiftSeconds(timestamp: Int8, seconds: number): Int8 {
  const result = addMicros(timestamp, seconds * USECS_PER_SEC);
  if (!isValidTimestamp(result)) throw timestampOutOfRange();
  return result;
}
