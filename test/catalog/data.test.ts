/**
 * The built-in data: complete, and every OID in it names a row that exists.
 */
import { expect } from 'chai';
import { BuiltinTable, builtinTable, builtinViewDefinition } from '../../lib/catalog/builtin.js';
import type { CatalogRows } from '../../lib/catalog/rows.js';
import { catalogByName, catalogDefinitions } from '../../lib/catalog/shapes.js';
import { ArrayValue, type Datum, type Row } from '../../lib/types/datum.js';

function rows<K extends keyof CatalogRows>(name: K): CatalogRows[K][] {
  const table = builtinTable(catalogByName(name));
  return Array.from({ length: table.count }, (_, position) => table.object(position) as CatalogRows[K]);
}

function oids<K extends keyof CatalogRows>(name: K): Set<number> {
  return new Set(rows(name).map((row) => (row as object as { oid: number }).oid));
}

describe('built-in catalog data', () => {
  const types = oids('pg_type');
  const procs = oids('pg_proc');
  const operators = oids('pg_operator');
  const namespaces = oids('pg_namespace');

  function dangling(known: ReadonlySet<number>, ...used: (number | ArrayValue | null)[]): number[] {
    const flat = used.flatMap((value) => (value instanceof ArrayValue ? (value.elements as number[]) : [value ?? 0]));
    return flat.filter((oid) => oid !== 0 && !known.has(oid));
  }

  it('is found by looking as by the map that later keys are found by', () => {
    for (const [name, ...columnNames] of [['pg_proc', 'proname'], ['pg_operator', 'oprname', 'oprleft'], ['pg_cast', 'castsource', 'casttarget'], ['pg_class', 'oid']]) {
      const definition = catalogByName(name);
      const table = new BuiltinTable(definition);
      const columns = columnNames.map((column) => definition.columnNames.indexOf(column));
      const keyOf = (row: Row): string => columns.map((column) => String(row[column])).join('|');
      const find = (position: number): readonly number[] => table.positionsOf(columns, keyOf, keyOf(table.row(position)), table.row(position)[columns[0]]);
      // A row with a key of its own, one of the last, and some between.
      const positions = Array.from({ length: 16 }, (_, index) => Math.floor(((table.count - 1) * index) / 15));
      const looked = positions.map(find);
      const none = (first: Datum): readonly number[] => table.positionsOf(columns, keyOf, 'no such key', first);
      expect(none('no such key')).to.eql([]);
      expect(none(table.row(0)[columns[0]])).to.eql([]);
      expect(positions.map(find), name).to.eql(looked);
      looked.forEach((found, index) => expect(found).to.include(positions[index]));
    }
  });

  it('has as many rows as the shapes say, each column complete', () => {
    for (const definition of catalogDefinitions()) {
      const table = builtinTable(definition);
      definition.columnNames.forEach((name, index) => {
        expect(table.column(index).length, `${definition.name}.${name}`).to.equal(table.count);
        const nullable = definition.shape.columns[index][2];
        if (!nullable) expect(table.column(index).includes(null), `${definition.name}.${name} has no null`).to.equal(false);
      });
    }
  });

  it('pg_proc names only things that exist', () => {
    const languages = oids('pg_language');
    for (const row of rows('pg_proc')) {
      expect(dangling(types, row.prorettype, row.proargtypes, row.proallargtypes, row.provariadic), row.proname).to.deep.equal([]);
      expect(dangling(procs, row.prosupport), row.proname).to.deep.equal([]);
      expect(namespaces.has(row.pronamespace) && languages.has(row.prolang), row.proname).to.equal(true);
      expect(row.proargtypes.elements.length, row.proname).to.equal(row.pronargs);
    }
  });

  it('pg_operator names only things that exist', () => {
    for (const row of rows('pg_operator')) {
      expect(dangling(types, row.oprleft, row.oprright, row.oprresult), row.oprname).to.deep.equal([]);
      expect(dangling(operators, row.oprcom, row.oprnegate), row.oprname).to.deep.equal([]);
      expect(dangling(procs, row.oprcode, row.oprrest, row.oprjoin), row.oprname).to.deep.equal([]);
    }
  });

  it('pg_cast, pg_aggregate, pg_amop, pg_amproc and pg_opclass name only things that exist', () => {
    const families = oids('pg_opfamily');
    for (const row of rows('pg_cast')) {
      expect(dangling(types, row.castsource, row.casttarget)).to.deep.equal([]);
      expect(dangling(procs, row.castfunc)).to.deep.equal([]);
    }
    for (const row of rows('pg_aggregate')) {
      expect(dangling(procs, row.aggfnoid, row.aggtransfn, row.aggfinalfn, row.aggcombinefn, row.aggmtransfn, row.aggminvtransfn, row.aggmfinalfn)).to.deep.equal([]);
      expect(dangling(types, row.aggtranstype, row.aggmtranstype)).to.deep.equal([]);
    }
    for (const row of rows('pg_amop')) expect(dangling(operators, row.amopopr).concat(dangling(families, row.amopfamily))).to.deep.equal([]);
    for (const row of rows('pg_amproc')) expect(dangling(procs, row.amproc).concat(dangling(families, row.amprocfamily))).to.deep.equal([]);
    for (const row of rows('pg_opclass')) expect(dangling(types, row.opcintype).concat(dangling(families, row.opcfamily))).to.deep.equal([]);
  });

  it('pg_type names only things that exist, arrays and elements point at each other', () => {
    const byOid = new Map(rows('pg_type').map((row) => [row.oid, row]));
    for (const row of byOid.values()) {
      expect(dangling(types, row.typelem, row.typarray, row.typbasetype), row.typname).to.deep.equal([]);
      expect(dangling(procs, row.typinput, row.typoutput, row.typreceive, row.typsend, row.typmodin, row.typmodout, row.typsubscript), row.typname).to.deep.equal([]);
      if (row.typarray !== 0) expect(byOid.get(row.typarray)!.typelem, row.typname).to.equal(row.oid);
    }
  });

  it('has a definition for every system view', () => {
    for (const row of rows('pg_class')) {
      if (row.relkind === 'v') expect(builtinViewDefinition(row.oid), row.relname).to.match(/^\s*(SELECT|WITH)/);
    }
    expect(builtinViewDefinition(1259)).to.equal(null);
  });

  it('holds the unique indexes', () => {
    for (const definition of catalogDefinitions()) {
      const table = builtinTable(definition);
      for (const [name, , unique, columns] of definition.indexes) {
        if (!unique) continue;
        const keys = new Set<string>();
        for (let position = 0; position < table.count; position++) {
          keys.add(JSON.stringify(columns.map((attnum) => {
            const value = table.column(attnum - 1)[position];
            return value instanceof ArrayValue ? value.elements : value;
          })));
        }
        expect(keys.size, name).to.equal(table.count);
      }
    }
  });
});
