-- After setseed the sequence is PostgreSQL's.
select setseed(0.5) is null;
select random(), random(1, 100), random(1::bigint, 10000000000);
select random(-0.5, 0.5), random(0, 100.00), random(0.000001, 1), random(3, 3.0);
select random(1e-10, 100000000000000000000000.0) from generate_series(1, 3);
select random(-1e40, 1e40) from generate_series(1, 3);
select round(random_normal()::numeric, 12), round(random_normal(10, 2)::numeric, 12) from generate_series(1, 3);
select cardinality(array_shuffle(array[1, 2, 3])), cardinality(array_sample(array[1, 2, 3], 2));
select random();
select random(-9223372036854775808, 9223372036854775807) from generate_series(1, 2);
