import { query } from "../messages.ts";
import { oneClient, type ParityCase, simpleQueries } from "../parity-case.ts";

/** The simple query protocol. */
export const QUERY_CASES: readonly ParityCase[] = [
  ...simpleQueries({
    "simple: one row": ["select 1 as one, 'two' as two, null as three"],
    "simple: no row": ["select 1 as one where false"],
    "simple: rows of a table": ["select * from numbers where id <= 5 order by id"],
    "simple: no column": ["select from numbers where id <= 3"],
    "simple: many rows": ["select x, repeat('x', x % 50) from generate_series(1, 5000) x"],
    "simple: empty queries": ["", " ", ";", ";;", "-- only a comment", "/* nothing */"],
    "simple: several statements in one query": [
      "select 1; select 'two'; select 3, 4",
      "select 1;; ;select 2;",
    ],
    "simple: an error among several statements": [
      "select 1; select 1/0; select 2",
      "select 1; selec 2; select 3",
      "select 'goes on'",
    ],
    "simple: changes are undone by an error in the same query": [
      "insert into copied values (1, 'one', 1); select 1/0",
      "select count(*) from copied",
    ],
    "simple: changes of all kinds are counted": [
      "insert into copied values (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)",
      "update copied set score = score + 1 where id > 1",
      "merge into copied using (values (3), (4)) v (id) on copied.id = v.id " +
        "when matched then delete when not matched then insert values (v.id, 'four', 4)",
      "delete from copied returning id, name, score",
    ],
    "simple: definitions": [
      "create table made (id int generated always as identity, name text)",
      "create index on made (name)",
      "insert into made (name) values ('x') returning *",
      "alter table made add column more int default 7",
      "select * from made",
      "truncate made",
      "drop table made",
      "drop table made",
      "drop table if exists made",
    ],
    "simple: SELECT INTO and CREATE TABLE AS": [
      "select id into made from numbers where id < 4",
      "create table also_made as select * from made",
      "drop table made, also_made",
    ],
    "simple: a transaction within one query": [
      "begin; insert into copied values (1, 'one', 1); commit; select count(*) from copied",
      "begin; delete from copied; rollback; select count(*) from copied",
      "delete from copied",
    ],
    "simple: a text in several scripts": ["select 'Grüße, 世界, 🐘' as \"größe 世界\""],
    "simple: EXPLAIN and SHOW": [
      "explain (costs off) select * from numbers where id = 1",
      "show server_version_num",
      "show transaction_isolation",
    ],
    "simple: VALUES, TABLE and WITH": [
      "values (1, 'x'), (2, null)",
      "table numbers limit 2",
      "with recursive t (n) as (values (1) union all select n + 1 from t where n < 5) select sum(n) from t",
    ],
  }),
  oneClient("simple: a large value", async (client) => {
    await client.query("select repeat('0123456789', 300000) as large");
  }),
  oneClient("simple: a large query", async (client) => {
    await client.query(`select length('${"y".repeat(1_000_000)}')`);
  }),
  oneClient("simple: queries sent ahead of their answers", async (client) => {
    await client.send(query("select 1"), query("select 1/0"), query(""), query("select 'four'"));
    await client.ready(4);
  }),
];
