/**
 * CREATE OPERATOR.
 *
 * Idea: PostgreSQL's DefineOperator (commands/operatorcmds.c), OperatorCreate (catalog/pg_operator.c).
 */
import type { DefElem, DefineStmt } from 'libpg-query';
import { exactOperator } from '../../analyzer/operators.js';
import { notSupported, pgError } from '../../base/error.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencies, recordDependencyOnOwner } from '../../catalog/depend.js';
import { checkCreate, qualifiedCreation } from '../../catalog/namespace.js';
import { stringList } from '../../parser/raw.js';
import { BOOLOID, NamespaceRelationId, OperatorRelationId, ProcedureRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { optionBoolean } from '../definition-options.js';
import { expressionState } from '../expressions.js';
import { definitionElements, elementName, elementType } from './definition.js';
import { supportFunction } from './support-function.js';

const KNOWN = new Set([
  'leftarg', 'rightarg', 'function', 'procedure', 'commutator', 'negator', 'restrict', 'join', 'hashes', 'merges', 'sort1', 'sort2', 'ltcmp', 'gtcmp',
]);

function invalid(message: string): Error {
  return pgError('INVALID_FUNCTION_DEFINITION', message);
}

/** Executes CREATE OPERATOR. @throws 42P13, 42883, 42723 */
export function createOperator(cx: CommandContext, stmt: DefineStmt): void {
  const { catalog, currentUserOid } = cx.session;
  const { namespace, name } = qualifiedCreation(catalog, stringList(stmt.defnames));
  checkCreate(catalog, namespace);
  const elements = definitionElements(stmt.definition);
  for (const key of elements.keys()) {
    if (!KNOWN.has(key)) cx.services.notice(pgError('SYNTAX_ERROR', `operator attribute "${key}" not recognized`, { severity: 'WARNING' }));
  }
  const functionName = elementName(elements.get('function') ?? elements.get('procedure'));
  if (!functionName) throw invalid('operator function must be specified');
  const left = elementType(cx, elements.get('leftarg'));
  const right = elementType(cx, elements.get('rightarg'));
  if (left === 0 && right === 0) throw invalid('operator argument types must be specified');
  if (right === 0) throw pgError('INVALID_FUNCTION_DEFINITION', 'operator right argument type must be specified', { detail: 'Postfix operators are not supported.' });
  const fn = supportFunction(cx, functionName, left === 0 ? [right] : [left, right]);
  const flags = { merge: flag(elements, 'merges') || elements.has('sort1') || elements.has('ltcmp'), hash: flag(elements, 'hashes') };
  checkAttributes(elements, left, fn.result, flags);
  const state = expressionState(cx, null);
  if (catalog.operatorsByName(name).some((row) => row.oprnamespace === namespace && row.oprleft === left && row.oprright === right)) {
    throw pgError('DUPLICATE_FUNCTION', `operator ${name} already exists`);
  }
  const estimator = (key: string): Oid => {
    const names = elementName(elements.get(key));
    if (!names) return 0;
    const proc = catalog.procsByName(names[names.length - 1]).find((candidate) => candidate.prorettype === 701);
    if (!proc) throw pgError('UNDEFINED_FUNCTION', `function ${names.join('.')}(internal, oid, internal, ${key === 'restrict' ? 'integer' : 'smallint, internal'}) does not exist`);
    return proc.oid;
  };
  const oid = catalog.newOid();
  const related = (key: string, a: Oid, b: Oid): Oid => {
    const names = elementName(elements.get(key));
    if (!names) return 0;
    const isSelf = names[names.length - 1] === name && a === left && b === right;
    if (isSelf && key === 'negator') throw invalid('operator cannot be its own negator');
    return isSelf ? oid : exactOperator(state, names, a, b)?.oid ?? 0;
  };
  const commutator = related('commutator', right, left);
  const negator = related('negator', left, right);
  for (const key of ['commutator', 'negator']) {
    if (elements.has(key) && (key === 'commutator' ? commutator : negator) === 0) throw notSupported(`CREATE OPERATOR with a ${key} that does not exist yet`);
  }
  catalog.table('pg_operator').insert({
    oid, oprname: name, oprnamespace: namespace, oprowner: currentUserOid, oprkind: left === 0 ? 'l' : 'b', oprcanmerge: flags.merge, oprcanhash: flags.hash,
    oprleft: left, oprright: right, oprresult: fn.result, oprcom: commutator, oprnegate: negator, oprcode: fn.proc.oid, oprrest: estimator('restrict'), oprjoin: estimator('join'),
  });
  linkBack(cx, oid, commutator, negator);
  const self = objectAddress(OperatorRelationId, oid);
  recordDependencyOnOwner(catalog, self, currentUserOid);
  recordDependencies(catalog, self, [
    objectAddress(NamespaceRelationId, namespace), ...[left, right, fn.result].filter((type) => type !== 0).map((type) => objectAddress(TypeRelationId, type)),
    objectAddress(ProcedureRelationId, fn.proc.oid),
  ], 'n');
  catalog.commandCounterIncrement();
}

function flag(elements: ReadonlyMap<string, DefElem>, name: string): boolean {
  const element = elements.get(name);
  return element !== undefined && optionBoolean(element);
}

function checkAttributes(elements: ReadonlyMap<string, DefElem>, left: Oid, result: Oid, flags: { merge: boolean; hash: boolean }): void {
  if (left === 0) {
    if (elements.has('commutator')) throw invalid('only binary operators can have commutators');
    if (elements.has('join')) throw invalid('only binary operators can have join selectivity');
    if (flags.merge) throw invalid('only binary operators can merge join');
    if (flags.hash) throw invalid('only binary operators can hash');
  }
  if (result === BOOLOID) return;
  if (elements.has('negator')) throw invalid('only boolean operators can have negators');
  if (elements.has('restrict')) throw invalid('only boolean operators can have restriction selectivity');
  if (elements.has('join')) throw invalid('only boolean operators can have join selectivity');
  if (flags.merge) throw invalid('only boolean operators can merge join');
  if (flags.hash) throw invalid('only boolean operators can hash');
}

/** Users' operators named as commutator or negator get the link back. */
function linkBack(cx: CommandContext, oid: Oid, commutator: Oid, negator: Oid): void {
  const table = cx.session.catalog.table('pg_operator');
  const link = (other: Oid, changes: 'oprcom' | 'oprnegate'): void => {
    const row = other === 0 || other === oid ? null : table.findOne({ oid: other });
    if (row && row.oid >= 16384 && row[changes] === 0) table.update(row, { [changes]: oid });
  };
  link(commutator, 'oprcom');
  link(negator, 'oprnegate');
}
