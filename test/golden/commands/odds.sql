-- Sequence limits that move with the type, COLLATE in index expressions, privileges on columns that are not there.
create sequence s13 as smallint start -32768 minvalue -32768 maxvalue 32767 increment 1;
alter sequence s13 as int;
select seqtypid::regtype, seqstart, seqmin, seqmax from pg_sequence where seqrelid = 's13'::regclass;
create sequence s14 as int increment -1;
alter sequence s14 as smallint;
select seqtypid::regtype, seqstart, seqmin, seqmax from pg_sequence where seqrelid = 's14'::regclass;
create table ct(a text, b text collate "POSIX");
create index i3 on ct ((b collate "POSIX"));
create index i4 on ct (((b||'foo') collate "POSIX"));
create index i5 on ct ((a collate "C"));
select pg_get_indexdef(indexrelid) like '%USING btree (b)', pg_get_indexdef(indexrelid) like '%COLLATE "C")' from pg_index where indrelid = 'ct'::regclass order by indexrelid;
create table mt(a int, b int);
select has_column_privilege('mt', 1::int2, 'select'), has_column_privilege('mt', 99::int2, 'select'), has_column_privilege('mt', 'a', 'select');
alter table mt drop column b;
select has_column_privilege('mt', 2::int2, 'select');
