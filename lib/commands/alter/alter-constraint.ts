/**
 * ALTER TABLE ... ALTER CONSTRAINT: deferrability and enforcement of foreign keys, inheritance of NOT NULL.
 *
 * Idea: PostgreSQL's ATExecAlterConstraint (commands/tablecmds.c).
 */
import type { ATAlterConstraint } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { validateForeignKey } from '../table/add-foreign-key.js';
import { openOwn } from '../table/create-table.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { dropInheritedConstraint } from './children.js';
import { inheritNotNull } from './constraints.js';

registerAlter('AT_AlterConstraint', { pass: Pass.misc, execute: alterConstraint });

function* alterConstraint({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const { catalog } = cx.session;
  const change = bodyAs<ATAlterConstraint>(bodyOf(command.def!));
  const name = change.conname ?? '';
  const table = catalog.table('pg_constraint');
  const row = table.find({ conrelid: relation.oid }).find((candidate) => candidate.conname === name);
  const place = `constraint "${name}" of relation "${relation.name}"`;
  const wrong = (message: string): Error => pgError('WRONG_OBJECT_TYPE', message);
  if (!row) throw pgError('UNDEFINED_OBJECT', `${place} does not exist`);
  if (change.alterDeferrability && row.contype !== 'f') throw wrong(`${place} is not a foreign key constraint`);
  if (change.alterEnforceability && row.contype !== 'f') throw wrong(`cannot alter enforceability of ${place}`);
  if (change.alterInheritability && row.contype !== 'n') throw wrong(`${place} is not a not-null constraint`);
  if (row.conparentid !== 0) throw notSupported('ALTER CONSTRAINT on a partition');
  if (change.alterDeferrability) table.update(row, { condeferrable: change.deferrable ?? false, condeferred: change.initdeferred ?? false });
  catalog.commandCounterIncrement();
  if (change.alterEnforceability) {
    const enforced = change.is_enforced ?? false;
    const now = table.findOne({ oid: row.oid })!;
    if (now.conenforced === enforced) return;
    table.update(now, { conenforced: enforced, convalidated: enforced });
    catalog.commandCounterIncrement();
    if (enforced) {
      yield* validateForeignKey(cx, openOwn(cx, relation.oid), openOwn(cx, row.confrelid), name, row.conkey!.elements as number[], row.confkey!.elements as number[], row.confmatchtype);
    }
  }
  if (change.alterInheritability && (change.noinherit ?? false) !== row.connoinherit) {
    const noInherit = change.noinherit ?? false;
    if (row.coninhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', `cannot alter inherited ${place}`);
    if (noInherit) yield* dropInheritedConstraint(cx, relation, row, recurse, false);
    table.update(table.findOne({ oid: row.oid })!, { connoinherit: noInherit });
    catalog.commandCounterIncrement();
    if (!noInherit) yield* inheritNotNull(cx, openOwn(cx, relation.oid), relation.attributes[(row.conkey!.elements[0] as number) - 1].attname);
  }
}
