/**
 * What messages call an object (getObjectDescription of catalog/objectaddress.c): `table t`, `column a of table t`,
 * `function f(integer)`.
 */
import { quoteIdentifier, quoteQualified } from '../base/identifier.js';
import type { CatalogRows, PgOperator, PgProc } from './rows.js';
import type { ObjectAddress } from './address.js';
import type { Catalog, Oid } from './api.js';
import { formatType } from './format-type.js';
import { isFunctionVisible, isOperatorVisible, isRelationVisible, isVisibleInPath } from './namespace.js';
import { catalogByOid } from './shapes.js';
import { roleName } from './roles.js';

type Describe = (catalog: Catalog, oid: Oid, subId: number) => string | null;

function row<K extends keyof CatalogRows>(catalog: Catalog, table: K, oid: Oid): CatalogRows[K] | null {
  return catalog.table(table).findOne({ oid } as object as Partial<CatalogRows[K]>);
}

function namespaceName(catalog: Catalog, oid: Oid): string | null {
  return catalog.namespace(oid)?.nspname ?? null;
}

/** `name`, or `schema.name` where it is not visible; both quoted. */
function shown(catalog: Catalog, namespace: Oid, name: string, visible: boolean): string {
  return visible ? quoteIdentifier(name) : quoteQualified(namespaceName(catalog, namespace), name);
}

const RELATION_WORDS: Readonly<Record<string, string>> = {
  r: 'table', p: 'table', i: 'index', I: 'index', S: 'sequence', t: 'toast table', v: 'view', m: 'materialized view', c: 'composite type', f: 'foreign table',
};

/** `table t`, `view s.v`. Null when there is no such relation. */
export function relationDescription(catalog: Catalog, oid: Oid): string | null {
  const relation = catalog.relation(oid);
  if (!relation) return null;
  const name = shown(catalog, relation.namespace, relation.name, isRelationVisible(catalog, oid));
  return `${RELATION_WORDS[relation.kind] ?? 'relation'} ${name}`;
}

function describeRelation(catalog: Catalog, oid: Oid, subId: number): string | null {
  const whole = relationDescription(catalog, oid);
  if (whole === null || subId === 0) return whole;
  const attribute = catalog.relation(oid)!.attributes[subId - 1] ?? catalog.table('pg_attribute').findOne({ attrelid: oid, attnum: subId });
  return attribute ? `column ${attribute.attname} of ${whole}` : null;
}

/** format_procedure: `s.f(integer,text)`, the schema where it is not visible or `qualify`. */
export function formatProcedure(catalog: Catalog, proc: PgProc, qualify = false): string {
  const types = (proc.proargtypes.elements as readonly Oid[]).map((type) => formatType(catalog, type, undefined, qualify));
  return `${shown(catalog, proc.pronamespace, proc.proname, !qualify && isFunctionVisible(catalog, proc))}(${types.join(',')})`;
}

/** format_operator: `s.+(integer,NONE)`. */
export function formatOperator(catalog: Catalog, operator: PgOperator, qualify = false): string {
  const side = (type: Oid): string => (type === 0 ? 'NONE' : formatType(catalog, type, undefined, qualify));
  const visible = !qualify && isOperatorVisible(catalog, operator);
  const schema = visible ? '' : `${quoteIdentifier(namespaceName(catalog, operator.oprnamespace) ?? '')}.`;
  return `${schema}${operator.oprname}(${side(operator.oprleft)},${side(operator.oprright)})`;
}

function describeConstraint(catalog: Catalog, oid: Oid): string | null {
  const constraint = catalog.constraint(oid);
  if (!constraint) return null;
  return constraint.conrelid === 0 ? `constraint ${constraint.conname}` : `constraint ${constraint.conname} on ${relationDescription(catalog, constraint.conrelid)}`;
}

function describeDefault(catalog: Catalog, oid: Oid): string | null {
  const found = row(catalog, 'pg_attrdef', oid);
  return found && `default value for ${describeRelation(catalog, found.adrelid, found.adnum)}`;
}

function describeOpclass(catalog: Catalog, oid: Oid): string | null {
  const opclass = catalog.opclass(oid);
  if (!opclass) return null;
  const visible = isVisibleInPath(catalog, opclass.opcnamespace, (namespace) =>
    catalog.opclassesByName(opclass.opcname, opclass.opcmethod).some((other) => other.opcnamespace === namespace));
  return `operator class ${shown(catalog, opclass.opcnamespace, opclass.opcname, visible)} for access method ${catalog.accessMethod(opclass.opcmethod)?.amname}`;
}

function describeOpfamily(catalog: Catalog, oid: Oid): string | null {
  const family = row(catalog, 'pg_opfamily', oid);
  if (!family) return null;
  const visible = isVisibleInPath(catalog, family.opfnamespace, (namespace) =>
    catalog.table('pg_opfamily').findOne({ opfmethod: family.opfmethod, opfname: family.opfname, opfnamespace: namespace }) !== null);
  return `operator family ${shown(catalog, family.opfnamespace, family.opfname, visible)} for access method ${catalog.accessMethod(family.opfmethod)?.amname}`;
}

function describeAmop(catalog: Catalog, oid: Oid): string | null {
  const entry = row(catalog, 'pg_amop', oid);
  if (!entry) return null;
  const operator = catalog.operator(entry.amopopr);
  return `operator ${entry.amopstrategy} (${formatType(catalog, entry.amoplefttype)}, ${formatType(catalog, entry.amoprighttype)}) of `
    + `${describeOpfamily(catalog, entry.amopfamily)}: ${operator ? formatOperator(catalog, operator) : entry.amopopr}`;
}

function describeAmproc(catalog: Catalog, oid: Oid): string | null {
  const entry = row(catalog, 'pg_amproc', oid);
  if (!entry) return null;
  const proc = catalog.proc(entry.amproc);
  return `function ${entry.amprocnum} (${formatType(catalog, entry.amproclefttype)}, ${formatType(catalog, entry.amprocrighttype)}) of `
    + `${describeOpfamily(catalog, entry.amprocfamily)}: ${proc ? formatProcedure(catalog, proc) : entry.amproc}`;
}

const DEFAULT_ACL_WORDS: Readonly<Record<string, string>> = {
  r: 'relations', S: 'sequences', f: 'functions', T: 'types', n: 'schemas', L: 'large objects',
};

function describeDefaultAcl(catalog: Catalog, oid: Oid): string | null {
  const entry = row(catalog, 'pg_default_acl', oid);
  if (!entry) return null;
  const schema = entry.defaclnamespace === 0 ? '' : ` in schema ${namespaceName(catalog, entry.defaclnamespace)}`;
  return `default privileges on new ${DEFAULT_ACL_WORDS[entry.defaclobjtype] ?? 'objects'} belonging to role ${roleName(catalog, entry.defaclrole)}${schema}`;
}

/** A description of an object with a plain name in a column. */
function named<K extends keyof CatalogRows>(word: string, table: K, name: keyof CatalogRows[K]): Describe {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    return found && `${word} ${String(found[name])}`;
  };
}

/** The same for objects in schemas: qualified where not visible. */
function namedInSchema<K extends keyof CatalogRows>(word: string, table: K, name: keyof CatalogRows[K], namespace: keyof CatalogRows[K]): Describe {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    if (!found) return null;
    const own = found[name] as string;
    const home = found[namespace] as number;
    const visible = isVisibleInPath(catalog, home, (other) =>
      catalog.table(table).findOne({ [name]: own, [namespace]: other } as object as Partial<CatalogRows[K]>) !== null);
    return `${word} ${shown(catalog, home, own, visible)}`;
  };
}

/** The same for what hangs on a relation. */
function onRelation<K extends keyof CatalogRows>(word: string, table: K, name: keyof CatalogRows[K], relation: keyof CatalogRows[K]): Describe {
  return (catalog, oid) => {
    const found = row(catalog, table, oid);
    return found && `${word} ${String(found[name])} on ${relationDescription(catalog, found[relation] as number)}`;
  };
}

const DESCRIBERS: Readonly<Record<string, Describe>> = {
  pg_class: describeRelation,
  pg_proc: (catalog, oid) => {
    const proc = catalog.proc(oid);
    return proc && `function ${formatProcedure(catalog, proc)}`;
  },
  pg_type: (catalog, oid) => (catalog.type(oid) ? `type ${formatType(catalog, oid)}` : null),
  pg_cast: (catalog, oid) => {
    const cast = row(catalog, 'pg_cast', oid);
    return cast && `cast from ${formatType(catalog, cast.castsource)} to ${formatType(catalog, cast.casttarget)}`;
  },
  pg_collation: namedInSchema('collation', 'pg_collation', 'collname', 'collnamespace'),
  pg_constraint: describeConstraint,
  pg_conversion: namedInSchema('conversion', 'pg_conversion', 'conname', 'connamespace'),
  pg_attrdef: describeDefault,
  pg_language: named('language', 'pg_language', 'lanname'),
  pg_largeobject: (_catalog, oid) => `large object ${oid}`,
  pg_largeobject_metadata: (_catalog, oid) => `large object ${oid}`,
  pg_operator: (catalog, oid) => {
    const operator = catalog.operator(oid);
    return operator && `operator ${formatOperator(catalog, operator)}`;
  },
  pg_opclass: describeOpclass,
  pg_opfamily: describeOpfamily,
  pg_am: named('access method', 'pg_am', 'amname'),
  pg_amop: describeAmop,
  pg_amproc: describeAmproc,
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
    const membership = row(catalog, 'pg_auth_members', oid);
    return membership && `membership of role ${roleName(catalog, membership.member)} in role ${roleName(catalog, membership.roleid)}`;
  },
  pg_database: named('database', 'pg_database', 'datname'),
  pg_tablespace: named('tablespace', 'pg_tablespace', 'spcname'),
  pg_foreign_data_wrapper: named('foreign-data wrapper', 'pg_foreign_data_wrapper', 'fdwname'),
  pg_foreign_server: named('server', 'pg_foreign_server', 'srvname'),
  pg_user_mapping: (catalog, oid) => {
    const mapping = row(catalog, 'pg_user_mapping', oid);
    if (!mapping) return null;
    const user = mapping.umuser === 0 ? 'public' : roleName(catalog, mapping.umuser);
    return `user mapping for ${user} on server ${row(catalog, 'pg_foreign_server', mapping.umserver)?.srvname}`;
  },
  pg_default_acl: describeDefaultAcl,
  pg_extension: named('extension', 'pg_extension', 'extname'),
  pg_event_trigger: named('event trigger', 'pg_event_trigger', 'evtname'),
  pg_parameter_acl: named('parameter', 'pg_parameter_acl', 'parname'),
  pg_publication: named('publication', 'pg_publication', 'pubname'),
  pg_publication_namespace: (catalog, oid) => {
    const entry = row(catalog, 'pg_publication_namespace', oid);
    return entry && `publication of schema ${namespaceName(catalog, entry.pnnspid)} in publication ${row(catalog, 'pg_publication', entry.pnpubid)?.pubname}`;
  },
  pg_publication_rel: (catalog, oid) => {
    const entry = row(catalog, 'pg_publication_rel', oid);
    return entry && `publication of ${relationDescription(catalog, entry.prrelid)} in publication ${row(catalog, 'pg_publication', entry.prpubid)?.pubname}`;
  },
  pg_subscription: named('subscription', 'pg_subscription', 'subname'),
  pg_transform: (catalog, oid) => {
    const transform = row(catalog, 'pg_transform', oid);
    return transform && `transform for ${formatType(catalog, transform.trftype)} language ${row(catalog, 'pg_language', transform.trflang)?.lanname}`;
  },
};

/** What messages call the object; null when it is not there (or of a class without descriptions). */
export function objectDescription(catalog: Catalog, object: ObjectAddress): string | null {
  const name = catalogByOid(object.classId)?.name;
  const describe = name === undefined ? undefined : DESCRIBERS[name];
  return describe ? describe(catalog, object.objectId, object.subId) : null;
}
