/**
 * Values of `name = value` options (DefElem), as PostgreSQL's defGetString and family read them (commands/define.c).
 */
import type { DefElem, Node } from 'libpg-query';
import { pgError } from '../base/error.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../parser/raw.js';

/** The value as text. @throws 42601 when there is none */
export function optionText(option: DefElem): string {
  const { arg } = option;
  if (!arg) throw pgError('SYNTAX_ERROR', `${option.defname ?? ''} requires a parameter`);
  const body = bodyOf(arg);
  switch (tagOf(arg)) {
    case 'String': return (body.sval as string | undefined) ?? '';
    case 'Integer': return String((body.ival as number | undefined) ?? 0);
    case 'Float': return (body.fval as string | undefined) ?? '0';
    case 'Boolean': return body.boolval ? 'true' : 'false';
    case 'TypeName': return stringList(bodyAs<{ names?: Node[] }>(body).names).join('.');
    case 'List': return stringList(bodyAs<{ items?: Node[] }>(body).items).join('.');
    case 'A_Star': return '*';
    default: throw pgError('SYNTAX_ERROR', `${option.defname ?? ''} requires a string value`);
  }
}

/** The value as a boolean; absent means true. @throws 42601 */
export function optionBoolean(option: DefElem): boolean {
  if (!option.arg) return true;
  const text = optionText(option).toLowerCase();
  if (text === 'true' || text === 'on' || text === '1') return true;
  if (text === 'false' || text === 'off' || text === '0') return false;
  throw pgError('SYNTAX_ERROR', `${option.defname ?? ''} requires a Boolean value`);
}
