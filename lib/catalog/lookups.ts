/**
 * The look-ups that the typed interface uses, one per way of asking.
 */
import { DefaultOpclassLookup } from './opclass.js';
import type { Lookup, RowLookup } from './lookup.js';
import { RelationLookup } from './relation.js';
import type {
  PgAggregate, PgAm, PgAmop, PgAmproc, PgAttrdef, PgAttribute, PgAuthMembers, PgAuthid, PgCast, PgClass, PgCollation, PgConstraint,
  PgDatabase, PgEnum, PgIndex, PgInherits, PgNamespace, PgOpclass, PgOperator, PgProc, PgRange, PgRewrite, PgSequence,
  PgStatistic, PgTrigger, PgType,
} from './rows.js';
import { rowLookup, type CatalogStore } from './store.js';
import type { DatabaseCatalog } from './cluster.js';

/** Makes the look-up of a catalog by some columns. */
export type MakeLookup = <T extends object>(catalog: string, columns: readonly string[]) => RowLookup<T>;

/** Look-ups in shared catalogs. */
export class SharedLookups {
  readonly roleByOid: RowLookup<PgAuthid>;
  readonly roleByName: RowLookup<PgAuthid>;
  readonly membershipsOf: RowLookup<PgAuthMembers>;
  readonly databaseByOid: RowLookup<PgDatabase>;
  readonly databaseByName: RowLookup<PgDatabase>;

  constructor(store: (name: string) => CatalogStore) {
    this.roleByOid = rowLookup(store('pg_authid'), ['oid']);
    this.roleByName = rowLookup(store('pg_authid'), ['rolname']);
    this.membershipsOf = rowLookup(store('pg_auth_members'), ['member']);
    this.databaseByOid = rowLookup(store('pg_database'), ['oid']);
    this.databaseByName = rowLookup(store('pg_database'), ['datname']);
  }
}

/** Look-ups in one database. */
export class DatabaseLookups {
  readonly typeByOid: RowLookup<PgType>;
  readonly typeByName: RowLookup<PgType>;
  readonly enumByOid: RowLookup<PgEnum>;
  readonly enumByType: RowLookup<PgEnum>;
  readonly rangeByType: RowLookup<PgRange>;
  readonly rangeByMultirange: RowLookup<PgRange>;
  readonly procByOid: RowLookup<PgProc>;
  readonly procByName: RowLookup<PgProc>;
  readonly operatorByOid: RowLookup<PgOperator>;
  readonly operatorByName: RowLookup<PgOperator>;
  readonly castByTypes: RowLookup<PgCast>;
  readonly aggregateByProc: RowLookup<PgAggregate>;
  readonly collationByOid: RowLookup<PgCollation>;
  readonly collationByName: RowLookup<PgCollation>;
  readonly amByOid: RowLookup<PgAm>;
  readonly opclassByOid: RowLookup<PgOpclass>;
  readonly opclassByMethod: RowLookup<PgOpclass>;
  readonly opclassByName: RowLookup<PgOpclass>;
  readonly amopByStrategy: RowLookup<PgAmop>;
  readonly amopByOperator: RowLookup<PgAmop>;
  readonly amprocByNumber: RowLookup<PgAmproc>;
  readonly classByOid: RowLookup<PgClass>;
  readonly classByName: RowLookup<PgClass>;
  readonly attributesOf: RowLookup<PgAttribute>;
  readonly attrdefsOf: RowLookup<PgAttrdef>;
  readonly indexByOid: RowLookup<PgIndex>;
  readonly indexesOf: RowLookup<PgIndex>;
  readonly constraintByOid: RowLookup<PgConstraint>;
  readonly constraintsOf: RowLookup<PgConstraint>;
  readonly constraintsReferring: RowLookup<PgConstraint>;
  readonly rewritesOf: RowLookup<PgRewrite>;
  readonly triggersOf: RowLookup<PgTrigger>;
  readonly parentsOf: RowLookup<PgInherits>;
  readonly childrenOf: RowLookup<PgInherits>;
  readonly namespaceByOid: RowLookup<PgNamespace>;
  readonly namespaceByName: RowLookup<PgNamespace>;
  readonly sequenceByOid: RowLookup<PgSequence>;
  readonly statistics: RowLookup<PgStatistic>;
  readonly relation: RelationLookup;
  readonly defaultOpclass: DefaultOpclassLookup;
  readonly composed: readonly Lookup<unknown>[];

  constructor(database: DatabaseCatalog, make: MakeLookup) {
    this.typeByOid = make('pg_type', ['oid']);
    this.typeByName = make('pg_type', ['typname', 'typnamespace']);
    this.enumByOid = make('pg_enum', ['oid']);
    this.enumByType = make('pg_enum', ['enumtypid']);
    this.rangeByType = make('pg_range', ['rngtypid']);
    this.rangeByMultirange = make('pg_range', ['rngmultitypid']);
    this.procByOid = make('pg_proc', ['oid']);
    this.procByName = make('pg_proc', ['proname']);
    this.operatorByOid = make('pg_operator', ['oid']);
    this.operatorByName = make('pg_operator', ['oprname']);
    this.castByTypes = make('pg_cast', ['castsource', 'casttarget']);
    this.aggregateByProc = make('pg_aggregate', ['aggfnoid']);
    this.collationByOid = make('pg_collation', ['oid']);
    this.collationByName = make('pg_collation', ['collname']);
    this.amByOid = make('pg_am', ['oid']);
    this.opclassByOid = make('pg_opclass', ['oid']);
    this.opclassByMethod = make('pg_opclass', ['opcmethod']);
    this.opclassByName = make('pg_opclass', ['opcmethod', 'opcname']);
    this.amopByStrategy = make('pg_amop', ['amopfamily', 'amoplefttype', 'amoprighttype', 'amopstrategy']);
    this.amopByOperator = make('pg_amop', ['amopopr']);
    this.amprocByNumber = make('pg_amproc', ['amprocfamily', 'amproclefttype', 'amprocrighttype', 'amprocnum']);
    this.classByOid = make('pg_class', ['oid']);
    this.classByName = make('pg_class', ['relname', 'relnamespace']);
    this.attributesOf = make('pg_attribute', ['attrelid']);
    this.attrdefsOf = make('pg_attrdef', ['adrelid']);
    this.indexByOid = make('pg_index', ['indexrelid']);
    this.indexesOf = make('pg_index', ['indrelid']);
    this.constraintByOid = make('pg_constraint', ['oid']);
    this.constraintsOf = make('pg_constraint', ['conrelid']);
    this.constraintsReferring = make('pg_constraint', ['confrelid']);
    this.rewritesOf = make('pg_rewrite', ['ev_class']);
    this.triggersOf = make('pg_trigger', ['tgrelid']);
    this.parentsOf = make('pg_inherits', ['inhrelid']);
    this.childrenOf = make('pg_inherits', ['inhparent']);
    this.namespaceByOid = make('pg_namespace', ['oid']);
    this.namespaceByName = make('pg_namespace', ['nspname']);
    this.sequenceByOid = make('pg_sequence', ['seqrelid']);
    this.statistics = make('pg_statistic', ['starelid', 'staattnum']);
    this.relation = new RelationLookup(database, this);
    this.defaultOpclass = new DefaultOpclassLookup(this);
    this.composed = [this.relation, this.defaultOpclass];
  }
}
