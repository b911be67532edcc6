-- Joins whose conditions contradict each other, laterals inside UNION ALL, outer joins over constants.
create table tenk(unique1 int, unique2 int, thousand int, tenthous int, s text);
insert into tenk select i, 10000-i, i%1000, i, 's'||i from generate_series(0,9999) i;
create table i4(f1 int);
insert into i4 values (0),(123456),(-123456),(2147483647),(-2147483647);
create table i8(q1 int8, q2 int8);
insert into i8 values (123,456),(123,4567890123456789),(4567890123456789,123),(4567890123456789,4567890123456789),(4567890123456789,-4567890123456789);
create table onerow(x int);
insert into onerow values (1);
create table ta(a int, b int);
insert into ta values (1,1),(2,1),(3,null);
create table p(k int primary key, pd int);
insert into p values (1,10),(2,20),(3,30);
create table ch(k int unique, cd int);
insert into ch values (1,100),(4,400);
select a.f1, b.f1, t.thousand, t.tenthous from tenk t, (select sum(f1)+1 as f1 from i4 i4a) a, (select sum(f1) as f1 from i4 i4b) b
where b.f1 = t.thousand and a.f1 = b.f1 and (a.f1+b.f1+999) = t.tenthous;
select t1.unique2, t1.s, t2.unique1, t2.s from tenk t1 inner join i4 i1 left join (select v1.x2, v2.y1, 11 AS d1
               from (select 1,0 from onerow) v1(x1,x2) left join (select 3,1 from onerow) v2(y1,y2) on v1.x1 = v2.y2) subq1
    on (i1.f1 = subq1.x2) on (t1.unique2 = subq1.d1) left join tenk t2 on (subq1.y1 = t2.unique1);
select t1.unique2, t2.unique1 from tenk t1 inner join i4 i1 left join (select v1.x2, v2.y1, 11 AS d1
               from (values(1,0)) v1(x1,x2) left join (values(3,1)) v2(y1,y2) on v1.x1 = v2.y2) subq1
    on (i1.f1 = subq1.x2) on (t1.unique2 = subq1.d1) left join tenk t2 on (subq1.y1 = t2.unique1);
select t1.a, s.a from ta t1 left join ta t2 on t1.a = t2.b join lateral (select t1.a as a union all select t2.a as a) s on true where s.a is not null;
select p.* from p left join ch c on (p.k = c.k) where p.k = 1 and p.k = 2;
select p.* from (p left join ch c on (p.k = c.k)) join p x on p.k = x.k where p.k = 1 and p.k = 2;
select p.* from p where p.k = 1 and p.k = 2;
select v.* from (i8 x left join (select q1,coalesce(q2,0) q2 from i8) y on x.q2 = y.q1) left join i4 z on z.f1 = x.q2,
  lateral (select x.q1,y.q1 union all select x.q2,y.q2) v(vx,vy) order by 1,2;
select v.* from (i8 x left join (select q1,(select coalesce(q2,0)) q2 from i8) y on x.q2 = y.q1) left join i4 z on z.f1 = x.q2,
  lateral (select x.q1,y.q1 from onerow union all select x.q2,y.q2 from onerow) v(vx,vy) order by 1,2;
select * from ((select 2 as v) union all (select 3 as v)) as q1 cross join lateral ((select * from ((select 4 as v) union all (select 5 as v)) as q3) union all (select q1.v)) as q2 order by 1,2;
-- An equality between outer relations of a parameterised scan that uses only one of them.
create table tk1(thousand int, tenthous int);
insert into tk1 select i%1000, i from generate_series(0,9999) i;
create index on tk1(thousand, tenthous);
analyze tk1;
select a.f1, b.f1, t.thousand, t.tenthous from tk1 t, (select sum(f1)+1 as f1 from i4 i4a) a, (select sum(f1) as f1 from i4 i4b) b
where b.f1 = t.thousand and a.f1 = b.f1 and (a.f1+b.f1+999) = t.tenthous;
-- A column that is only known above the outer side cannot be passed to the inner side.
create index on tenk(unique2);
create index on tenk(unique1);
analyze tenk;
select t1.unique2, t1.s, t2.unique1, t2.s from tenk t1 inner join i4 i1 left join (select v1.x2, v2.y1, 11 as d1
  from (values (1,0)) v1(x1,x2) left join (values (3,1)) v2(y1,y2) on v1.x1 = v2.y2) subq1 on (i1.f1 = subq1.x2) on (t1.unique2 = subq1.d1)
  left join tenk t2 on (subq1.y1 = t2.unique1) where t1.unique2 < 42 and t1.s > t2.s;
-- A lateral column under a full join, in a condition of the scan.
create table t2(a int primary key, b int, d int not null);
insert into t2 select i, nullif(i%4,1), i%3 from generate_series(1,15) i;
create table t4(a int, b int);
insert into t4 select i%6, nullif(i%8,4) from generate_series(1,30) i;
create index on t4(a, b desc);
analyze t2;
analyze t4;
select q2.n2, q5.d, count(*) from t2 q1 join lateral (select q3.b, q1.a from t4 q3) q2(n1,n2) on q1.b = q2.n2 join t2 q4 on q1.d = q4.d and q2.n1 > q2.n2
  full join t2 q5 on q2.n2 = q5.b group by 1, 2 order by 1, 2;
-- A lateral reference to a column that two relations make together.
create table txt(t text);
insert into txt values ('a'),('b');
select ss2.* from i4 i41 left join i8 join (select i42.f1 as c1, i43.f1 as c2, 42 as c3 from i4 i42, i4 i43) ss1 on i8.q1 = ss1.c2 on i41.f1 = ss1.c1,
  lateral (select i41.*, i8.*, ss1.* from txt limit 1) ss2 where ss1.c2 = 0;
select ss2.* from i4 i41 left join i8 join (select i42.f1 as c1, i43.f1 + 123 as c2, 42 as c3 from i4 i42, i4 i43) ss1 on i8.q1 = ss1.c2 on i41.f1 = ss1.c1,
  lateral (select i41.*, i8.*, ss1.* from txt limit 1) ss2 where ss1.c2 = 123 order by 1, 2, 3;
-- A hash table whose keys depend on the outer row is made anew for each.
create table i8h(q2 int);
insert into i8h values (1),(5),(900);
create table tk_h as select g as fivethous from generate_series(1,5000) g;
create table i4h(f1 int);
insert into i4h values (0),(10),(4500),(-3);
analyze i8h;
analyze tk_h;
analyze i4h;
set enable_nestloop = off;
select i8h.q2, ss.* from i8h, lateral (select t1.fivethous, i4h.f1 from tk_h t1 join i4h on t1.fivethous = i4h.f1 + i8h.q2 order by 1,2) ss;
