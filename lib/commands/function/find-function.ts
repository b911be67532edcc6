/**
 * The function that a name with argument types means in DDL (DROP FUNCTION, COMMENT ON FUNCTION, GRANT ...).
 *
 * Idea: PostgreSQL's LookupFuncWithArgs (parser/parse_func.c).
 */
import type { Node, ObjectWithArgs, TypeName } from 'libpg-query';
import { typeNameToString } from '../../analyzer/type-name.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { deconstructName, namespaceOid } from '../../catalog/namespace.js';
import type { PgProc } from '../../catalog/rows.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';
import { commandType } from '../expressions.js';

const KINDS: Record<string, { readonly kinds: string; readonly word: string }> = {
  OBJECT_FUNCTION: { kinds: 'fw', word: 'function' },
  OBJECT_PROCEDURE: { kinds: 'p', word: 'procedure' },
  OBJECT_ROUTINE: { kinds: 'fwpa', word: 'routine' },
  OBJECT_AGGREGATE: { kinds: 'a', word: 'aggregate' },
};

/** OID of the function; 0 under `missingOk` (with PostgreSQL's notice). @throws 42883, 42725, 42809 */
export function findFunction(cx: CommandContext, object: ObjectWithArgs, objectType: string, missingOk: boolean): Oid {
  const { kinds, word } = KINDS[objectType] ?? KINDS.OBJECT_ROUTINE;
  const names = stringList(object.objname);
  const candidates = visibleCandidates(cx, names);
  const argTypes = object.args_unspecified ? null : (object.objargs ?? []).map((node) => argumentType(cx, node, missingOk));
  const missing = (text: string): Oid => {
    if (!missingOk) throw pgError('UNDEFINED_FUNCTION', text);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `${text}, skipping`, { severity: 'NOTICE' }));
    return 0;
  };
  if (argTypes === null) {
    const fitting = candidates.filter((proc) => kinds.includes(proc.prokind));
    if (fitting.length === 1) return fitting[0].oid;
    if (fitting.length > 1) throw pgError('AMBIGUOUS_FUNCTION', `${word} name "${names.join('.')}" is not unique`, { hint: `Specify the argument list to select the ${word} unambiguously.` });
    return missing(`could not find a ${word} named "${names.join('.')}"`);
  }
  const signature = `${names.join('.')}(${(object.objargs ?? []).map((node) => argumentText(cx, node)).join(', ')})`;
  const match = candidates.find((proc) => inputTypes(proc).length === argTypes.length && inputTypes(proc).every((type, at) => type === argTypes[at]));
  if (!match) return missing(`${word} ${objectType === 'OBJECT_AGGREGATE' && argTypes.length === 0 ? `${names.join('.')}(*)` : signature} does not exist`);
  if (!kinds.includes(match.prokind)) {
    const article = word === 'aggregate' ? 'an aggregate function' : `a ${word}`;
    throw pgError('WRONG_OBJECT_TYPE', word === 'aggregate' ? `function ${signature} is not an aggregate` : `${signature} is not ${article}`);
  }
  return match.oid;
}

function inputTypes(proc: PgProc): readonly number[] {
  return proc.proargtypes.elements as readonly number[];
}

function visibleCandidates(cx: CommandContext, names: readonly string[]): PgProc[] {
  const { catalog } = cx.session;
  const { schema, name } = deconstructName(catalog, names);
  const all = catalog.procsByName(name);
  const namespaces = schema === null ? catalog.searchPath : [namespaceOid(catalog, schema, true)];
  return namespaces.flatMap((namespace) => all.filter((proc) => proc.pronamespace === namespace));
}

function argumentType(cx: CommandContext, node: Node, missingOk: boolean): Oid {
  if (tagOf(node) !== 'TypeName') return 0;
  try {
    return commandType(cx, bodyAs<TypeName>(bodyOf(node))).type;
  } catch (error) {
    if (missingOk) return -1;
    throw error;
  }
}

function argumentText(cx: CommandContext, node: Node): string {
  const typeName = bodyAs<TypeName>(bodyOf(node));
  try {
    return cx.services.types.formatType(commandType(cx, typeName).type);
  } catch {
    return typeNameToString(typeName);
  }
}
