/**
 * The relation cache: composes a `Relation` from pg_class, pg_attribute, pg_index, pg_constraint, pg_attrdef,
 * pg_rewrite, pg_trigger and pg_inherits, and knows which changed rows concern which relation.
 */
import type { Heap, SequenceFile } from '../access/api.js';
import { notSupported } from '../base/error.js';
import type { Datum } from '../types/datum.js';
import { ArrayValue } from '../types/datum.js';
import type { IndexDescriptor, Oid, Relation } from './api.js';
import type { DatabaseCatalog } from './cluster.js';
import { buildIndex } from './index-descriptor.js';
import { ALL_KEYS, Lookup, type LookupKey } from './lookup.js';
import type { DatabaseLookups } from './lookups.js';
import type { PgAttrdef, PgAttribute, PgClass, PgConstraint, PgRewrite, PgTrigger } from './rows.js';
import type { CatalogView, ChangedRow } from './space.js';

/** Relation OID → relation, null when there is none. */
export class RelationLookup extends Lookup<Relation | null> {
  constructor(private readonly database: DatabaseCatalog, private readonly lookups: DatabaseLookups) {
    super();
  }

  override load(key: LookupKey, view: CatalogView): Relation | null {
    const classRow = view.get(this.lookups.classByOid, key)[0];
    return classRow ? new CachedRelation(this.database, this.lookups, classRow, view) : null;
  }

  override affected(change: ChangedRow, view: CatalogView, add: (key: LookupKey | typeof ALL_KEYS) => void): void {
    const { definition } = change.store;
    const column = (name: string): Datum => change.row[definition.positions.get(name)!];
    const oid = (name: string): number => column(name) as number;
    switch (definition.name) {
      case 'pg_class': {
        add(oid('oid'));
        if (column('relkind') === 'i' || column('relkind') === 'I') this.tableOf(oid('oid'), view, add);
        return;
      }
      case 'pg_attribute': return void add(oid('attrelid'));
      case 'pg_attrdef': return void add(oid('adrelid'));
      case 'pg_index': {
        add(oid('indexrelid'));
        return void add(oid('indrelid'));
      }
      case 'pg_constraint': {
        if (oid('conrelid') !== 0) add(oid('conrelid'));
        if (oid('confrelid') !== 0) add(oid('confrelid'));
        return;
      }
      case 'pg_rewrite': return void add(oid('ev_class'));
      case 'pg_trigger': return void add(oid('tgrelid'));
      case 'pg_inherits': {
        add(oid('inhrelid'));
        return void add(oid('inhparent'));
      }
      case 'pg_policy': return void add(oid('polrelid'));
      case 'pg_partitioned_table': return void add(oid('partrelid'));
      case 'pg_namespace': {
        if (change.other !== null && column('nspname') !== change.other[definition.positions.get('nspname')!]) add(ALL_KEYS);
        return;
      }
      default:
    }
  }

  /** A changed index concerns its table. */
  private tableOf(indexOid: Oid, view: CatalogView, add: (key: LookupKey) => void): void {
    for (const row of view.get(this.lookups.indexByOid, indexOid)) add(row.indrelid);
  }
}

const NO_ROWS: readonly never[] = [];

/** A relation cache entry. */
class CachedRelation implements Relation {
  readonly oid: Oid;
  readonly name: string;
  readonly namespace: Oid;
  readonly namespaceName: string;
  readonly kind: string;
  readonly persistence: string;
  readonly attributes: readonly PgAttribute[];
  readonly indexes: readonly IndexDescriptor[];
  readonly constraints: readonly PgConstraint[];
  readonly referencedBy: readonly PgConstraint[];
  readonly defaults: readonly (string | null)[];
  readonly rules: readonly PgRewrite[];
  readonly triggers: readonly PgTrigger[];
  readonly parents: readonly Oid[];
  readonly hasChildren: boolean;
  readonly isCatalog: boolean;
  private heap: Heap | null = null;

  constructor(private readonly database: DatabaseCatalog, lookups: DatabaseLookups, readonly row: PgClass, view: CatalogView) {
    const { oid } = row;
    this.oid = oid;
    this.name = row.relname;
    this.namespace = row.relnamespace;
    this.namespaceName = view.get(lookups.namespaceByOid, row.relnamespace)[0]?.nspname ?? '';
    this.kind = row.relkind;
    this.persistence = row.relpersistence;
    this.attributes = view.get(lookups.attributesOf, oid).filter((attribute) => attribute.attnum > 0).sort((a, b) => a.attnum - b.attnum);
    this.isCatalog = database.catalogHeap(oid) !== null;
    this.indexes = row.relhasindex ? readIndexes(lookups, database, this, view) : NO_ROWS;
    this.constraints = sortedBy(view.get(lookups.constraintsOf, oid), (constraint) => constraint.conname);
    this.referencedBy = hasKeys(row) ? view.get(lookups.constraintsReferring, oid).filter((constraint) => constraint.contype === 'f') : NO_ROWS;
    this.defaults = readDefaults(this.attributes, view.get(lookups.attrdefsOf, oid));
    this.rules = row.relhasrules ? sortedBy(view.get(lookups.rewritesOf, oid), (rule) => rule.rulename) : NO_ROWS;
    this.triggers = row.relhastriggers ? sortedBy(view.get(lookups.triggersOf, oid), (trigger) => trigger.tgname) : NO_ROWS;
    this.parents = [...view.get(lookups.parentsOf, oid)].sort((a, b) => a.inhseqno - b.inhseqno).map((link) => link.inhparent);
    this.hasChildren = row.relhassubclass && view.get(lookups.childrenOf, oid).length > 0;
  }

  openHeap(): Heap {
    return this.heap ??= this.open();
  }

  private open(): Heap {
    const catalog = this.database.catalogHeap(this.oid);
    if (catalog) return catalog;
    if (this.kind === 't') throw notSupported('reading a TOAST table');
    return this.database.storage.openHeap(this.row.relfilenode, {
      attributeCount: this.attributes.length,
      missing: this.attributes.map((attribute) => (attribute.atthasmissing ? missingValue(attribute) : null)),
    });
  }

  openSequence(): SequenceFile {
    return this.database.storage.openSequence(this.row.relfilenode);
  }
}

/** pg_attribute.attmissingval is an array of the one value. */
function missingValue(attribute: PgAttribute): Datum {
  return attribute.attmissingval instanceof ArrayValue ? attribute.attmissingval.elements[0] : null;
}

function hasKeys(row: PgClass): boolean {
  return row.relhasindex && row.relkind !== 'i';
}

function readIndexes(lookups: DatabaseLookups, database: DatabaseCatalog, table: Relation, view: CatalogView): IndexDescriptor[] {
  return view.get(lookups.indexesOf, table.oid).filter((row) => row.indislive)
    .sort((a, b) => a.indexrelid - b.indexrelid)
    .map((row) => buildIndex(database, lookups, table, row, view));
}

function readDefaults(attributes: readonly PgAttribute[], rows: readonly PgAttrdef[]): (string | null)[] {
  const defaults: (string | null)[] = attributes.map(() => null);
  for (const row of rows) defaults[row.adnum - 1] = row.adbin;
  return defaults;
}

function sortedBy<T>(rows: readonly T[], key: (row: T) => string): readonly T[] {
  if (rows.length < 2) return rows;
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
