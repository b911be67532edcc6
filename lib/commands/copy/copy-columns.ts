/**
 * Which columns a COPY reads or writes, and their conversions.
 *
 * Idea: PostgreSQL's CopyGetAttnums (commands/copy.c).
 */
import { pgError } from '../../base/error.js';
import type { Relation } from '../../catalog/api.js';
import type { PgAttribute } from '../../catalog/rows.js';
import type { CopyOptions } from './options.js';

/** The columns named, or all that COPY moves (generated ones are left out). @throws 42703, 42701, 42P10 */
export function copyColumns(relation: Relation, names: readonly string[]): PgAttribute[] {
  if (names.length === 0) return relation.attributes.filter((attribute) => !attribute.attisdropped && attribute.attgenerated === '');
  const chosen: PgAttribute[] = [];
  for (const name of names) {
    const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    if (attribute.attgenerated !== '') {
      throw pgError('INVALID_COLUMN_REFERENCE', `column "${name}" is a generated column`, { detail: 'Generated columns cannot be used in COPY.' });
    }
    if (chosen.includes(attribute)) throw pgError('DUPLICATE_COLUMN', `column "${name}" specified more than once`);
    chosen.push(attribute);
  }
  return chosen;
}

/** Which of `columns` an option's list names. @throws 42703, 42P10 for names that COPY does not move */
export function optionColumns(relation: Relation, columns: readonly PgAttribute[], list: CopyOptions['forceNull'], option: string): boolean[] {
  if (list === '*') return columns.map(() => true);
  for (const name of list) {
    if (columns.some((column) => column.attname === name)) continue;
    if (!relation.attributes.some((attribute) => attribute.attname === name && !attribute.attisdropped)) {
      throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    }
    throw pgError('INVALID_COLUMN_REFERENCE', `${option} column "${name}" not referenced by COPY`);
  }
  return columns.map((column) => list.includes(column.attname));
}
