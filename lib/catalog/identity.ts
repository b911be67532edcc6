/**
 * Objects for machines (pg_identify_object): what kind they are, and their identity, always qualified so that it means the same
 * under every search path (getObjectTypeDescription and getObjectIdentityParts of catalog/objectaddress.c).
 */
import { quoteIdentifier, quoteQualified } from '../base/identifier.js';
import type { ObjectAddress } from './address.js';
import type { Catalog, Oid } from './api.js';
import { formatOperator, formatProcedure } from './description.js';
import { formatType } from './format-type.js';
import { roleName } from './roles.js';
import type { CatalogRows } from './rows.js';
import { catalogByOid } from './shapes.js';

/** An object's kind, its identity, and its schema and name where it has them of its own. */
export interface ObjectIdentity {
  readonly type: string;
  readonly schema: string | null;
  readonly name: string | null;
  readonly identity: string;
}

type Identify = (catalog: Catalog, oid: Oid, subId: number) => ObjectIdentity | null;

function row<K extends keyof CatalogRows>(catalog: Catalog, table: K, oid: Oid): CatalogRows[K] | null {
  return catalog.table(table).findOne({ oid } as object as Partial<CatalogRows[K]>);
}

function schemaName(catalog: Catalog, oid: Oid): string {
  return catalog.namespace(oid)?.nspname ?? '';
}

function plain(type: string, identity: string): ObjectIdentity {
  return { type, schema: null, name: null, identity };
}

function qualifiedRelation(catalog: Catalog, oid: Oid): string {
  const relation = catalog.relation(oid);
  return relation ? quoteQualified(relation.namespaceName, relation.name) : String(oid);
}

const RELATION_TYPES: Readonly<Record<string, string>> = {
  r: 'table', p: 'table', i: 'index', I: 'index', S: 'sequence', t: 'toast table', v: 'view', m: 'materialized view', c: 'composite type', f: 'foreign table',
};

function identifyRelation(catalog: Catalog, oid: Oid, subId: number): ObjectIdentity | null {
  const relation = catalog.relation(oid);
  if (!relation) return null;
  const type = RELATION_TYPES[relation.kind] ?? 'relation';
  const identity = qualifiedRelation(catalog, oid);
  const schema = quoteIdentifier(relation.namespaceName);
  if (subId === 0) return { type, schema, name: quoteIdentifier(relation.name), identity };
  const column = relation.attributes[subId - 1];
  return column ? { type: `${type} column`, schema, name: quoteIdentifier(relation.name), identity: `${identity}.${quoteIdentifier(column.attname)}` } : null;
}

const PROC_TYPES: Readonly<Record<string, string>> = { a: 'aggregate', p: 'procedure' };

/** Objects with one name of their own. */
function named<K extends keyof CatalogRows>(type: string, table: K, name: keyof CatalogRows[K]): Identify {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    if (!found) return null;
    const quoted = quoteIdentifier(found[name] as string);
    return { type, schema: null, name: quoted, identity: quoted };
  };
}

/** Objects with a name in a schema. */
function namedInSchema<K extends keyof CatalogRows>(type: string, table: K, name: keyof CatalogRows[K], namespace: keyof CatalogRows[K]): Identify {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    if (!found) return null;
    const schema = schemaName(catalog, found[namespace] as number);
    return { type, schema: quoteIdentifier(schema), name: quoteIdentifier(found[name] as string), identity: quoteQualified(schema, found[name] as string) };
  };
}

/** What hangs on a relation. */
function onRelation<K extends keyof CatalogRows>(type: string, table: K, name: keyof CatalogRows[K], relation: keyof CatalogRows[K]): Identify {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    return found && plain(type, `${quoteIdentifier(found[name] as string)} on ${qualifiedRelation(catalog, found[relation] as number)}`);
  };
}

function qualifiedType(catalog: Catalog, oid: Oid): string {
  return formatType(catalog, oid, undefined, true);
}

function methodName(catalog: Catalog, oid: Oid): string {
  return quoteIdentifier(catalog.accessMethod(oid)?.amname ?? '');
}

function identifyConstraint(catalog: Catalog, oid: Oid): ObjectIdentity | null {
  const constraint = catalog.constraint(oid);
  if (!constraint) return null;
  const name = quoteIdentifier(constraint.conname);
  const schema = quoteIdentifier(schemaName(catalog, constraint.connamespace));
  return constraint.conrelid === 0
    ? { type: 'domain constraint', schema, name: null, identity: `${name} on ${qualifiedType(catalog, constraint.contypid)}` }
    : { type: 'table constraint', schema, name: null, identity: `${name} on ${qualifiedRelation(catalog, constraint.conrelid)}` };
}

function identifyOpclass(catalog: Catalog, oid: Oid): ObjectIdentity | null {
  const opclass = catalog.opclass(oid);
  if (!opclass) return null;
  const schema = schemaName(catalog, opclass.opcnamespace);
  return { type: 'operator class', schema: quoteIdentifier(schema), name: quoteIdentifier(opclass.opcname),
    identity: `${quoteQualified(schema, opclass.opcname)} USING ${methodName(catalog, opclass.opcmethod)}` };
}

function identifyOpfamily(catalog: Catalog, oid: Oid): ObjectIdentity | null {
  const family = row(catalog, 'pg_opfamily', oid);
  if (!family) return null;
  const schema = schemaName(catalog, family.opfnamespace);
  return { type: 'operator family', schema: quoteIdentifier(schema), name: quoteIdentifier(family.opfname),
    identity: `${quoteQualified(schema, family.opfname)} USING ${methodName(catalog, family.opfmethod)}` };
}

const DEFAULT_ACL_WORDS: Readonly<Record<string, string>> = {
  r: 'tables', S: 'sequences', f: 'functions', T: 'types', n: 'schemas', L: 'large objects',
};

const IDENTIFIERS: Readonly<Record<string, Identify>> = {
  pg_class: identifyRelation,
  pg_proc: (catalog, oid) => {
    const proc = catalog.proc(oid);
    return proc && { type: PROC_TYPES[proc.prokind] ?? 'function', schema: quoteIdentifier(schemaName(catalog, proc.pronamespace)), name: null,
      identity: formatProcedure(catalog, proc, true) };
  },
  pg_type: (catalog, oid) => {
    const type = catalog.type(oid);
    return type && { type: 'type', schema: quoteIdentifier(schemaName(catalog, type.typnamespace)), name: quoteIdentifier(type.typname), identity: qualifiedType(catalog, oid) };
  },
  pg_cast: (catalog, oid) => {
    const cast = row(catalog, 'pg_cast', oid);
    return cast && plain('cast', `(${qualifiedType(catalog, cast.castsource)} AS ${qualifiedType(catalog, cast.casttarget)})`);
  },
  pg_collation: namedInSchema('collation', 'pg_collation', 'collname', 'collnamespace'),
  pg_constraint: identifyConstraint,
  pg_conversion: namedInSchema('conversion', 'pg_conversion', 'conname', 'connamespace'),
  pg_attrdef: (catalog, oid) => {
    const found = row(catalog, 'pg_attrdef', oid);
    return found && plain('default value', `for ${identifyRelation(catalog, found.adrelid, found.adnum)?.identity}`);
  },
  pg_language: named('language', 'pg_language', 'lanname'),
  pg_largeobject: (_catalog, oid) => plain('large object', String(oid)),
  pg_operator: (catalog, oid) => {
    const operator = catalog.operator(oid);
    return operator && { type: 'operator', schema: quoteIdentifier(schemaName(catalog, operator.oprnamespace)), name: null, identity: formatOperator(catalog, operator, true) };
  },
  pg_opclass: identifyOpclass,
  pg_opfamily: identifyOpfamily,
  pg_am: named('access method', 'pg_am', 'amname'),
  pg_amop: (catalog, oid) => {
    const entry = row(catalog, 'pg_amop', oid);
    return entry && plain('operator of access method', `operator ${entry.amopstrategy} (${qualifiedType(catalog, entry.amoplefttype)}, `
      + `${qualifiedType(catalog, entry.amoprighttype)}) of ${identifyOpfamily(catalog, entry.amopfamily)?.identity}`);
  },
  pg_amproc: (catalog, oid) => {
    const entry = row(catalog, 'pg_amproc', oid);
    return entry && plain('function of access method', `function ${entry.amprocnum} (${qualifiedType(catalog, entry.amproclefttype)}, `
      + `${qualifiedType(catalog, entry.amprocrighttype)}) of ${identifyOpfamily(catalog, entry.amprocfamily)?.identity}`);
  },
  pg_rewrite: onRelation('rule', 'pg_rewrite', 'rulename', 'ev_class'),
  pg_trigger: onRelation('trigger', 'pg_trigger', 'tgname', 'tgrelid'),
  pg_policy: onRelation('policy', 'pg_policy', 'polname', 'polrelid'),
  pg_namespace: named('schema', 'pg_namespace', 'nspname'),
  pg_statistic_ext: namedInSchema('statistics object', 'pg_statistic_ext', 'stxname', 'stxnamespace'),
  pg_ts_parser: namedInSchema('text search parser', 'pg_ts_parser', 'prsname', 'prsnamespace'),
  pg_ts_dict: namedInSchema('text search dictionary', 'pg_ts_dict', 'dictname', 'dictnamespace'),
  pg_ts_template: namedInSchema('text search template', 'pg_ts_template', 'tmplname', 'tmplnamespace'),
  pg_ts_config: namedInSchema('text search configuration', 'pg_ts_config', 'cfgname', 'cfgnamespace'),
  pg_authid: named('role', 'pg_authid', 'rolname'),
  pg_auth_members: (catalog, oid) => {
    const entry = row(catalog, 'pg_auth_members', oid);
    return entry && plain('role membership', `membership of role ${quoteIdentifier(roleName(catalog, entry.member))} in role ${quoteIdentifier(roleName(catalog, entry.roleid))}`);
  },
  pg_database: named('database', 'pg_database', 'datname'),
  pg_tablespace: named('tablespace', 'pg_tablespace', 'spcname'),
  pg_foreign_data_wrapper: named('foreign-data wrapper', 'pg_foreign_data_wrapper', 'fdwname'),
  pg_foreign_server: named('server', 'pg_foreign_server', 'srvname'),
  pg_user_mapping: (catalog, oid) => {
    const mapping = row(catalog, 'pg_user_mapping', oid);
    if (!mapping) return null;
    const user = mapping.umuser === 0 ? 'public' : quoteIdentifier(roleName(catalog, mapping.umuser));
    return plain('user mapping', `${user} on server ${row(catalog, 'pg_foreign_server', mapping.umserver)?.srvname}`);
  },
  pg_default_acl: (catalog, oid) => {
    const entry = row(catalog, 'pg_default_acl', oid);
    if (!entry) return null;
    const schema = entry.defaclnamespace === 0 ? '' : ` in schema ${quoteIdentifier(schemaName(catalog, entry.defaclnamespace))}`;
    return plain('default acl', `for role ${quoteIdentifier(roleName(catalog, entry.defaclrole))}${schema} on ${DEFAULT_ACL_WORDS[entry.defaclobjtype]}`);
  },
  pg_extension: named('extension', 'pg_extension', 'extname'),
  pg_event_trigger: named('event trigger', 'pg_event_trigger', 'evtname'),
  pg_parameter_acl: named('parameter ACL', 'pg_parameter_acl', 'parname'),
  pg_publication: named('publication', 'pg_publication', 'pubname'),
  pg_publication_rel: (catalog, oid) => {
    const entry = row(catalog, 'pg_publication_rel', oid);
    return entry && plain('publication relation', `${qualifiedRelation(catalog, entry.prrelid)} in publication ${row(catalog, 'pg_publication', entry.prpubid)?.pubname}`);
  },
  pg_publication_namespace: (catalog, oid) => {
    const entry = row(catalog, 'pg_publication_namespace', oid);
    return entry && plain('publication namespace', `${schemaName(catalog, entry.pnnspid)} in publication ${row(catalog, 'pg_publication', entry.pnpubid)?.pubname}`);
  },
  pg_subscription: named('subscription', 'pg_subscription', 'subname'),
  pg_transform: (catalog, oid) => {
    const transform = row(catalog, 'pg_transform', oid);
    return transform && plain('transform', `for ${qualifiedType(catalog, transform.trftype)} language ${row(catalog, 'pg_language', transform.trflang)?.lanname}`);
  },
};

/** Kind and identity of an object; null when it is not there (or of a class that has none). */
export function objectIdentity(catalog: Catalog, object: ObjectAddress): ObjectIdentity | null {
  const name = catalogByOid(object.classId)?.name;
  const identify = name === undefined ? undefined : IDENTIFIERS[name];
  return identify ? identify(catalog, object.objectId, object.subId) : null;
}
