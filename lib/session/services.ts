/**
 * `FunctionServices` of a session: what built-in functions may ask of it. Settings that functions read on every call are
 * plain fields, kept up to date by `applySetting`.
 */
import type { PgError } from '../base/error.js';
import type { FunctionServices, FunctionSettings, SystemServices, TypeServices } from '../functions/context.js';
import type { Env } from '../env/env.js';
import type { Int8 } from '../types/datum.js';
import { parseDateStyle } from './settings/checks.js';
import type { SettingValue } from './settings/values.js';

/** Microseconds from 1970-01-01 to 2000-01-01 UTC. */
export const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;

/** What of a session its functions' services stand on. */
export interface ServicesHost {
  readonly env: Env;
  readonly types: TypeServices;
  readonly system: SystemServices;
  showSetting(name: string): string | null;
  changeSetting(name: string, value: string | null, isLocal: boolean): string;
  /** Microseconds since 2000-01-01 UTC. */
  transactionStart(): number;
  statementStart(): number;
  sendNotice(notice: PgError): void;
  checkInterrupts(): void;
  currentUserName(): string;
  sessionUserName(): string;
  readonly databaseName: string;
}

/** PostgreSQL's defaults. */
export function defaultFunctionSettings(): FunctionSettings {
  return {
    dateStyle: 'ISO', dateOrder: 'MDY', intervalStyle: 'postgres', timeZone: 'UTC', extraFloatDigits: 1, byteaOutput: 'hex',
    standardConformingStrings: true, defaultTextSearchConfig: 'pg_catalog.english', xmlOption: 'content',
  };
}

/** Takes over a changed setting that functions read. */
export function applySetting(settings: FunctionSettings, key: string, value: SettingValue): void {
  switch (key) {
    case 'datestyle': {
      const { style, order } = parseDateStyle(String(value), { style: settings.dateStyle, order: settings.dateOrder });
      settings.dateStyle = style;
      settings.dateOrder = order;
      return;
    }
    case 'intervalstyle':
      settings.intervalStyle = value as FunctionSettings['intervalStyle'];
      return;
    case 'timezone':
      settings.timeZone = String(value);
      return;
    case 'extra_float_digits':
      settings.extraFloatDigits = Number(value);
      return;
    case 'bytea_output':
      settings.byteaOutput = value as FunctionSettings['byteaOutput'];
      return;
    case 'standard_conforming_strings':
      settings.standardConformingStrings = value === true;
      return;
    case 'default_text_search_config':
      settings.defaultTextSearchConfig = String(value);
      return;
    case 'xmloption':
      settings.xmlOption = value as FunctionSettings['xmlOption'];
  }
}

/** A small generator with a seed of its own, so that setseed makes random() repeatable (xoroshiro128+ in 32-bit halves). */
class SeededRandom {
  private state = new Uint32Array(4);

  seed(seed: number): void {
    let mix = Math.floor(seed * 0x7fffffff) >>> 0;
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e3779b9) >>> 0;
      let z = mix;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.state[i] = (z ^ (z >>> 16)) >>> 0;
    }
  }

  next(): number {
    const { state } = this;
    const result = (Math.imul(state[1] * 5, 1) << 7 | Math.imul(state[1] * 5, 1) >>> 25) >>> 0;
    const high = Math.imul(result, 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return high / 0x1_0000_0000;
  }
}

/** See the file's comment. */
export class SessionServices implements FunctionServices {
  readonly settings: FunctionSettings = defaultFunctionSettings();
  private seeded: SeededRandom | null = null;

  constructor(private readonly host: ServicesHost) {}

  get types(): TypeServices {
    return this.host.types;
  }

  get system(): SystemServices {
    return this.host.system;
  }

  getSetting(name: string): string | null {
    return this.host.showSetting(name);
  }

  setSetting(name: string, value: string | null, isLocal: boolean): string {
    return this.host.changeSetting(name, value, isLocal);
  }

  transactionTimestamp(): Int8 {
    return this.host.transactionStart();
  }

  statementTimestamp(): Int8 {
    return this.host.statementStart();
  }

  clockTimestamp(): Int8 {
    return this.host.env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
  }

  random(): number {
    return this.seeded === null ? this.host.env.random.float() : this.seeded.next();
  }

  setSeed(seed: number): void {
    this.seeded ??= new SeededRandom();
    this.seeded.seed(seed);
  }

  randomBytes(count: number): Uint8Array {
    return this.host.env.random.bytes(count);
  }

  notice(notice: PgError): void {
    this.host.sendNotice(notice);
  }

  checkInterrupts(): void {
    this.host.checkInterrupts();
  }

  get currentUser(): string {
    return this.host.currentUserName();
  }

  get sessionUser(): string {
    return this.host.sessionUserName();
  }

  get currentDatabase(): string {
    return this.host.databaseName;
  }
}
