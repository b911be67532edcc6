/**
 * Builds rows of pg_type: the fields that a kind of type cares about are given, the others take their neutral values.
 */
import type { Oid } from '../../catalog/api.js';
import type { PgType } from '../../catalog/rows.js';

/** What distinguishes one type from another. */
export interface NewType {
  readonly oid: Oid;
  readonly name: string;
  readonly namespace: Oid;
  readonly owner: Oid;
  /** pg_type.typtype */
  readonly kind: string;
  readonly category: string;
  readonly length: number;
  readonly byValue?: boolean;
  readonly preferred?: boolean;
  readonly delimiter?: string;
  readonly relation?: Oid;
  readonly element?: Oid;
  readonly array?: Oid;
  readonly input: Oid;
  readonly output: Oid;
  readonly receive?: Oid;
  readonly send?: Oid;
  readonly modifierIn?: Oid;
  readonly modifierOut?: Oid;
  readonly analyze?: Oid;
  readonly subscript?: Oid;
  readonly alignment: string;
  readonly storage: string;
  readonly notNull?: boolean;
  readonly baseType?: Oid;
  readonly typmod?: number;
  readonly dimensions?: number;
  readonly collation?: Oid;
  readonly defaultExpression?: string | null;
  readonly defaultText?: string | null;
}

/** The row. */
export function newTypeRow(type: NewType): PgType {
  return {
    oid: type.oid, typname: type.name, typnamespace: type.namespace, typowner: type.owner, typlen: type.length,
    typbyval: type.byValue ?? false, typtype: type.kind, typcategory: type.category, typispreferred: type.preferred ?? false,
    typisdefined: true, typdelim: type.delimiter ?? ',', typrelid: type.relation ?? 0, typsubscript: type.subscript ?? 0,
    typelem: type.element ?? 0, typarray: type.array ?? 0, typinput: type.input, typoutput: type.output,
    typreceive: type.receive ?? 0, typsend: type.send ?? 0, typmodin: type.modifierIn ?? 0, typmodout: type.modifierOut ?? 0,
    typanalyze: type.analyze ?? 0, typalign: type.alignment, typstorage: type.storage, typnotnull: type.notNull ?? false,
    typbasetype: type.baseType ?? 0, typtypmod: type.typmod ?? -1, typndims: type.dimensions ?? 0,
    typcollation: type.collation ?? 0, typdefaultbin: type.defaultExpression ?? null, typdefault: type.defaultText ?? null, typacl: null,
  };
}
