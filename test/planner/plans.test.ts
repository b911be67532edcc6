/**
 * Golden plans: statements whose plans, through the whole pipeline, are PostgreSQL 18's for the same tables and statistics.
 */
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

const SETUP = [
  "create table item(id int primary key, kind text, price int, owner int)",
  "insert into item select i, 'kind'||(i%20), (i*37)%1000, i%100 from generate_series(1,5000) i",
  "create index item_owner on item(owner)",
  "create index item_price on item(price desc)",
  "create index item_cheap on item(kind) where price < 10",
  "create table owner(id int primary key, name text)",
  "insert into owner select i, 'owner'||i from generate_series(0,99) i",
  "create table tag(item int, label text)",
  "insert into tag select i, 'l'||(i%7) from generate_series(1,300) i",
  "create table base(a int, b text)",
  "create table derived(c int) inherits (base)",
  "analyze item; analyze owner; analyze tag",
];

const PLANS: readonly (readonly [string, readonly string[]])[] = [
  ["select * from item where id = 7", [
    "Index Scan using item_pkey on item",
    "  Index Cond: (id = 7)",
  ]],
  ["select price from item where id between 10 and 20", [
    "Index Scan using item_pkey on item",
    "  Index Cond: ((id >= 10) AND (id <= 20))",
  ]],
  ["select * from item where owner = 5 and price < 50", [
    "Bitmap Heap Scan on item",
    "  Recheck Cond: ((owner = 5) AND (price < 50))",
    "  ->  BitmapAnd",
    "        ->  Bitmap Index Scan on item_owner",
    "              Index Cond: (owner = 5)",
    "        ->  Bitmap Index Scan on item_price",
    "              Index Cond: (price < 50)",
  ]],
  ["select * from item order by price desc limit 3", [
    "Limit",
    "  ->  Index Scan using item_price on item",
  ]],
  ["select * from item order by price limit 3", [
    "Limit",
    "  ->  Index Scan Backward using item_price on item",
  ]],
  ["select max(id) from item", [
    "Result",
    "  InitPlan 1",
    "    ->  Limit",
    "          ->  Index Only Scan Backward using item_pkey on item",
  ]],
  ["select min(price), max(price) from item", [
    "Result",
    "  InitPlan 1",
    "    ->  Limit",
    "          ->  Index Only Scan Backward using item_price on item",
    "                Index Cond: (price IS NOT NULL)",
    "  InitPlan 2",
    "    ->  Limit",
    "          ->  Index Only Scan using item_price on item item_1",
    "                Index Cond: (price IS NOT NULL)",
  ]],
  ["select kind, count(*) from item group by kind", [
    "HashAggregate",
    "  Group Key: kind",
    "  ->  Seq Scan on item",
  ]],
  ["select kind, count(*) from item group by kind order by kind", [
    "Sort",
    "  Sort Key: kind",
    "  ->  HashAggregate",
    "        Group Key: kind",
    "        ->  Seq Scan on item",
  ]],
  ["select distinct owner from item", [
    "HashAggregate",
    "  Group Key: owner",
    "  ->  Seq Scan on item",
  ]],
  ["select * from item join owner on item.owner = owner.id where item.id = 9", [
    "Hash Join",
    "  Hash Cond: (owner.id = item.owner)",
    "  ->  Seq Scan on owner",
    "  ->  Hash",
    "        ->  Index Scan using item_pkey on item",
    "              Index Cond: (id = 9)",
  ]],
  ["select * from item join owner on item.owner = owner.id", [
    "Hash Join",
    "  Hash Cond: (item.owner = owner.id)",
    "  ->  Seq Scan on item",
    "  ->  Hash",
    "        ->  Seq Scan on owner",
  ]],
  ["select * from tag left join item on tag.item = item.id", [
    "Merge Right Join",
    "  Merge Cond: (item.id = tag.item)",
    "  ->  Index Scan using item_pkey on item",
    "  ->  Sort",
    "        Sort Key: tag.item",
    "        ->  Seq Scan on tag",
  ]],
  ["select * from tag where item in (select id from item where price < 100)", [
    "Merge Join",
    "  Merge Cond: (item.id = tag.item)",
    "  ->  Index Scan using item_pkey on item",
    "        Filter: (price < 100)",
    "  ->  Sort",
    "        Sort Key: tag.item",
    "        ->  Seq Scan on tag",
  ]],
  ["select * from tag where exists (select 1 from item where item.id = tag.item and price < 100)", [
    "Merge Join",
    "  Merge Cond: (item.id = tag.item)",
    "  ->  Index Scan using item_pkey on item",
    "        Filter: (price < 100)",
    "  ->  Sort",
    "        Sort Key: tag.item",
    "        ->  Seq Scan on tag",
  ]],
  ["select * from tag where not exists (select 1 from item where item.id = tag.item)", [
    "Merge Right Anti Join",
    "  Merge Cond: (item.id = tag.item)",
    "  ->  Index Only Scan using item_pkey on item",
    "  ->  Sort",
    "        Sort Key: tag.item",
    "        ->  Seq Scan on tag",
  ]],
  ["select * from tag where item not in (select id from item where price < 100)", [
    "Seq Scan on tag",
    "  Filter: (NOT (ANY (item = (hashed SubPlan 1).col1)))",
    "  SubPlan 1",
    "    ->  Bitmap Heap Scan on item",
    "          Recheck Cond: (price < 100)",
    "          ->  Bitmap Index Scan on item_price",
    "                Index Cond: (price < 100)",
  ]],
  ["select label, (select name from owner where owner.id = tag.item) from tag", [
    "Seq Scan on tag",
    "  SubPlan 1",
    "    ->  Seq Scan on owner",
    "          Filter: (id = tag.item)",
  ]],
  ["select * from item where price = (select max(price) from item)", [
    "Bitmap Heap Scan on item",
    "  Recheck Cond: (price = (InitPlan 2).col1)",
    "  InitPlan 2",
    "    ->  Result",
    "          InitPlan 1",
    "            ->  Limit",
    "                  ->  Index Only Scan using item_price on item item_1",
    "                        Index Cond: (price IS NOT NULL)",
    "  ->  Bitmap Index Scan on item_price",
    "        Index Cond: (price = (InitPlan 2).col1)",
  ]],
  ["select * from item where id = any('{1,2,3}')", [
    "Index Scan using item_pkey on item",
    "  Index Cond: (id = ANY ('{1,2,3}'::integer[]))",
  ]],
  ["select * from item where id = 3 or owner = 4", [
    "Bitmap Heap Scan on item",
    "  Recheck Cond: ((id = 3) OR (owner = 4))",
    "  ->  BitmapOr",
    "        ->  Bitmap Index Scan on item_pkey",
    "              Index Cond: (id = 3)",
    "        ->  Bitmap Index Scan on item_owner",
    "              Index Cond: (owner = 4)",
  ]],
  ["select * from item where kind = 'kind1' and price < 5", [
    "Bitmap Heap Scan on item",
    "  Recheck Cond: ((kind = 'kind1'::text) AND (price < 10) AND (price < 5))",
    "  ->  BitmapAnd",
    "        ->  Bitmap Index Scan on item_cheap",
    "              Index Cond: (kind = 'kind1'::text)",
    "        ->  Bitmap Index Scan on item_price",
    "              Index Cond: (price < 5)",
  ]],
  ["select * from item where id = 1 and id = 2", [
    "Result",
    "  One-Time Filter: false",
  ]],
  ["select * from item where false", [
    "Result",
    "  One-Time Filter: false",
  ]],
  ["select 1 where 1 = 2", [
    "Result",
    "  One-Time Filter: false",
  ]],
  ["select * from base", [
    "Append",
    "  ->  Seq Scan on base base_1",
    "  ->  Seq Scan on derived base_2",
  ]],
  ["update base set a = 1 where a = 2", [
    "Update on base",
    "  Update on base base_1",
    "  Update on derived base_2",
    "  ->  Result",
    "        ->  Append",
    "              ->  Seq Scan on base base_1",
    "                    Filter: (a = 2)",
    "              ->  Seq Scan on derived base_2",
    "                    Filter: (a = 2)",
  ]],
  ["delete from item where id = 4", [
    "Delete on item",
    "  ->  Index Scan using item_pkey on item",
    "        Index Cond: (id = 4)",
  ]],
  ["insert into tag values (1, 'x') returning *", [
    "Insert on tag",
    "  ->  Result",
  ]],
  ["insert into owner values (1, 'x') on conflict (id) do update set name = excluded.name", [
    "Insert on owner",
    "  Conflict Resolution: UPDATE",
    "  Conflict Arbiter Indexes: owner_pkey",
    "  ->  Result",
  ]],
  ["select * from tag union select id, kind from item where id < 3", [
    "HashAggregate",
    "  Group Key: tag.item, tag.label",
    "  ->  Append",
    "        ->  Seq Scan on tag",
    "        ->  Index Scan using item_pkey on item",
    "              Index Cond: (id < 3)",
  ]],
  ["select item from tag union all select id from owner", [
    "Append",
    "  ->  Seq Scan on tag",
    "  ->  Seq Scan on owner",
  ]],
  ["select item from tag intersect select id from owner", [
    "HashSetOp Intersect",
    "  ->  Seq Scan on owner",
    "  ->  Seq Scan on tag",
  ]],
  ["select item from tag except all select id from owner", [
    "HashSetOp Except All",
    "  ->  Seq Scan on tag",
    "  ->  Seq Scan on owner",
  ]],
  ["with x as (select * from tag) select * from x where item = 1", [
    "Seq Scan on tag",
    "  Filter: (item = 1)",
  ]],
  ["with x as materialized (select * from tag) select * from x where item = 1", [
    "CTE Scan on x",
    "  Filter: (item = 1)",
    "  CTE x",
    "    ->  Seq Scan on tag",
  ]],
  ["with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r", [
    "CTE Scan on r",
    "  CTE r",
    "    ->  Recursive Union",
    "          ->  Result",
    "          ->  WorkTable Scan on r r_1",
    "                Filter: (n < 5)",
  ]],
  ["select item, rank() over (partition by label order by item) from tag", [
    "WindowAgg",
    "  Window: w1 AS (PARTITION BY label ORDER BY item ROWS UNBOUNDED PRECEDING)",
    "  ->  Sort",
    "        Sort Key: label, item",
    "        ->  Seq Scan on tag",
  ]],
  ["select label, count(*) from tag group by rollup(label)", [
    "MixedAggregate",
    "  Hash Key: label",
    "  Group Key: ()",
    "  ->  Seq Scan on tag",
  ]],
  ["select * from tag for update", [
    "LockRows",
    "  ->  Seq Scan on tag",
  ]],
  ["select * from item, generate_series(1, 3) g where item.id = g", [
    "Nested Loop",
    "  ->  Function Scan on generate_series g",
    "  ->  Index Scan using item_pkey on item",
    "        Index Cond: (id = g.g)",
  ]],
  ["select * from owner, lateral (select * from tag where tag.item = owner.id limit 1) t", [
    "Nested Loop",
    "  ->  Seq Scan on owner",
    "  ->  Limit",
    "        ->  Seq Scan on tag",
    "              Filter: (item = owner.id)",
  ]],
  ["select * from tag full join owner on tag.item = owner.id", [
    "Hash Full Join",
    "  Hash Cond: (tag.item = owner.id)",
    "  ->  Seq Scan on tag",
    "  ->  Hash",
    "        ->  Seq Scan on owner",
  ]],
  ["select * from item where (id, owner) > (5, 6) and id < 8", [
    "Index Scan using item_pkey on item",
    "  Index Cond: ((id >= 5) AND (id < 8))",
    "  Filter: (ROW(id, owner) > ROW(5, 6))",
  ]],
  ["select * from (select kind, sum(price) s from item group by kind) q where kind = 'kind3'", [
    "GroupAggregate",
    "  ->  Seq Scan on item",
    "        Filter: (kind = 'kind3'::text)",
  ]],
  ["select generate_series(1, 3), label from tag", [
    "ProjectSet",
    "  ->  Seq Scan on tag",
  ]],
  ["select * from tag a join tag b using (item) join tag c using (item) where a.item = 5", [
    "Nested Loop",
    "  ->  Nested Loop",
    "        ->  Seq Scan on tag a",
    "              Filter: (item = 5)",
    "        ->  Seq Scan on tag b",
    "              Filter: (item = 5)",
    "  ->  Seq Scan on tag c",
    "        Filter: (item = 5)",
  ]],
  ["select label from tag where label like 'l1%' order by label limit 2", [
    "Limit",
    "  ->  Sort",
    "        Sort Key: label",
    "        ->  Seq Scan on tag",
    "              Filter: (label ~~ 'l1%'::text)",
  ]],
  ["select count(*) from tag where item is null", [
    "Aggregate",
    "  ->  Seq Scan on tag",
    "        Filter: (item IS NULL)",
  ]],
  ["select * from (values (1, 'a'), (2, 'b')) v(i, t) where i = 2", [
    "Values Scan on \"*VALUES*\"",
    "  Filter: (column1 = 2)",
  ]],
];

describe('plans', () => {
  let db: PGliteDB;

  before(async () => {
    db = await PGliteDB.open('memory://');
    for (const statement of SETUP) await db.exec(statement);
  });

  after(() => db.close());

  for (const [sql, expected] of PLANS) {
    it(sql, async () => {
      const { rows } = await db.query(`explain (costs off) ${sql}`);
      expect(rows.map((row) => (row as Record<string, unknown>)['QUERY PLAN'])).to.deep.equal([...expected]);
    });
  }
});
