/**
 * What the body of a function may refer to and must yield, from its pg_proc row and the types of a call.
 */
import { outParameters } from '../../analyzer/function-result.js';
import type { Oid } from '../../catalog/api.js';
import type { PgProc } from '../../catalog/rows.js';
import { RECORDOID, VOIDOID } from '../../types/oids.js';
import type { BodyContext, BodySignature } from './sql-body.js';

/** The signature for a call with these argument and result types (polymorphic ones resolved). */
export function bodySignature(context: BodyContext, proc: PgProc, argTypes: readonly Oid[], resultType: Oid): BodySignature {
  const modes = (proc.proargmodes?.elements ?? []) as readonly string[];
  const allNames = (proc.proargnames?.elements ?? []) as readonly string[];
  const isInput = (at: number): boolean => modes.length === 0 || (modes[at] !== 'o' && modes[at] !== 't');
  const outs = outParameters(proc);
  const isProcedure = proc.prokind === 'p';
  return {
    name: proc.proname, types: argTypes, names: allNames.filter((_, at) => isInput(at)), resultType: isProcedure && outs.length === 0 ? VOIDOID : resultType,
    resultColumns: resultColumns(context, outs, resultType), returnsSet: proc.proretset, isProcedure,
  };
}

function resultColumns(context: BodyContext, outs: readonly { name: string; type: Oid }[], resultType: Oid): BodySignature['resultColumns'] {
  if (resultType === RECORDOID) return outs.length > 0 ? outs.map(({ name, type }) => ({ name, type, typmod: -1 })) : null;
  const relation = context.catalog.relation(context.catalog.type(context.catalog.baseType(resultType))?.typrelid ?? 0);
  if (!relation) return null;
  return relation.attributes.filter((attribute) => !attribute.attisdropped)
    .map((attribute) => ({ name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod }));
}
