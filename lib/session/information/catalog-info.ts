/**
 * What the catalog information functions ask: visibility, names, descriptions, definitions, sizes, from the session's
 * catalogs. Definitions in SQL come from `definitions.ts`.
 */
import type { StorageEngine } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import { quoteQualified } from '../../base/identifier.js';
import { objectAddress } from '../../catalog/address.js';
import type { Catalog, Oid, Relation } from '../../catalog/api.js';
import { sequencesOf } from '../../catalog/depend.js';
import { objectDescription } from '../../catalog/description.js';
import { isTypeVisible } from '../../catalog/format-type.js';
import { objectIdentity } from '../../catalog/identity.js';
import { isFunctionVisible, isOperatorVisible, isRelationVisible, isTempSchemaName, isVisibleInPath } from '../../catalog/namespace.js';
import type { CatalogInfoServices, SizePart, VisibleKind } from '../../functions/system/catalog-info.js';
import type { Int8 } from '../../types/datum.js';
import { SessionDefinitions, type DefinitionContext } from './definitions.js';

/** What the services work with. */
export interface CatalogInfoContext extends DefinitionContext {
  readonly storage: StorageEngine;
}

/** See the file's comment. */
export class SessionCatalogInfo extends SessionDefinitions implements CatalogInfoServices {
  constructor(protected override readonly context: CatalogInfoContext) {
    super(context);
  }

  private get catalog(): Catalog {
    return this.context.catalog;
  }

  isVisible(kind: VisibleKind, oid: Oid): boolean | null {
    const { catalog } = this;
    switch (kind) {
      case 'relation': return catalog.relation(oid) || catalog.table('pg_class').findOne({ oid }) ? isRelationVisible(catalog, oid) || this.indexVisible(oid) : null;
      case 'type': {
        const type = catalog.type(oid);
        return type && isTypeVisible(catalog, type);
      }
      case 'function': {
        const proc = catalog.proc(oid);
        return proc && isFunctionVisible(catalog, proc);
      }
      case 'operator': {
        const operator = catalog.operator(oid);
        return operator && isOperatorVisible(catalog, operator);
      }
      default: return this.visibleByName(kind, oid);
    }
  }

  /** Relations without a cache entry of their own. */
  private indexVisible(oid: Oid): boolean {
    const row = this.catalog.table('pg_class').findOne({ oid });
    return row !== null && this.catalog.lookupRelation(row.relname) === oid;
  }

  /** Objects whose names are not overloaded. */
  private visibleByName(kind: Exclude<VisibleKind, 'relation' | 'type' | 'function' | 'operator'>, oid: Oid): boolean | null {
    const { catalog } = this;
    const visible = (namespace: Oid, existsIn: (namespace: Oid) => boolean): boolean => isVisibleInPath(catalog, namespace, existsIn);
    switch (kind) {
      case 'collation': {
        const row = catalog.collation(oid);
        return row && visible(row.collnamespace, (collnamespace) => catalog.table('pg_collation').findOne({ collname: row.collname, collnamespace }) !== null);
      }
      case 'opclass': {
        const row = catalog.opclass(oid);
        return row && visible(row.opcnamespace, (opcnamespace) => catalog.table('pg_opclass').findOne({ opcname: row.opcname, opcnamespace, opcmethod: row.opcmethod }) !== null);
      }
      case 'opfamily': {
        const row = catalog.table('pg_opfamily').findOne({ oid });
        return row && visible(row.opfnamespace, (opfnamespace) => catalog.table('pg_opfamily').findOne({ opfname: row.opfname, opfnamespace, opfmethod: row.opfmethod }) !== null);
      }
      case 'conversion': {
        const row = catalog.table('pg_conversion').findOne({ oid });
        return row && visible(row.connamespace, (connamespace) => catalog.table('pg_conversion').findOne({ conname: row.conname, connamespace }) !== null);
      }
      case 'statistics': {
        const row = catalog.table('pg_statistic_ext').findOne({ oid });
        return row && visible(row.stxnamespace, (stxnamespace) => catalog.table('pg_statistic_ext').findOne({ stxname: row.stxname, stxnamespace }) !== null);
      }
      case 'textSearchConfig': {
        const row = catalog.table('pg_ts_config').findOne({ oid });
        return row && visible(row.cfgnamespace, (cfgnamespace) => catalog.table('pg_ts_config').findOne({ cfgname: row.cfgname, cfgnamespace }) !== null);
      }
      case 'textSearchDictionary': {
        const row = catalog.table('pg_ts_dict').findOne({ oid });
        return row && visible(row.dictnamespace, (dictnamespace) => catalog.table('pg_ts_dict').findOne({ dictname: row.dictname, dictnamespace }) !== null);
      }
      case 'textSearchParser': {
        const row = catalog.table('pg_ts_parser').findOne({ oid });
        return row && visible(row.prsnamespace, (prsnamespace) => catalog.table('pg_ts_parser').findOne({ prsname: row.prsname, prsnamespace }) !== null);
      }
      case 'textSearchTemplate': {
        const row = catalog.table('pg_ts_template').findOne({ oid });
        return row && visible(row.tmplnamespace, (tmplnamespace) => catalog.table('pg_ts_template').findOne({ tmplname: row.tmplname, tmplnamespace }) !== null);
      }
    }
  }

  roleName(oid: Oid): string | null {
    return this.catalog.role(oid)?.rolname ?? null;
  }

  currentSchemas(includeImplicit: boolean): readonly string[] {
    const { catalog } = this;
    const path = includeImplicit ? catalog.searchPath : catalog.searchPath.filter((oid, at) => !isImplicit(catalog, oid, at));
    return path.map((oid) => catalog.namespace(oid)?.nspname).filter((name) => name !== undefined);
  }

  currentSchema(): string | null {
    const { catalog } = this;
    return catalog.namespace(catalog.creationNamespace)?.nspname ?? null;
  }

  describeObject(classId: Oid, objectId: Oid, subId: number): string | null {
    return classId === 0 || objectId === 0 ? null : objectDescription(this.catalog, objectAddress(classId, objectId, subId));
  }

  identifyObject(classId: Oid, objectId: Oid, subId: number): { type: string; schema: string | null; name: string | null; identity: string } | null {
    const found = objectIdentity(this.catalog, objectAddress(classId, objectId, subId));
    return found && { type: found.type, schema: found.schema, name: found.name, identity: found.identity };
  }

  serialSequence(table: string, column: string): string | null {
    const { catalog } = this;
    const relation = this.open(this.context.relationByText(table));
    const attribute = relation.attributes.find((candidate) => candidate.attname === column && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${column}" of relation "${relation.name}" does not exist`);
    const [sequence] = sequencesOf(catalog, relation.oid, attribute.attnum);
    const found = sequence === undefined ? null : catalog.relation(sequence);
    return found && quoteQualified(found.namespaceName, found.name);
  }

  private open(oid: Oid): Relation {
    const relation = this.catalog.relation(oid);
    if (!relation) throw pgError('UNDEFINED_TABLE', `could not open relation with OID ${oid}`);
    return relation;
  }

  relationSize(oid: Oid, part: SizePart): Int8 | null {
    const relation = this.catalog.relation(oid);
    if (!relation) return this.indexSize(oid);
    const own = relation.row.relfilenode === 0 || relation.kind === 'S' ? PAGE_BYTES : pages(relation.openHeap().estimateBytes());
    const main = 'rmt'.includes(relation.kind) || relation.kind === 'S' ? own : 0;
    const indexes = relation.indexes.reduce((sum, index) => sum + pages(index.open().estimateBytes()), 0);
    switch (part) {
      case 'main': case 'table': return main;
      case 'indexes': return indexes;
      case 'total': return main + indexes;
    }
  }

  private indexSize(oid: Oid): Int8 | null {
    const index = this.catalog.table('pg_index').findOne({ indexrelid: oid });
    const table = index && this.catalog.relation(index.indrelid);
    const descriptor = table?.indexes.find((candidate) => candidate.oid === oid);
    return descriptor ? pages(descriptor.open().estimateBytes()) : null;
  }

  databaseSize(oid: Oid): Int8 {
    if (!this.catalog.database(oid)) throw pgError('UNDEFINED_OBJECT', `database with OID ${oid} does not exist`);
    let total = 0;
    for (const row of this.catalog.table('pg_class').all()) {
      if (row.relkind === 'r' && row.oid >= FIRST_USER_OID) total += Number(this.relationSize(row.oid, 'total') ?? 0);
    }
    return total;
  }

  databaseOid(name: string): Oid {
    const row = this.catalog.databaseByName(name);
    if (!row) throw pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`);
    return row.oid;
  }

  fileNode(oid: Oid): number | null {
    const row = this.catalog.table('pg_class').findOne({ oid });
    return row === null || row.relfilenode === 0 ? null : row.relfilenode;
  }

  tempNamespace(): Oid {
    return this.catalog.tempNamespace;
  }

  isOtherTempNamespace(oid: Oid): boolean {
    return oid !== this.catalog.tempNamespace && isTempSchemaName(this.catalog.namespace(oid)?.nspname ?? '');
  }

  isUpdatable(oid: Oid, _includeTriggers: boolean): number {
    const relation = this.catalog.relation(oid);
    return relation && 'rp'.includes(relation.kind) && !relation.isCatalog ? ALL_EVENTS : 0;
  }

  isColumnUpdatable(oid: Oid, attnum: number, includeTriggers: boolean): boolean {
    return attnum > 0 && this.isUpdatable(oid, includeTriggers) !== 0;
  }

  replicaIdentityIndex(oid: Oid): Oid | null {
    const relation = this.catalog.relation(oid);
    if (!relation) return null;
    const index = relation.indexes.find((candidate) => (relation.row.relreplident === 'i' ? candidate.row.indisreplident : candidate.primary));
    return index?.oid ?? null;
  }
}

const PAGE_BYTES = 8192;
const FIRST_USER_OID = 16384;
/** Bits of INSERT, UPDATE, DELETE as PostgreSQL numbers the events. */
const ALL_EVENTS = 4 + 8 + 16;
const PG_CATALOG = 11;

/** Sizes come in pages, as PostgreSQL's do. */
function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** pg_catalog and pg_temp stand first in the resolved path without having been named. */
function isImplicit(catalog: Catalog, oid: Oid, at: number): boolean {
  return (oid === PG_CATALOG || oid === catalog.tempNamespace) && at <= 1 && oid !== catalog.creationNamespace;
}
