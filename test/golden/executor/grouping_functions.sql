-- Aggregates over keys and conditions that call functions, which the fused kernel cannot.
CREATE TABLE items (id int, label text);
INSERT INTO items SELECT g, 'L' || g % 13 FROM generate_series(1, 4000) g;
ANALYZE items;
CREATE FUNCTION folded(int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT CASE WHEN $1 > 2 THEN 1 ELSE coalesce($1, 5) END FROM (VALUES (1)) v $$;
SELECT folded(id % 5), count(*) FROM items GROUP BY 1 ORDER BY 1;
SELECT label, sum(folded(id % 5)) FROM items GROUP BY label ORDER BY label LIMIT 2;
SELECT count(*) FROM items WHERE folded(id % 5) = 1;
SET enable_hashagg = off;
SELECT folded(id % 5), count(*) FROM items GROUP BY 1 ORDER BY 1;
