-- Aggregates whose plan sorts its input: gathered without the sort where nobody can tell, with it where somebody could.
CREATE TABLE items (id int PRIMARY KEY, doc jsonb, amount numeric, weight float8, label text, day date);
INSERT INTO items SELECT g, CASE WHEN g % 19 = 0 THEN NULL ELSE jsonb_build_object('user', CASE WHEN g % 23 = 0 THEN NULL ELSE jsonb_build_object('city', 'c' || g * 7 % 6) END, 'amount', g * 37 % 1000 / 100.0) END,
  CASE g % 4 WHEN 0 THEN 1.0 WHEN 1 THEN 1.00 WHEN 2 THEN g % 3 ELSE NULL END, CASE WHEN g % 5 = 0 THEN -0.0 ELSE g % 3 / 7.0 END, CASE WHEN g % 11 = 0 THEN NULL ELSE 'L' || g % 13 END, date '2024-01-01' + g % 9 FROM generate_series(1, 4000) g;
ANALYZE items;
SET enable_hashagg = off;
SELECT doc -> 'user' ->> 'city', count(*), sum((doc ->> 'amount')::numeric) FROM items GROUP BY 1;
SELECT doc -> 'user' ->> 'city' AS city, count(*), avg((doc ->> 'amount')::numeric), min(id), max(label) FROM items GROUP BY 1 ORDER BY 1 DESC NULLS LAST;
SELECT day, label, count(weight), sum(id), max(day), bool_and(id > 20) FROM items WHERE id % 3 = 0 GROUP BY day, label ORDER BY day DESC, label NULLS FIRST LIMIT 12;
SELECT label, count(*) FILTER (WHERE id % 2 = 0), sum(id::int8), stddev(amount), variance(id) FROM items GROUP BY label HAVING count(*) > 300;
-- Aggregates that keep the sort.
SELECT label, count(DISTINCT day), array_agg(DISTINCT day ORDER BY day DESC) FROM items GROUP BY label LIMIT 3;
SELECT label, sum(weight) > 40, min(amount) < 1, string_agg(DISTINCT day::text, ' ' ORDER BY day::text) FROM items GROUP BY label LIMIT 3;
SELECT amount > 1 AS more, weight < 0.2, count(*) FROM items GROUP BY 1, 2;
SELECT round(amount), count(*) FROM items GROUP BY amount;
-- Rows changed and gone.
UPDATE items SET label = 'changed' WHERE id % 500 = 0;
DELETE FROM items WHERE id % 700 = 0;
SELECT label, count(*), min(id), max(id) FROM items GROUP BY label;
-- Errors: of a group that is reached, of one that is not, of the input.
SELECT label, sum(10 / (id - 12)) FROM items GROUP BY label LIMIT 1;
SELECT label, sum(10 / (id - 12)) FROM items GROUP BY label LIMIT 3;
SELECT label, sum(10 / (id - 12)) FROM items GROUP BY label ORDER BY label DESC LIMIT 9;
SELECT 10 / (id - 12), count(*) FROM items GROUP BY 1 LIMIT 1;
SELECT label, count(*) FROM items WHERE 10 / (id - 12) < 3 GROUP BY label LIMIT 1;
-- More groups than may be gathered; groups of one row.
SELECT count(*), sum(n), min(k), max(k) FROM (SELECT id % 3999 AS k, count(*) AS n FROM items GROUP BY 1) s;
SELECT id % 3999, count(*), max(label) FROM items GROUP BY 1 ORDER BY 1 LIMIT 3;
-- Parameters, and the same again for every row outside.
PREPARE by_label(int) AS SELECT label, count(*), sum(id) FROM items WHERE id > $1 GROUP BY label;
EXECUTE by_label(3990);
EXECUTE by_label(3980);
SELECT o, (SELECT string_agg(label || n, ' ') FROM (SELECT label, count(*) AS n FROM items WHERE id % 7 = o GROUP BY label ORDER BY label LIMIT 3) s) FROM generate_series(0, 3) o;
