/**
 * Row types of the system catalogs, generated from PostgreSQL 18's own catalogs: do not edit.
 */
import type { ArrayValue, Int8 } from '../types/datum.js';

/** A row of pg_aggregate. */
export interface PgAggregate {
  aggfnoid: number;
  aggkind: string;
  aggnumdirectargs: number;
  aggtransfn: number;
  aggfinalfn: number;
  aggcombinefn: number;
  aggserialfn: number;
  aggdeserialfn: number;
  aggmtransfn: number;
  aggminvtransfn: number;
  aggmfinalfn: number;
  aggfinalextra: boolean;
  aggmfinalextra: boolean;
  aggfinalmodify: string;
  aggmfinalmodify: string;
  aggsortop: number;
  aggtranstype: number;
  aggtransspace: number;
  aggmtranstype: number;
  aggmtransspace: number;
  agginitval: string | null;
  aggminitval: string | null;
}

/** A row of pg_am. */
export interface PgAm {
  oid: number;
  amname: string;
  amhandler: number;
  amtype: string;
}

/** A row of pg_amop. */
export interface PgAmop {
  oid: number;
  amopfamily: number;
  amoplefttype: number;
  amoprighttype: number;
  amopstrategy: number;
  amoppurpose: string;
  amopopr: number;
  amopmethod: number;
  amopsortfamily: number;
}

/** A row of pg_amproc. */
export interface PgAmproc {
  oid: number;
  amprocfamily: number;
  amproclefttype: number;
  amprocrighttype: number;
  amprocnum: number;
  amproc: number;
}

/** A row of pg_attrdef. */
export interface PgAttrdef {
  oid: number;
  adrelid: number;
  adnum: number;
  adbin: string;
}

/** A row of pg_attribute. */
export interface PgAttribute {
  attrelid: number;
  attname: string;
  atttypid: number;
  attlen: number;
  attnum: number;
  atttypmod: number;
  attndims: number;
  attbyval: boolean;
  attalign: string;
  attstorage: string;
  attcompression: string;
  attnotnull: boolean;
  atthasdef: boolean;
  atthasmissing: boolean;
  attidentity: string;
  attgenerated: string;
  attisdropped: boolean;
  attislocal: boolean;
  attinhcount: number;
  attcollation: number;
  attstattarget: number | null;
  attacl: ArrayValue | null;
  attoptions: ArrayValue | null;
  attfdwoptions: ArrayValue | null;
  attmissingval: ArrayValue | null;
}

/** A row of pg_auth_members. */
export interface PgAuthMembers {
  oid: number;
  roleid: number;
  member: number;
  grantor: number;
  admin_option: boolean;
  inherit_option: boolean;
  set_option: boolean;
}

/** A row of pg_authid. */
export interface PgAuthid {
  oid: number;
  rolname: string;
  rolsuper: boolean;
  rolinherit: boolean;
  rolcreaterole: boolean;
  rolcreatedb: boolean;
  rolcanlogin: boolean;
  rolreplication: boolean;
  rolbypassrls: boolean;
  rolconnlimit: number;
  rolpassword: string | null;
  rolvaliduntil: Int8 | null;
}

/** A row of pg_cast. */
export interface PgCast {
  oid: number;
  castsource: number;
  casttarget: number;
  castfunc: number;
  castcontext: string;
  castmethod: string;
}

/** A row of pg_class. */
export interface PgClass {
  oid: number;
  relname: string;
  relnamespace: number;
  reltype: number;
  reloftype: number;
  relowner: number;
  relam: number;
  relfilenode: number;
  reltablespace: number;
  relpages: number;
  reltuples: number;
  relallvisible: number;
  relallfrozen: number;
  reltoastrelid: number;
  relhasindex: boolean;
  relisshared: boolean;
  relpersistence: string;
  relkind: string;
  relnatts: number;
  relchecks: number;
  relhasrules: boolean;
  relhastriggers: boolean;
  relhassubclass: boolean;
  relrowsecurity: boolean;
  relforcerowsecurity: boolean;
  relispopulated: boolean;
  relreplident: string;
  relispartition: boolean;
  relrewrite: number;
  relfrozenxid: number;
  relminmxid: number;
  relacl: ArrayValue | null;
  reloptions: ArrayValue | null;
  relpartbound: string | null;
}

/** A row of pg_collation. */
export interface PgCollation {
  oid: number;
  collname: string;
  collnamespace: number;
  collowner: number;
  collprovider: string;
  collisdeterministic: boolean;
  collencoding: number;
  collcollate: string | null;
  collctype: string | null;
  colllocale: string | null;
  collicurules: string | null;
  collversion: string | null;
}

/** A row of pg_constraint. */
export interface PgConstraint {
  oid: number;
  conname: string;
  connamespace: number;
  contype: string;
  condeferrable: boolean;
  condeferred: boolean;
  conenforced: boolean;
  convalidated: boolean;
  conrelid: number;
  contypid: number;
  conindid: number;
  conparentid: number;
  confrelid: number;
  confupdtype: string;
  confdeltype: string;
  confmatchtype: string;
  conislocal: boolean;
  coninhcount: number;
  connoinherit: boolean;
  conperiod: boolean;
  conkey: ArrayValue | null;
  confkey: ArrayValue | null;
  conpfeqop: ArrayValue | null;
  conppeqop: ArrayValue | null;
  conffeqop: ArrayValue | null;
  confdelsetcols: ArrayValue | null;
  conexclop: ArrayValue | null;
  conbin: string | null;
}

/** A row of pg_conversion. */
export interface PgConversion {
  oid: number;
  conname: string;
  connamespace: number;
  conowner: number;
  conforencoding: number;
  contoencoding: number;
  conproc: number;
  condefault: boolean;
}

/** A row of pg_database. */
export interface PgDatabase {
  oid: number;
  datname: string;
  datdba: number;
  encoding: number;
  datlocprovider: string;
  datistemplate: boolean;
  datallowconn: boolean;
  dathasloginevt: boolean;
  datconnlimit: number;
  datfrozenxid: number;
  datminmxid: number;
  dattablespace: number;
  datcollate: string;
  datctype: string;
  datlocale: string | null;
  daticurules: string | null;
  datcollversion: string | null;
  datacl: ArrayValue | null;
}

/** A row of pg_db_role_setting. */
export interface PgDbRoleSetting {
  setdatabase: number;
  setrole: number;
  setconfig: ArrayValue | null;
}

/** A row of pg_default_acl. */
export interface PgDefaultAcl {
  oid: number;
  defaclrole: number;
  defaclnamespace: number;
  defaclobjtype: string;
  defaclacl: ArrayValue;
}

/** A row of pg_depend. */
export interface PgDepend {
  classid: number;
  objid: number;
  objsubid: number;
  refclassid: number;
  refobjid: number;
  refobjsubid: number;
  deptype: string;
}

/** A row of pg_description. */
export interface PgDescription {
  objoid: number;
  classoid: number;
  objsubid: number;
  description: string;
}

/** A row of pg_enum. */
export interface PgEnum {
  oid: number;
  enumtypid: number;
  enumsortorder: number;
  enumlabel: string;
}

/** A row of pg_event_trigger. */
export interface PgEventTrigger {
  oid: number;
  evtname: string;
  evtevent: string;
  evtowner: number;
  evtfoid: number;
  evtenabled: string;
  evttags: ArrayValue | null;
}

/** A row of pg_extension. */
export interface PgExtension {
  oid: number;
  extname: string;
  extowner: number;
  extnamespace: number;
  extrelocatable: boolean;
  extversion: string;
  extconfig: ArrayValue | null;
  extcondition: ArrayValue | null;
}

/** A row of pg_foreign_data_wrapper. */
export interface PgForeignDataWrapper {
  oid: number;
  fdwname: string;
  fdwowner: number;
  fdwhandler: number;
  fdwvalidator: number;
  fdwacl: ArrayValue | null;
  fdwoptions: ArrayValue | null;
}

/** A row of pg_foreign_server. */
export interface PgForeignServer {
  oid: number;
  srvname: string;
  srvowner: number;
  srvfdw: number;
  srvtype: string | null;
  srvversion: string | null;
  srvacl: ArrayValue | null;
  srvoptions: ArrayValue | null;
}

/** A row of pg_foreign_table. */
export interface PgForeignTable {
  ftrelid: number;
  ftserver: number;
  ftoptions: ArrayValue | null;
}

/** A row of pg_index. */
export interface PgIndex {
  indexrelid: number;
  indrelid: number;
  indnatts: number;
  indnkeyatts: number;
  indisunique: boolean;
  indnullsnotdistinct: boolean;
  indisprimary: boolean;
  indisexclusion: boolean;
  indimmediate: boolean;
  indisclustered: boolean;
  indisvalid: boolean;
  indcheckxmin: boolean;
  indisready: boolean;
  indislive: boolean;
  indisreplident: boolean;
  indkey: ArrayValue;
  indcollation: ArrayValue;
  indclass: ArrayValue;
  indoption: ArrayValue;
  indexprs: string | null;
  indpred: string | null;
}

/** A row of pg_inherits. */
export interface PgInherits {
  inhrelid: number;
  inhparent: number;
  inhseqno: number;
  inhdetachpending: boolean;
}

/** A row of pg_init_privs. */
export interface PgInitPrivs {
  objoid: number;
  classoid: number;
  objsubid: number;
  privtype: string;
  initprivs: ArrayValue;
}

/** A row of pg_language. */
export interface PgLanguage {
  oid: number;
  lanname: string;
  lanowner: number;
  lanispl: boolean;
  lanpltrusted: boolean;
  lanplcallfoid: number;
  laninline: number;
  lanvalidator: number;
  lanacl: ArrayValue | null;
}

/** A row of pg_largeobject. */
export interface PgLargeobject {
  loid: number;
  pageno: number;
  data: Uint8Array;
}

/** A row of pg_largeobject_metadata. */
export interface PgLargeobjectMetadata {
  oid: number;
  lomowner: number;
  lomacl: ArrayValue | null;
}

/** A row of pg_namespace. */
export interface PgNamespace {
  oid: number;
  nspname: string;
  nspowner: number;
  nspacl: ArrayValue | null;
}

/** A row of pg_opclass. */
export interface PgOpclass {
  oid: number;
  opcmethod: number;
  opcname: string;
  opcnamespace: number;
  opcowner: number;
  opcfamily: number;
  opcintype: number;
  opcdefault: boolean;
  opckeytype: number;
}

/** A row of pg_operator. */
export interface PgOperator {
  oid: number;
  oprname: string;
  oprnamespace: number;
  oprowner: number;
  oprkind: string;
  oprcanmerge: boolean;
  oprcanhash: boolean;
  oprleft: number;
  oprright: number;
  oprresult: number;
  oprcom: number;
  oprnegate: number;
  oprcode: number;
  oprrest: number;
  oprjoin: number;
}

/** A row of pg_opfamily. */
export interface PgOpfamily {
  oid: number;
  opfmethod: number;
  opfname: string;
  opfnamespace: number;
  opfowner: number;
}

/** A row of pg_parameter_acl. */
export interface PgParameterAcl {
  oid: number;
  parname: string;
  paracl: ArrayValue | null;
}

/** A row of pg_partitioned_table. */
export interface PgPartitionedTable {
  partrelid: number;
  partstrat: string;
  partnatts: number;
  partdefid: number;
  partattrs: ArrayValue;
  partclass: ArrayValue;
  partcollation: ArrayValue;
  partexprs: string | null;
}

/** A row of pg_policy. */
export interface PgPolicy {
  oid: number;
  polname: string;
  polrelid: number;
  polcmd: string;
  polpermissive: boolean;
  polroles: ArrayValue;
  polqual: string | null;
  polwithcheck: string | null;
}

/** A row of pg_proc. */
export interface PgProc {
  oid: number;
  proname: string;
  pronamespace: number;
  proowner: number;
  prolang: number;
  procost: number;
  prorows: number;
  provariadic: number;
  prosupport: number;
  prokind: string;
  prosecdef: boolean;
  proleakproof: boolean;
  proisstrict: boolean;
  proretset: boolean;
  provolatile: string;
  proparallel: string;
  pronargs: number;
  pronargdefaults: number;
  prorettype: number;
  proargtypes: ArrayValue;
  proallargtypes: ArrayValue | null;
  proargmodes: ArrayValue | null;
  proargnames: ArrayValue | null;
  proargdefaults: string | null;
  protrftypes: ArrayValue | null;
  prosrc: string;
  probin: string | null;
  prosqlbody: string | null;
  proconfig: ArrayValue | null;
  proacl: ArrayValue | null;
}

/** A row of pg_publication. */
export interface PgPublication {
  oid: number;
  pubname: string;
  pubowner: number;
  puballtables: boolean;
  pubinsert: boolean;
  pubupdate: boolean;
  pubdelete: boolean;
  pubtruncate: boolean;
  pubviaroot: boolean;
  pubgencols: string;
}

/** A row of pg_publication_namespace. */
export interface PgPublicationNamespace {
  oid: number;
  pnpubid: number;
  pnnspid: number;
}

/** A row of pg_publication_rel. */
export interface PgPublicationRel {
  oid: number;
  prpubid: number;
  prrelid: number;
  prqual: string | null;
  prattrs: ArrayValue | null;
}

/** A row of pg_range. */
export interface PgRange {
  rngtypid: number;
  rngsubtype: number;
  rngmultitypid: number;
  rngcollation: number;
  rngsubopc: number;
  rngcanonical: number;
  rngsubdiff: number;
}

/** A row of pg_replication_origin. */
export interface PgReplicationOrigin {
  roident: number;
  roname: string;
}

/** A row of pg_rewrite. */
export interface PgRewrite {
  oid: number;
  rulename: string;
  ev_class: number;
  ev_type: string;
  ev_enabled: string;
  is_instead: boolean;
  ev_qual: string;
  ev_action: string;
}

/** A row of pg_seclabel. */
export interface PgSeclabel {
  objoid: number;
  classoid: number;
  objsubid: number;
  provider: string;
  label: string;
}

/** A row of pg_sequence. */
export interface PgSequence {
  seqrelid: number;
  seqtypid: number;
  seqstart: Int8;
  seqincrement: Int8;
  seqmax: Int8;
  seqmin: Int8;
  seqcache: Int8;
  seqcycle: boolean;
}

/** A row of pg_shdepend. */
export interface PgShdepend {
  dbid: number;
  classid: number;
  objid: number;
  objsubid: number;
  refclassid: number;
  refobjid: number;
  deptype: string;
}

/** A row of pg_shdescription. */
export interface PgShdescription {
  objoid: number;
  classoid: number;
  description: string;
}

/** A row of pg_shseclabel. */
export interface PgShseclabel {
  objoid: number;
  classoid: number;
  provider: string;
  label: string;
}

/** A row of pg_statistic. */
export interface PgStatistic {
  starelid: number;
  staattnum: number;
  stainherit: boolean;
  stanullfrac: number;
  stawidth: number;
  stadistinct: number;
  stakind1: number;
  stakind2: number;
  stakind3: number;
  stakind4: number;
  stakind5: number;
  staop1: number;
  staop2: number;
  staop3: number;
  staop4: number;
  staop5: number;
  stacoll1: number;
  stacoll2: number;
  stacoll3: number;
  stacoll4: number;
  stacoll5: number;
  stanumbers1: ArrayValue | null;
  stanumbers2: ArrayValue | null;
  stanumbers3: ArrayValue | null;
  stanumbers4: ArrayValue | null;
  stanumbers5: ArrayValue | null;
  stavalues1: ArrayValue | null;
  stavalues2: ArrayValue | null;
  stavalues3: ArrayValue | null;
  stavalues4: ArrayValue | null;
  stavalues5: ArrayValue | null;
}

/** A row of pg_statistic_ext. */
export interface PgStatisticExt {
  oid: number;
  stxrelid: number;
  stxname: string;
  stxnamespace: number;
  stxowner: number;
  stxkeys: ArrayValue;
  stxstattarget: number | null;
  stxkind: ArrayValue;
  stxexprs: string | null;
}

/** A row of pg_statistic_ext_data. */
export interface PgStatisticExtData {
  stxoid: number;
  stxdinherit: boolean;
  stxdndistinct: Uint8Array | null;
  stxddependencies: Uint8Array | null;
  stxdmcv: Uint8Array | null;
  stxdexpr: ArrayValue | null;
}

/** A row of pg_subscription. */
export interface PgSubscription {
  oid: number;
  subdbid: number;
  subskiplsn: Int8;
  subname: string;
  subowner: number;
  subenabled: boolean;
  subbinary: boolean;
  substream: string;
  subtwophasestate: string;
  subdisableonerr: boolean;
  subpasswordrequired: boolean;
  subrunasowner: boolean;
  subfailover: boolean;
  subconninfo: string;
  subslotname: string | null;
  subsynccommit: string;
  subpublications: ArrayValue;
  suborigin: string | null;
}

/** A row of pg_subscription_rel. */
export interface PgSubscriptionRel {
  srsubid: number;
  srrelid: number;
  srsubstate: string;
  srsublsn: Int8 | null;
}

/** A row of pg_tablespace. */
export interface PgTablespace {
  oid: number;
  spcname: string;
  spcowner: number;
  spcacl: ArrayValue | null;
  spcoptions: ArrayValue | null;
}

/** A row of pg_transform. */
export interface PgTransform {
  oid: number;
  trftype: number;
  trflang: number;
  trffromsql: number;
  trftosql: number;
}

/** A row of pg_trigger. */
export interface PgTrigger {
  oid: number;
  tgrelid: number;
  tgparentid: number;
  tgname: string;
  tgfoid: number;
  tgtype: number;
  tgenabled: string;
  tgisinternal: boolean;
  tgconstrrelid: number;
  tgconstrindid: number;
  tgconstraint: number;
  tgdeferrable: boolean;
  tginitdeferred: boolean;
  tgnargs: number;
  tgattr: ArrayValue;
  tgargs: Uint8Array;
  tgqual: string | null;
  tgoldtable: string | null;
  tgnewtable: string | null;
}

/** A row of pg_ts_config. */
export interface PgTsConfig {
  oid: number;
  cfgname: string;
  cfgnamespace: number;
  cfgowner: number;
  cfgparser: number;
}

/** A row of pg_ts_config_map. */
export interface PgTsConfigMap {
  mapcfg: number;
  maptokentype: number;
  mapseqno: number;
  mapdict: number;
}

/** A row of pg_ts_dict. */
export interface PgTsDict {
  oid: number;
  dictname: string;
  dictnamespace: number;
  dictowner: number;
  dicttemplate: number;
  dictinitoption: string | null;
}

/** A row of pg_ts_parser. */
export interface PgTsParser {
  oid: number;
  prsname: string;
  prsnamespace: number;
  prsstart: number;
  prstoken: number;
  prsend: number;
  prsheadline: number;
  prslextype: number;
}

/** A row of pg_ts_template. */
export interface PgTsTemplate {
  oid: number;
  tmplname: string;
  tmplnamespace: number;
  tmplinit: number;
  tmpllexize: number;
}

/** A row of pg_type. */
export interface PgType {
  oid: number;
  typname: string;
  typnamespace: number;
  typowner: number;
  typlen: number;
  typbyval: boolean;
  typtype: string;
  typcategory: string;
  typispreferred: boolean;
  typisdefined: boolean;
  typdelim: string;
  typrelid: number;
  typsubscript: number;
  typelem: number;
  typarray: number;
  typinput: number;
  typoutput: number;
  typreceive: number;
  typsend: number;
  typmodin: number;
  typmodout: number;
  typanalyze: number;
  typalign: string;
  typstorage: string;
  typnotnull: boolean;
  typbasetype: number;
  typtypmod: number;
  typndims: number;
  typcollation: number;
  typdefaultbin: string | null;
  typdefault: string | null;
  typacl: ArrayValue | null;
}

/** A row of pg_user_mapping. */
export interface PgUserMapping {
  oid: number;
  umuser: number;
  umserver: number;
  umoptions: ArrayValue | null;
}

/** Catalog name → row type. */
export interface CatalogRows {
  pg_aggregate: PgAggregate;
  pg_am: PgAm;
  pg_amop: PgAmop;
  pg_amproc: PgAmproc;
  pg_attrdef: PgAttrdef;
  pg_attribute: PgAttribute;
  pg_auth_members: PgAuthMembers;
  pg_authid: PgAuthid;
  pg_cast: PgCast;
  pg_class: PgClass;
  pg_collation: PgCollation;
  pg_constraint: PgConstraint;
  pg_conversion: PgConversion;
  pg_database: PgDatabase;
  pg_db_role_setting: PgDbRoleSetting;
  pg_default_acl: PgDefaultAcl;
  pg_depend: PgDepend;
  pg_description: PgDescription;
  pg_enum: PgEnum;
  pg_event_trigger: PgEventTrigger;
  pg_extension: PgExtension;
  pg_foreign_data_wrapper: PgForeignDataWrapper;
  pg_foreign_server: PgForeignServer;
  pg_foreign_table: PgForeignTable;
  pg_index: PgIndex;
  pg_inherits: PgInherits;
  pg_init_privs: PgInitPrivs;
  pg_language: PgLanguage;
  pg_largeobject: PgLargeobject;
  pg_largeobject_metadata: PgLargeobjectMetadata;
  pg_namespace: PgNamespace;
  pg_opclass: PgOpclass;
  pg_operator: PgOperator;
  pg_opfamily: PgOpfamily;
  pg_parameter_acl: PgParameterAcl;
  pg_partitioned_table: PgPartitionedTable;
  pg_policy: PgPolicy;
  pg_proc: PgProc;
  pg_publication: PgPublication;
  pg_publication_namespace: PgPublicationNamespace;
  pg_publication_rel: PgPublicationRel;
  pg_range: PgRange;
  pg_replication_origin: PgReplicationOrigin;
  pg_rewrite: PgRewrite;
  pg_seclabel: PgSeclabel;
  pg_sequence: PgSequence;
  pg_shdepend: PgShdepend;
  pg_shdescription: PgShdescription;
  pg_shseclabel: PgShseclabel;
  pg_statistic: PgStatistic;
  pg_statistic_ext: PgStatisticExt;
  pg_statistic_ext_data: PgStatisticExtData;
  pg_subscription: PgSubscription;
  pg_subscription_rel: PgSubscriptionRel;
  pg_tablespace: PgTablespace;
  pg_transform: PgTransform;
  pg_trigger: PgTrigger;
  pg_ts_config: PgTsConfig;
  pg_ts_config_map: PgTsConfigMap;
  pg_ts_dict: PgTsDict;
  pg_ts_parser: PgTsParser;
  pg_ts_template: PgTsTemplate;
  pg_type: PgType;
  pg_user_mapping: PgUserMapping;
}
