/**
 * What the catalogs say, in words: visibility, descriptions, definitions, sizes (PostgreSQL's ruleutils.c, dbsize.c).
 */
import { pgError } from '../base/error.js';
import { quoteQualified } from '../base/identifier.js';
import { sequencesOf } from '../catalog/depend.js';
import { objectDescription } from '../catalog/description.js';
import { objectIdentity } from '../catalog/identity.js';
import { isFunctionVisible, isOperatorVisible, isRelationVisible, isTempSchemaName, isVisibleInPath } from '../catalog/namespace.js';
import type { CatalogInfoServices, SizePart, VisibleKind } from '../functions/system/catalog-info.js';
import { updatableEvents } from '../rewriter/updatable-view.js';
import type { Int8 } from '../types/datum.js';
import { definitionContext } from './information/deparsing.js';
import { SessionDefinitions } from './information/definitions.js';
import type { Session } from './session.js';

/** See the file's comment. */
export class SessionCatalogInfo extends SessionDefinitions implements CatalogInfoServices {
  constructor(private readonly session: Session) {
    super(definitionContext(session));
  }

  private get catalog(): Session['catalog'] {
    return this.session.catalog;
  }

  isVisible(kind: VisibleKind, oid: number): boolean | null {
    const { catalog } = this;
    const inPath = (namespace: number, find: (in_: number) => boolean): boolean => isVisibleInPath(catalog, namespace, find);
    switch (kind) {
      case 'relation': return catalog.relation(oid) === null ? null : isRelationVisible(catalog, oid);
      case 'type': {
        const type = catalog.type(oid);
        return type === null ? null : catalog.lookupType(type.typname)?.oid === oid;
      }
      case 'function': {
        const proc = catalog.proc(oid);
        return proc === null ? null : isFunctionVisible(catalog, proc);
      }
      case 'operator': {
        const operator = catalog.operator(oid);
        return operator === null ? null : isOperatorVisible(catalog, operator);
      }
      case 'opclass': {
        const opclass = catalog.opclass(oid);
        return opclass === null ? null : inPath(opclass.opcnamespace, (namespace) =>
          catalog.opclassesByName(opclass.opcname, opclass.opcmethod).some((row) => row.opcnamespace === namespace));
      }
      case 'collation': {
        const collation = catalog.collation(oid);
        return collation === null ? null : inPath(collation.collnamespace, (namespace) =>
          catalog.collationsByName(collation.collname).some((row) => row.collnamespace === namespace));
      }
      case 'opfamily': {
        const row = catalog.table('pg_opfamily').findOne({ oid });
        return row && inPath(row.opfnamespace, (namespace) =>
          catalog.table('pg_opfamily').findOne({ opfmethod: row.opfmethod, opfname: row.opfname, opfnamespace: namespace }) !== null);
      }
      case 'conversion': {
        const row = catalog.table('pg_conversion').findOne({ oid });
        return row && inPath(row.connamespace, (namespace) => catalog.table('pg_conversion').findOne({ conname: row.conname, connamespace: namespace }) !== null);
      }
      case 'statistics': {
        const row = catalog.table('pg_statistic_ext').findOne({ oid });
        return row && inPath(row.stxnamespace, (namespace) => catalog.table('pg_statistic_ext').findOne({ stxname: row.stxname, stxnamespace: namespace }) !== null);
      }
      default: return this.isTextSearchVisible(kind, oid);
    }
  }

  private isTextSearchVisible(kind: 'textSearchConfig' | 'textSearchDictionary' | 'textSearchParser' | 'textSearchTemplate', oid: number): boolean | null {
    const { catalog } = this;
    switch (kind) {
      case 'textSearchConfig': {
        const row = catalog.table('pg_ts_config').findOne({ oid });
        return row && isVisibleInPath(catalog, row.cfgnamespace, (cfgnamespace) => catalog.table('pg_ts_config').findOne({ cfgname: row.cfgname, cfgnamespace }) !== null);
      }
      case 'textSearchDictionary': {
        const row = catalog.table('pg_ts_dict').findOne({ oid });
        return row && isVisibleInPath(catalog, row.dictnamespace, (dictnamespace) => catalog.table('pg_ts_dict').findOne({ dictname: row.dictname, dictnamespace }) !== null);
      }
      case 'textSearchParser': {
        const row = catalog.table('pg_ts_parser').findOne({ oid });
        return row && isVisibleInPath(catalog, row.prsnamespace, (prsnamespace) => catalog.table('pg_ts_parser').findOne({ prsname: row.prsname, prsnamespace }) !== null);
      }
      case 'textSearchTemplate': {
        const row = catalog.table('pg_ts_template').findOne({ oid });
        return row && isVisibleInPath(catalog, row.tmplnamespace, (tmplnamespace) => catalog.table('pg_ts_template').findOne({ tmplname: row.tmplname, tmplnamespace }) !== null);
      }
    }
  }

  roleName(oid: number): string | null {
    return this.catalog.role(oid)?.rolname ?? null;
  }

  currentSchemas(includeImplicit: boolean): readonly string[] {
    const { search, explicit } = this.catalog.resolvedPath;
    return (includeImplicit ? search : explicit).map((oid) => this.catalog.namespace(oid)?.nspname ?? '');
  }

  currentSchema(): string | null {
    const { explicit } = this.catalog.resolvedPath;
    return explicit.length === 0 ? null : this.catalog.namespace(explicit[0])?.nspname ?? null;
  }

  describeObject(classId: number, objectId: number, subId: number): string | null {
    return objectDescription(this.catalog, { classId, objectId, subId });
  }

  identifyObject(classId: number, objectId: number, subId: number): ReturnType<CatalogInfoServices['identifyObject']> {
    return objectIdentity(this.catalog, { classId, objectId, subId });
  }

  serialSequence(table: string, column: string): string | null {
    const { catalog } = this;
    const relation = catalog.relation(this.session.system.objectOid('regclass', table))!;
    const attribute = relation.attributes.find((candidate) => candidate.attname === column && !candidate.attisdropped);
    if (attribute === undefined) throw pgError('UNDEFINED_COLUMN', `column "${column}" of relation "${relation.name}" does not exist`);
    const [sequence] = sequencesOf(catalog, relation.oid, attribute.attnum);
    if (sequence === undefined) return null;
    const found = catalog.relation(sequence)!;
    return quoteQualified(found.namespaceName, found.name);
  }

  relationSize(oid: number, part: SizePart): Int8 | null {
    const relation = this.catalog.relation(oid);
    if (relation === null) return null;
    const own = 'rmt'.includes(relation.kind) ? relation.openHeap().estimateBytes() : 0;
    if (relation.kind === 'i') {
      const table = this.catalog.table('pg_index').findOne({ indexrelid: oid });
      const index = table === null ? undefined : this.catalog.relation(table.indrelid)?.indexes.find((candidate) => candidate.oid === oid);
      return part === 'indexes' ? 0 : index?.open().estimateBytes() ?? 0;
    }
    const indexes = part === 'indexes' || part === 'total' ? relation.indexes.reduce((sum, index) => sum + index.open().estimateBytes(), 0) : 0;
    return part === 'indexes' ? indexes : own + indexes;
  }

  databaseSize(oid: number): Int8 {
    if (oid !== this.session.databaseOid) return 0;
    let sum = 0;
    for (const row of this.catalog.table('pg_class').all()) if (row.relkind === 'r' || row.relkind === 'm') sum += Number(this.relationSize(row.oid, 'total') ?? 0);
    return sum;
  }

  databaseOid(name: string): number {
    const database = this.catalog.databaseByName(name);
    if (database === null) throw pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`);
    return database.oid;
  }

  fileNode(oid: number): number | null {
    const relation = this.catalog.relation(oid);
    return relation === null || relation.row.relfilenode === 0 ? null : relation.row.relfilenode;
  }

  tempNamespace(): number {
    return this.catalog.tempNamespace;
  }

  isOtherTempNamespace(oid: number): boolean {
    const name = this.catalog.namespace(oid)?.nspname;
    return name !== undefined && isTempSchemaName(name) && oid !== this.catalog.tempNamespace;
  }

  isUpdatable(oid: number, includeTriggers: boolean): number {
    const relation = this.catalog.relation(oid);
    return relation === null ? 0 : updatableEvents(this.session, relation, includeTriggers, null);
  }

  isColumnUpdatable(oid: number, attnum: number, includeTriggers: boolean): boolean {
    const relation = this.catalog.relation(oid);
    if (attnum <= 0 || relation === null) return false;
    return (updatableEvents(this.session, relation, includeTriggers, attnum) & UPDATE_AND_DELETE) === UPDATE_AND_DELETE;
  }

  partitionAncestors(oid: number): readonly number[] {
    const { catalog } = this;
    const found: number[] = [];
    for (let relation = catalog.relation(oid); relation !== null; relation = catalog.relation(relation.parents[0])) {
      if (!relation.row.relispartition && relation.kind !== 'p') break;
      found.push(relation.oid);
      if (!relation.row.relispartition) break;
    }
    return found;
  }

  partitionTree(oid: number): { relation: number; parent: number | null; isLeaf: boolean; level: number }[] {
    const root = this.catalog.relation(oid);
    if (root === null || (root.kind !== 'p' && !root.row.relispartition)) return [];
    const found: { relation: number; parent: number | null; isLeaf: boolean; level: number }[] = [];
    const visit = (relation: number, parent: number | null, level: number): void => {
      found.push({ relation, parent, isLeaf: this.catalog.relation(relation)?.kind !== 'p', level });
      for (const child of this.catalog.inheritanceChildren(relation)) visit(child, relation, level + 1);
    };
    visit(oid, root.row.relispartition ? root.parents[0] ?? null : null, 0);
    return found;
  }

  replicaIdentityIndex(oid: number): number | null {
    const relation = this.catalog.relation(oid);
    const index = relation?.indexes.find((candidate) => (relation.row.relreplident === 'i' ? candidate.row.indisreplident : candidate.primary));
    return index?.oid ?? null;
  }
}

/** 1 << CMD_UPDATE | 1 << CMD_DELETE */
const UPDATE_AND_DELETE = 20;
