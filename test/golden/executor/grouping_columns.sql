-- Columns of grouping sets are variables of their own: equal expressions, WHERE constants, sub-selects.
create table t(a int, b int, c int);
insert into t select i%3, i%4, i from generate_series(1,20) i;
create table t5(id int, v int);
insert into t5 select i,i from generate_series(1,5) i;
select x, y from (select b as x, b as y from t) as t group by grouping sets (x, y) having y is null order by 1, 2;
select x, y || 'y' from (select b as x, b as y from t) as t group by grouping sets (x, y) order by 1, 2;
select x, y from (select a as x, c as y from t) as t where x = 1 group by grouping sets (x, y) order by 1, 2;
select grouping((select t1.v from t5 t2 where id = t1.id)), (select t1.v from t5 t2 where id = t1.id) as s,
       case when grouping((select t1.v from t5 t2 where id = t1.id)) = 0 then (select t1.v from t5 t2 where id = t1.id) else null end as o
from t5 t1 group by grouping sets(v, s) order by o nulls first;
select a < b and b < 3 from (values (1, 2)) t(a, b) group by rollup(a < b and b < 3) having a < b and b < 3;
select not a from (values(true)) t(a) group by rollup(not a) having not not a;
select distinct on (a, b) a, b from (values (1, 1), (2, 2)) as t (a, b) where a = b group by grouping sets((a, b), (a)) order by a, b;
select distinct on (a, b+1) a, b+1 from (values (1, 0), (2, 1)) as t (a, b) where a = b+1 group by grouping sets((a, b+1), (a)) order by a, b+1;
select (select t2.id from t5 t2 where t2.id = t1.id) s, count(*), coalesce((select t2.id from t5 t2 where t2.id = t1.id),0) k from t5 t1 group by (select t2.id from t5 t2 where t2.id = t1.id) order by 1;
select (select t2.id from t5 t2 where t2.id = t1.id) s, count(*) from t5 t1 group by 1 having (select t2.id from t5 t2 where t2.id = t1.id) > 2 order by 1;
select a, (select max(id) from t5 where id <= a), (select sum(a) from t5) from t group by rollup(a) order by 1;
select a, b, sum(c), rank() over (partition by a order by b) from t group by cube(a,b) order by 1,2,3;
select a, b, sum(c), sum(sum(c)) over (partition by a) from t where a = 1 group by cube(a,b) order by 1,2,3;
select a+1, sum(c) from t group by rollup(a+1) having a+1 is null or a+1 > 1 order by 1;
select a+1, a+1+b, count(*) from t group by grouping sets((a+1,b),(a+1)) order by 1,2;
select 1 as c, 1 as d, a from t group by rollup(c, a) order by 1,2,3;
select a, generate_series(1,2) g, count(*) from t group by rollup(a, g) order by 1,2,3;
select g, count(*) from (select generate_series(1,3) g) s group by rollup(g) order by 1;
select distinct x, y from (select a x, a y from t) s group by grouping sets((x),(y),()) order by 1,2;
select s.x, s.n from (select a x, count(*) n from t group by rollup(a)) s where x is null;
select t1.a, t2.v from t t1 left join t5 t2 on t1.a = t2.id group by rollup(t1.a, t2.v) order by 1,2;
select s.z from t left join (select id, 42 as z from t5) s on s.id = t.a group by rollup(s.z) order by 1;
select a, b from t group by grouping sets ((a,b),(a)) union all select 1,2 order by 1,2;
select (select count(*) from t5 where id > g.a) from t g group by rollup(a) order by 1;
select * from t5 where id in (select a from t group by rollup(a));
select exists(select 1 from t5 where id = a), count(*) from t group by exists(select 1 from t5 where id = a) order by 1;
