select 1, 'x', null, 1.5, 10000000000, true, -5, 99999999999999999999
select * from t1
select t1.*, t2.note as n from t1, t2
select id from t1, t2
select nam from t1
select t1.nam from t1
select x.id from t1
select t1.id from t1 as x
select pric from t1
select idd from t1, t2
select foo(1)
select length(1)
select substr('abc', 2), upper('x'), length(name), abs(price), abs(-5), round(1.5), round(price, 2) from t1
select 1 + 'x'
select 1 + true
select name + 1 from t1
select 'a' || 1, 1 || 'a', 1 || 2
select 'a' || 'b', 1 = '1', '2' = 2
select null + 1, null || 'x', 'a' = 'b'
select count(*), count(id), sum(id), sum(price), avg(id), min(name), max(created), bool_and(active) from t1
select name, count(*) from t1
select name, count(*) from t1 group by name
select name, count(*) from t1 group by 1 having count(*) > 1 order by 2 desc
select id, name from t1 group by name
select count(*) from t1 where count(*) > 1
select count(count(*)) from t1
select sum(id) over (), row_number() over (order by id), rank() over (partition by active order by price desc) from t1
select sum(id) over w from t1 window w as (order by id rows between 1 preceding and current row)
select sum(id) over w from t1
select row_number() from t1
select id from t1 where row_number() over () > 1
select distinct name from t1 order by name
select distinct name from t1 order by id
select distinct on (name) id, name from t1 order by name, id
select distinct on (name) id, name from t1 order by id
select id from t1 order by 3
select id from t1 order by 'x'
select id as x, name as x from t1 order by x
select id from t1 limit 'a'
select id from t1 limit id
select id from t1 limit 10 offset 5
select id from t1 union select t1_id from t2 order by 1
select id, name from t1 union select id from t2
select id from t1 union select note from t2
select id from t1 union all select big from t2
select 1 union select 'x'
select 1 union select '2'
select id from t1 intersect select id from t2 except select 5
select id from t1 union select id from t2 order by id + 1
select * from (select id, name from t1) s
select * from (select id, name from t1)
select s.x from (select id, name from t1) s(x)
select * from (values (1, 'a'), (2, 'b')) v
select * from (values (1, 'a'), (2, 'b')) v(x, y)
select * from (values (1, 'a'), (2)) v
select * from (values (1), ('x')) v
values (1, 2.5), (3, 4)
select (select 1), exists (select 1), array(select id from t1), (select name from t1 limit 1)
select (select id, name from t1)
select id from t1 where id in (select t1_id from t2)
select id from t1 where id in (select note from t2)
select id from t1 where (id, name) in (select id, note from t2)
select id from t1 where (id, name) in (select id from t2)
select id from t1 where id = any (array[1,2]), 1
select id from t1 where id = any (array[1,2])
select id from t1 where id = any (5)
select id from t1 where id in (1, 2, 3)
select id from t1 where id in (1, '2', null)
select id from t1 where name in ('a', 1)
select id from t1 where id in ('a')
select id from t1 where id between 1 and 2 and name not between 'a' and 'b'
select id from t1 where name like 'a%' and name not ilike 'b' and name similar to 'x'
select id from t1 where id like 'a%'
select case when id = 1 then 'a' when id = 2 then name else null end from t1
select case id when 1 then 1.5 else 2 end from t1
select case when id then 1 end from t1
select case when true then 1 else 'x' end
select case when true then 1 else true end
select coalesce(null, 1, 2.5), coalesce(name, 'x'), nullif(id, 1), greatest(1, 2.5), least('a', name) from t1
select coalesce(1, 'a'::text)
select nullif(1, 'a'::text)
select array[1, 2.5], array['a', 'b'], array[[1,2],[3,4]], array[]::int[], '{1,2}'::int[]
select array[]
select array[1, 'x'::text]
select arr[1], arr[1:2], arr from t3
select arr['x'] from t3
select id[1] from t1
select a.b from t3
select (t3).a, t3 from t3
select (t3).zz from t3
select (1).x
select row(1, 'a', 2.5), (1, 2) = (1, 2), row(1,2) < row(3,4)
select (1, 2) = (1, 2, 3)
select (1,2) is null, null is not null
select 1 is true
select id is true from t1
select active is true, active is not unknown from t1
select not id from t1
select not active from t1 where active and not active or id
select cast(id as text), id::bigint, name::varchar(10), '5'::int, price::int from t1
select active::int, id::bool, id::date from t1
select 'abc'::int
select name::nosuchtype from t1
select name::int4[] from t1
select 1::int(5)
select current_date, current_timestamp, localtime, current_user, session_user, current_timestamp(3)
select extract(year from created), date_trunc('day', created), created::date - 5, created - created from t1
select position('a' in name), substring(name from 1 for 2), trim(both ' ' from name), overlay(name placing 'x' from 1) from t1
select name collate "C" from t1
select id collate "C" from t1
select name collate "nosuch" from t1
select generate_series(1, 3), unnest(array['a','b'])
select * from generate_series(1, 3)
select * from generate_series(1, 3) g
select * from generate_series(1, 3) as g(x)
select * from generate_series(1, 3) with ordinality
select * from generate_series(1, 3) with ordinality as g(x, n)
select * from unnest(array[1,2], array['a','b'])
select * from unnest(array[1,2], array['a','b']) as u(x, y)
select * from rows from (generate_series(1,2), generate_series(1,3)) as z(p, q)
select * from pg_sleep(1) as x(a int)
select * from t1 where generate_series(1,2) = 1
select * from t1 join t2 using (id)
select * from t1 natural join t2
select id, t1.id from t1 join t2 using (id)
select * from t1 left join t2 using (id) full join t3 on t3.a = id
select * from t1 full join t2 using (id)
select id from t1 full join t2 using (id)
select j.id, j.note from (t1 join t2 using (id)) j
select t1.id from (t1 join t2 using (id)) j
select * from t1 join t2 using (zz)
select * from t1 join t2 using (id) as u where u.id = 1
select u.* from t1 join t2 using (id) as u
select * from t1 join t2 on t1.id = t2.zz
select * from t1 join t2 on id = 1
select * from t1 cross join t2 t1
select * from t1, t1
select * from t1, (select t1.id) s
select * from t1, lateral (select t1.id) s
select * from t1, lateral (select t1.id as y) s join t2 on s.y = t2.id
select * from t1 left join lateral (select t1.id as y) s on true
select * from t1 right join lateral (select t1.id as y) s on true
select * from nosuch
select * from nosuch.t1
select * from public.t1
select public.t1.id from public.t1
select public.t1.id from t1
select public.t1.id from t1 x
select other.public.t1.id from t1
select *
select t1.* from t2
with a as (select id, name from t1) select * from a
with a(x) as (select id, name from t1) select x, name from a
with a(x, y, z) as (select id, name from t1) select 1
with a as (select 1), a as (select 2) select 1
with a as (select * from b), b as (select 1) select * from a
with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select * from r
with recursive r as (select 1 as n union all select n + 1.5 from r) select * from r
with recursive r as (select n from r) select * from r
with recursive r as (select 1 union all select 2 from r, r r2) select * from r
with recursive r as (select 1 n union all select n from (select * from r) x) select * from r
with recursive r(n) as (select 1 union all select sum(n) from r) select * from r
with recursive r(n) as (select 1 union all select (select n from r)) select * from r
with recursive r(n) as (select n from r union all select 1) select * from r
with recursive r(n) as (select 1 union all select n from t1 left join r on true) select * from r
with recursive r(n) as (select 1 union all select n+1 from r) search depth first by n set o select * from r
with recursive r(n) as (select 1 union all select n+1 from r) search breadth first by n set o select * from r
with recursive r(n) as (select 1 union all select n+1 from r) cycle n set c using p select * from r
with recursive r(n) as (select 1 union all select n+1 from r) search depth first by z set o select * from r
with recursive a as (select * from b), b as (select * from a) select 1
with x as (insert into t1(id) values (1) returning id, name) select * from x
with x as (insert into t1(id) values (1)) select * from x
select * from (with x as (delete from t1 returning *) select * from x) y
select id, grouping(id), count(*) from t1 group by rollup (id)
select id, name, count(*) from t1 group by grouping sets ((id), (name), ())
select id, name from t1 group by cube (id)
select grouping(name) from t1 group by id
select string_agg(name, ',' order by id), array_agg(distinct id), count(*) filter (where active) from t1
select string_agg(distinct name, ',' order by id) from t1
select percentile_cont(0.5) within group (order by price) from t1
select mode() within group (order by name) from t1
select percentile_cont(0.5) from t1
select rank(5) within group (order by id) from t1
select length(distinct name) from t1
select lower(name) filter (where true) from t1
select lower(name) over () from t1
select count() from t1
select sum(*) from t1
select id from t1 for update
select id from t1 for update of t2
select count(*) from t1 for update
select distinct id from t1 for share
select * from t1, t2 for update of t1 skip locked
select pg_typeof(1), format('%s', 1, 2), concat('a', 1, true), concat_ws(',', 'a', 'b')
select make_interval(days => 5), make_interval(secs => 1.5, hours => 2)
select make_interval(5, days => 1, 6)
select make_interval(nosuch => 5)
select make_interval(days => 1, days => 2)
select format(variadic array['%s', 'a'])
select jsonb_build_object('a', 1, 'b', 2), j -> 'a', j ->> 'a', j #> '{a,b}', j['a'] from t3
select lag(id) over (order by id), lag(name, 2, 'x') over (order by id), first_value(price) over w from t1 window w as (partition by active)
select array_append(arr, 5), array_cat(arr, '{1}'), arr || 5, 5 || arr, arr || arr, array_length(arr, 1), array_position(arr, 2) from t3
select array_append(arr, 'x'::text) from t3
select array_append(5, 5)
select unnest(5)
select enum_first(1)
select max('a'), min(null), max(arr) from t3
select sum('a')
select sum(name) from t1
select ctid, tableoid, xmin from t1
select ctid from (select * from t1) s
select t1 from t1
select count(t1), count(t1.*) from t1
select t1 is null, row(t1.*) = row(t1.*) from t1
select (select t1.id), (select sum(t1.id)) from t1
select (select sum(t1.id) from t2) from t1
select id from t1 where exists (select 1 from t2 where t2.t1_id = t1.id)
select id from t1 group by id having exists (select 1 from t2 where t2.t1_id = t1.price)
insert into t1 values (1, 'a')
insert into t1 values (1, 'a', 2, now(), true, 6)
insert into t1 (id, name) values (1)
insert into t1 (id, name) values ((1, 'a'))
insert into t1 (id, nam) values (1, 2)
insert into t1 (id, id) values (1, 2)
insert into t1 (id) values ('x')
insert into t1 (id) values (true)
insert into t1 (id) values ('a'::text)
insert into t1 (id, name) values (1, default), (default, 'x')
insert into t1 default values returning *
insert into t1 (id, name) select id, note from t2 returning id as x, name
insert into t1 (id, name) select note, id from t2
insert into t1 (id) values (1) returning old.id, new.id, old.*
insert into t1 (id) values (1) returning t2.id
insert into t1 (id) values (1) on conflict do nothing
insert into t1 (id) values (1) on conflict do update set id = 2
insert into t1 (ctid) values (1)
insert into nosuch values (1)
insert into t1 (id, name) values (1, 'a'), (2)
insert into t3 (arr[1]) values (5)
insert into t3 (arr) values ('{1,2}')
insert into t3 (arr) values (5)
update t1 set name = 'x' where id = 1
update t1 set name = 5
update t1 set id = 'x'
update t1 set id = name
update t1 set zz = 1
update t1 set t1.id = 1
update t1 set (id, name) = (1, 'x'), price = default returning *
update t1 set (id, name) = (1)
update t1 set (id, name) = (select id, note from t2 where t2.id = t1.id)
update t1 set (id, name) = (select id from t2)
update t1 set id = t2.id from t2 where t2.t1_id = t1.id returning t1.id, note
update t1 x set id = 5 where t1.id = 1
update t1 x set id = x.id + 1 where x.id = 1
update t1 set id = count(*)
update t1 set id = generate_series(1,2)
update t3 set arr[1] = 5, arr[2:3] = '{1,2}'
update t3 set arr[1] = 'x'
update t3 set a.b = 5
update t1 set id = default, ctid = null
delete from t1 where id = 1 returning *
delete from t1 using t2 where t1.id = t2.t1_id returning t2.note
delete from t1 where count(*) > 1
delete from t1 where nosuch = 1
delete from t1 returning old.name, new.name
merge into t1 using t2 on t1.id = t2.t1_id when matched then update set name = note when not matched then insert (id, name) values (t2.id, note)
merge into t1 using t2 on t1.id = t2.t1_id when matched then delete when matched then do nothing
merge into t1 using t2 on t1.id = t2.t1_id when not matched then insert values (t1.id)
merge into t1 t using t2 s on t.id = s.id when matched then update set id = s.big returning t.id, s.note
merge into t1 using t1 on true when matched then delete
select * from t1 tablesample system (10)
select * from t1 tablesample bernoulli (10) repeatable (5)
select * from t1 tablesample nosuch (10)
select * from (select 1) x tablesample system (10)
select 1 where 1
select 1 having true
select id having true
select sum(id) from t1 where id = sum(id)
select 1 from t1 group by count(*)
select id from t1 order by count(*)
select id, sum(price) from t1 group by id order by count(*), name
select sum(sum(id)) over () from t1 group by name
select avg(id) + 1, -id, +id, @ id, id % 2, id ^ 2, |/ id from t1
select !! id from t1
select id ! from t1
select id operator(pg_catalog.+) 1, id operator(public.+) 1 from t1
select id <> 1, id != 2, name < 'x', name ~ 'a', name !~* 'b', name ^@ 'x' from t1
select pg_catalog.now(), pg_catalog.nosuch(), now()
select id from t1 where name is distinct from 'x' and id is not distinct from null
select (array[1,2,3])[2], (array[[1]])[1][1], ('{a,b}'::text[])[1]
select 0x1F, 0b101, 0o17, 1_000, 1e3, .5, 5.
select $1
select 'a'::"char", name::name, 1::oid, 'pg_class'::regclass::oid is not null
select * from t1 order by id using <, name using >
select * from t1 order by id using +
select id from t1 fetch first 5 rows with ties
select id from t1 order by id fetch first 5 rows with ties
select bool_or(id) from t1
select every(active), bit_and(id), stddev(price), corr(1, 2), regr_slope(id, id) from t1
select any_value(name), json_agg(t1), jsonb_object_agg(id, name) from t1
select ntile(4) over (order by id), percent_rank() over (order by id), cume_dist() over (order by id), nth_value(name, 2) over (order by id) from t1
select sum(id) over (order by id range between 1 preceding and 1 following) from t1
select sum(id) over (order by name range between 1 preceding and 1 following) from t1
select sum(id) over (range between 1 preceding and 1 following) from t1
select sum(id) over (groups between 1 preceding and 1 following) from t1
select sum(id) over (rows between id preceding and 1 following) from t1
select count(distinct id) over () from t1
select sum(count(*)) over (order by count(*)) from t1
select id from t1 where id = (select max(id) from t1) and name = all (select note from t2) and id > some (select id from t2)
select id from t1 where row(id, name) = (select id, note from t2)
select id from t1 where (select 1, 2)
select a.*, b.* from t1 a left join t2 b on a.id = b.t1_id where b.id is null
select t1.id + t2.big, name || note, price * 2, created + interval '1 day', active and true from t1 join t2 on t1.id = t2.t1_id
select '2020-13-45'::date
select 1::numeric(10,2), 'x'::char(5), '1'::bit(3), '10:00'::time(3)
select * from json_each('{}')
select * from jsonb_to_record('{}')
select * from jsonb_to_record('{}') as x(a int, b text)
select * from jsonb_to_recordset('[]') as x(a int, b text[])
select created at time zone 'UTC', created < now(), '2020-01-01' < created, created = 'x'::text from t1
select '1'::interval + created, interval '1' day, interval '1 day 2 hours' from t1
select date '2020-01-01' + 5, date '2020-01-01' - date '2019-01-01', timestamp '2020-01-01' - interval '1 month'
select text 'abc', int '5', numeric '5.5', bool 't', date '2020-05-05' is not null
select coalesce(created, 'now'), coalesce(d, created) from t1, t3
select sum(id) over (order by created range between '1 day' preceding and '1 day' following) from t1
