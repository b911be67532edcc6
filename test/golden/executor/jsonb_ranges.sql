-- Assignment through jsonb subscripts.
create table doc (a int, b jsonb);
insert into doc values (1, null), (2, '{"x":[1]}'), (3, '[1,2]');
update doc set b['k'] = '5' where a < 3;
update doc set b['q']['r'] = null where a = 1;
update doc set b[5] = '"v"' where a = 3;
update doc set b[-9] = '0' where a = 3;
update doc set b[null] = '1';
update doc set b['x'][3]['z'] = '7' where a = 2;
update doc set b['x']['bad'] = '7' where a = 2;
update doc set b['k']['deep'] = '7' where a = 2;
insert into doc (a, b['m'][1]) values (9, '3');
select a, b::text, (b['x'][0])::text as y from doc order by a;
-- Ranges in tables and indexes.
create table span (id int primary key, p int4range, m int4multirange, n numrange unique);
insert into span values (1, '[1,5)', '{[1,2),[4,5)}', '[1.0,2)'), (2, 'empty', '{}', '(,3]'), (3, '[0,9]', null, 'empty'), (4, null, null, '[1.00,2]');
insert into span values (5, null, null, '[1.00,2)');
create index on span (p);
select id, p, m, n from span order by p, id;
select id from span order by n desc;
select id from span order by m, id;
select id from span where p @> 3 order by 1;
select id from span where p = '[1,4]';
select id from span where p > '[1,3)' order by 1;
select range_agg(p), range_agg(n) from span where id <> 3;
select n, count(*) from (select n from span union all select '[1.000,2)') u(n) group by n order by 1;
select a.id, b.id from span a join span b on a.n = b.n and a.id = b.id order by 1;
select id, x from span, unnest(m) x order by x;
