/**
 * Options of CREATE and ALTER ROLE.
 */
import type { DefElem, Node, RoleSpec } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { Int8 } from '../../types/datum.js';
import type { CommandContext } from '../api.js';
import { optionBoolean, optionText } from '../definition-options.js';
import { roleSpecs } from './role-spec.js';

/** The options as written; undefined where the statement does not say. */
export interface RoleOptions {
  readonly superuser?: boolean;
  readonly inherit?: boolean;
  readonly createrole?: boolean;
  readonly createdb?: boolean;
  readonly canlogin?: boolean;
  readonly isreplication?: boolean;
  readonly bypassrls?: boolean;
  readonly connectionlimit?: number;
  /** Null: PASSWORD NULL. */
  readonly password?: string | null;
  readonly validUntil?: Int8;
  readonly addroleto?: readonly RoleSpec[];
  readonly rolemembers?: readonly RoleSpec[];
  readonly adminmembers?: readonly RoleSpec[];
}

const FLAGS = new Set(['superuser', 'inherit', 'createrole', 'createdb', 'canlogin', 'isreplication', 'bypassrls']);
const LISTS = new Set(['addroleto', 'rolemembers', 'adminmembers']);
const TIMESTAMPTZ = 1184;

/** Reads the options. @throws 42601, 22023, 22007 */
export function roleOptions(cx: CommandContext, list: readonly Node[] | undefined): RoleOptions {
  const options: Record<string, unknown> = {};
  for (const node of list ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (name === 'sysid') {
      cx.services.notice(pgError('SUCCESSFUL_COMPLETION', 'SYSID can no longer be specified', { severity: 'NOTICE' }));
      continue;
    }
    if (name in options) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', option.location === undefined ? {} : { position: option.location + 1 });
    options[name] = optionValue(cx, name, option);
  }
  return options as RoleOptions;
}

function optionValue(cx: CommandContext, name: string, option: DefElem): unknown {
  if (FLAGS.has(name)) return optionBoolean(option);
  if (LISTS.has(name)) return roleSpecs(bodyAs<{ items?: Node[] }>(bodyOf(option.arg!)).items);
  switch (name) {
    case 'connectionlimit': {
      const limit = Number(optionText(option));
      if (limit < -1) throw pgError('INVALID_PARAMETER_VALUE', `invalid connection limit: ${limit}`);
      return limit;
    }
    case 'password': return option.arg ? optionText(option) : null;
    case 'validUntil': return cx.services.types.input(TIMESTAMPTZ, optionText(option));
    default: throw notSupported(`role option "${name}"`);
  }
}

/** The verifier to store; null (with a notice) for an empty password. */
export function storedVerifier(cx: CommandContext, password: string): string | null {
  if (password !== '') return cx.session.passwordVerifier(password);
  cx.services.notice(pgError('SUCCESSFUL_COMPLETION', 'empty string is not a valid password, clearing password', { severity: 'NOTICE' }));
  return null;
}
