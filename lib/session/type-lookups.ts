/**
 * `TypeLookups` over a session's catalog: what type I/O needs to know of pg_type and its support functions.
 */
import { pgError } from '../base/error.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { RangeFacts, RowColumn } from '../functions/context.js';
import type { TypeDescription, TypeLookups } from '../functions/type-services.js';

const BTREE_AM = 403;
const HASH_AM = 405;
const EQUAL_STRATEGY = 3;

/** Of a type's default operator class. */
interface Family {
  readonly family: Oid;
  readonly input: Oid;
}

/** What is made at the first call. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** Where types may be seen without a schema. */
function isVisible(catalog: Catalog, name: string, oid: Oid): boolean {
  return catalog.lookupType(name)?.oid === oid;
}

/** See the file's comment. */
export class SessionTypeLookups implements TypeLookups {
  private readonly described = new Map<Oid, TypeDescription>();
  private readonly ranges = new Map<Oid, RangeFacts>();
  private describedEpoch = -1;

  constructor(private readonly catalog: Catalog) {}

  /** Forgets what was looked up before the catalogs changed. */
  private refresh(): void {
    const { epoch } = this.catalog;
    if (epoch === this.describedEpoch) return;
    this.described.clear();
    this.ranges.clear();
    this.describedEpoch = epoch;
  }

  type(typeOid: Oid): TypeDescription | null {
    this.refresh();
    const known = this.described.get(typeOid);
    if (known !== undefined) return known;
    const description = this.describe(typeOid);
    if (description !== null) this.described.set(typeOid, description);
    return description;
  }

  private describe(typeOid: Oid): TypeDescription | null {
    const { catalog } = this;
    const row = catalog.type(typeOid);
    if (row === null) return null;
    const prosrc = (oid: Oid): string => (oid === 0 ? '' : catalog.proc(oid)?.prosrc ?? '');
    // Whose values are only put out is never compared: finding out how reads catalogs that a first query would wait for.
    const ordering = once(() => this.family(typeOid, BTREE_AM));
    const hashing = once(() => this.family(typeOid, HASH_AM));
    const supportProc = (family: Family | null, number: number): string => (family === null ? '' : prosrc(catalog.familyProc(family.family, family.input, family.input, number)));
    const equalityOf = (family: Family | null): Oid => (family === null ? 0 : catalog.familyOperator(family.family, family.input, family.input, EQUAL_STRATEGY));
    return {
      oid: row.oid, name: row.typname, kind: row.typtype, elementType: row.typelem, arrayType: row.typarray, baseType: row.typbasetype,
      delimiter: row.typdelim, relation: row.typrelid,
      namespaceName: catalog.namespace(row.typnamespace)?.nspname ?? '',
      get visible() { return isVisible(catalog, row.typname, row.oid); },
      typmod: row.typtypmod, length: row.typlen,
      input: prosrc(row.typinput), output: prosrc(row.typoutput), send: prosrc(row.typsend), receive: prosrc(row.typreceive),
      typmodOut: prosrc(row.typmodout),
      get compare() { return supportProc(ordering(), 1); },
      get equal() {
        const operator = catalog.operator(equalityOf(ordering()));
        return operator === null ? '' : prosrc(operator.oprcode);
      },
      get hash() { return supportProc(hashing(), 1); },
      get hashExtended() { return supportProc(hashing(), 2); },
    };
  }

  private family(typeOid: Oid, accessMethod: Oid): Family | null {
    const opclass = this.catalog.opclass(this.catalog.defaultOpclass(typeOid, accessMethod));
    return opclass === null ? null : { family: opclass.opcfamily, input: opclass.opcintype };
  }

  rowColumns(typeOid: Oid): readonly RowColumn[] {
    const type = this.catalog.type(typeOid);
    const relation = type === null || type.typrelid === 0 ? null : this.catalog.relation(type.typrelid);
    if (relation === null) throw pgError('WRONG_OBJECT_TYPE', `type ${type?.typname ?? typeOid} is not composite`);
    return relation.attributes.filter((attribute) => !attribute.attisdropped)
      .map((attribute) => ({ name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, position: attribute.attnum - 1 }));
  }

  enumLabel(labelOid: Oid): string {
    const label = this.catalog.enumLabel(labelOid);
    if (label === null) throw pgError('INVALID_BINARY_REPRESENTATION', `invalid internal value for enum: ${labelOid}`);
    return label.enumlabel;
  }

  enumValue(typeOid: Oid, label: string): number {
    const found = this.catalog.enumLabels(typeOid).find((candidate) => candidate.enumlabel === label);
    if (found === undefined) {
      throw pgError('INVALID_TEXT_REPRESENTATION', `invalid input value for enum ${this.catalog.type(typeOid)?.typname ?? typeOid}: "${label}"`);
    }
    return found.oid;
  }

  enumValues(typeOid: Oid): readonly number[] {
    return this.catalog.enumLabels(typeOid).map((label) => label.oid);
  }

  range(typeOid: Oid): RangeFacts | null {
    this.refresh();
    const known = this.ranges.get(typeOid);
    if (known !== undefined) return known;
    const { catalog } = this;
    const row = catalog.range(typeOid) ?? catalog.table('pg_range').findOne({ rngmultitypid: typeOid });
    if (row === null) return null;
    const facts: RangeFacts = {
      rangeType: row.rngtypid, multirangeType: row.rngmultitypid, subtype: row.rngsubtype, collation: row.rngcollation,
      canonical: row.rngcanonical === 0 ? '' : catalog.proc(row.rngcanonical)?.prosrc ?? '',
    };
    this.ranges.set(typeOid, facts);
    return facts;
  }

  compareEnum(a: number, b: number): number {
    if (a === b) return 0;
    const left = this.catalog.enumLabel(a);
    const right = this.catalog.enumLabel(b);
    return (left?.enumsortorder ?? 0) - (right?.enumsortorder ?? 0);
  }
}
