-- A sequence is a table of one row.
create sequence s;
select * from s;
select nextval('s');
select * from s;
select last_value, x.is_called from s x where log_cnt > 0;
select s from s;
select ctid, tableoid::regclass from s;
select last_value from s where ctid = '(0,1)';
select last_value from s where ctid = '(0,2)';
select count(*) from s a, s b;
select * from s for update;
update s set last_value = 5;
alter sequence s restart 10 increment by -3 maxvalue 20 cycle;
select * from s;
select setval('s', 7);
select * from s;
