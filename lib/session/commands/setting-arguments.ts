/**
 * SET's arguments as the one text that the setting's input understands (PostgreSQL's flatten_set_variable_args).
 */
import type { A_Const, Node, TypeCast, TypeName, VariableSetStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import { bodyAs, bodyOf, stringList, tagOf, type RawNode } from '../../parser/raw.js';
import type { TypeServices } from '../../functions/context.js';
import { Interval } from '../../types/datum.js';
import { fixedZone } from '../settings/checks.js';
import { settingDefinition, settingKey } from '../settings/definitions.js';

const INTERVAL = 1186;

/** The text of one constant. */
export function settingArgument(node: Node | RawNode | undefined): string {
  if (node === undefined) return '';
  switch (tagOf(node)) {
    case 'A_Const': {
      const constant = bodyAs<A_Const>(bodyOf(node));
      if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
      if (constant.fval !== undefined) return constant.fval.fval ?? '0';
      if (constant.boolval !== undefined) return constant.boolval.boolval ? 'on' : 'off';
      if (constant.sval !== undefined) return constant.sval.sval ?? '';
      return '';
    }
    case 'String': return (bodyOf(node).sval as string | undefined) ?? '';
    case 'Integer': return String(bodyOf(node).ival ?? 0);
    case 'Float': return String(bodyOf(node).fval ?? '0');
    case 'Boolean': return bodyOf(node).boolval === true ? 'on' : 'off';
    default: throw pgError('INVALID_PARAMETER_VALUE', 'unexpected value in SET');
  }
}

/** A VariableSetStmt's value; null for DEFAULT. Throws 22023 for a list where one value belongs. */
export function settingValueText(body: RawNode, types: TypeServices): string | null {
  const { args, name = '' } = bodyAs<VariableSetStmt>(body);
  if (args === undefined || args.length === 0) return null;
  const list = settingDefinition(settingKey(name))?.list ?? 'none';
  if (args.length > 1 && list === 'none') throw pgError('INVALID_PARAMETER_VALUE', `SET ${name} takes only one argument`);
  return args.map((argument) => {
    const node = argument;
    if (tagOf(node) === 'TypeCast') return intervalZone(bodyAs<TypeCast>(bodyOf(node)), types);
    const text = settingArgument(node);
    const isString = tagOf(node) !== 'A_Const' || bodyOf(node).sval !== undefined;
    return list === 'names' && isString ? quoteIdentifier(text) : text;
  }).join(', ');
}

/** SET TIME ZONE INTERVAL '...': as a fixed zone. */
function intervalZone(cast: TypeCast, types: TypeServices): string {
  const typeName = cast.typeName as TypeName;
  if (stringList(typeName.names).at(-1) !== 'interval') throw pgError('INVALID_PARAMETER_VALUE', 'unexpected type in SET');
  const text = settingArgument(cast.arg);
  const value = types.input(INTERVAL, text, -1);
  if (!(value instanceof Interval)) throw pgError('INVALID_PARAMETER_VALUE', `invalid value for parameter "TimeZone": "${text}"`);
  if (value.months !== 0) throw pgError('INVALID_PARAMETER_VALUE', 'cannot specify months in time zone interval');
  if (value.days !== 0) throw pgError('INVALID_PARAMETER_VALUE', 'cannot specify days in time zone interval');
  return fixedZone(Number(value.micros) / 1e6);
}
