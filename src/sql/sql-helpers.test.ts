import { beforeAll, describe, expect, test } from "bun:test";
import { documentedSql } from "../../tests/fixtures/documented-sql.ts";
import { SeededRandom } from "../../tests/fixtures/seeded-random.ts";
import { SEED_HINT, SEED, times } from "../../tests/fixtures/test-size.ts";
import { fingerprint, loadSql, normalize, parseSql, tablesOf } from "./index.ts";
import { MAX_SQL_LENGTH, MAX_SQL_WORDS, SqlReader } from "./sql-reader.ts";

beforeAll(loadSql);

/** Statements, and the relations they name. */
const NAMED: readonly (readonly [sql: string, tables: readonly string[]])[] = [
  ["", []],
  ["-- nothing", []],
  ["select 1", []],
  ["table t", ["t"]],
  ["select * from t; select * from u; select * from t", ["t", "u"]],
  ["select * from s.t, only u as x, db.s2.v", ["s.t", "u", "s2.v"]],
  ['select * from "Odd Name", "a.b", s."c""d", ÄÖ', ["Odd Name", '"a.b"', 's."c""d"', "ÄÖ"]],
  [
    "select * from a join b using (id) left join lateral (select * from c) d on true",
    ["a", "b", "c"],
  ],
  ["select * from (a natural join b) cross join c", ["a", "b", "c"]],
  [
    "select (select max(x) from a) from b where exists (select 1 from c) or d in (table e)",
    ["a", "b", "c", "e"],
  ],
  [
    "select 1 from a union select 2 from b intersect (select 3 from c except select 4 from d)",
    ["a", "b", "c", "d"],
  ],
  ["select * from generate_series(1, (select n from a)) g, rows from (f(1)) h", ["a"]],
  [
    "select case when (select true from a) then array(select 1 from b) end order by (select 1 from c)",
    ["a", "b", "c"],
  ],
  ["select sum(x) over (partition by (select 1 from a)) from b tablesample system (1)", ["a", "b"]],
  ["select * from a for update of a", ["a"]],
  ["select * from a x for share of x", ["a"]],
  ["select * into b from a", ["b", "a"]],
  ["values ((select 1 from a))", ["a"]],

  ["with x as (select * from a) select * from x", ["a"]],
  ["with x as (select 1), y as (select * from x, a) select * from y, x, b", ["a", "b"]],
  ["with a as (select * from a) select * from a", ["a"]],
  ["with a as (select 1), b as (select * from c) select * from s.a, b", ["c", "s.a"]],
  [
    "with recursive x as (select 1 from a union all select 1 from x, y), y as (select 1) select * from x",
    ["a"],
  ],
  ["with x as (select 1) select * from (with y as (table x) table y) q, y", ["y"]],
  ["select * from (with x as (select 1) table x) q, x", ["x"]],
  ["with x as (select 1) select 1 union (select * from x union table a)", ["a"]],
  ["with gone as (delete from a where id = 1 returning *) select * from gone", ["a"]],
  [
    "with x as (insert into a select * from b returning id) update c set d = 1 from x",
    ["a", "b", "c"],
  ],
  ["with a as (select 1) insert into a select * from a", ["a"]],
  ["with a as (select 1) update a set b = 1", ["a"]],

  ["insert into s.a (x) select x from b join c using (x)", ["s.a", "b", "c"]],
  ["insert into a values (1) on conflict (x) do update set x = (select 1 from b)", ["a", "b"]],
  ["update a set x = b.x from b where a.id = b.id returning (select 1 from c)", ["a", "b", "c"]],
  ["delete from a using b, (select * from c) d where a.id = b.id", ["a", "b", "c"]],
  [
    "merge into a using (select * from b) x on a.id = x.id when matched then update set y = (select 1 from c) " +
      "when not matched then insert values (1)",
    ["a", "b", "c"],
  ],
  ["merge into a using b on a.id = b.id when matched then delete", ["a", "b"]],
  ["with b as (select 1) merge into a using b on true when matched then do nothing", ["a"]],
  ["copy s.a (x, y) from stdin", ["s.a"]],
  ["copy (select * from a join b using (id)) to stdout", ["a", "b"]],
  ["truncate a, only s.b cascade", ["a", "s.b"]],
  ["lock table a, b in share mode", ["a", "b"]],

  ["create table s.a (id int references b, like c) inherits (d)", ["s.a", "b", "c", "d"]],
  ["create temp table a as select * from b", ["a", "b"]],
  ["create table a partition of b for values in (1)", ["a", "b"]],
  ["create view v as select * from a", ["v", "a"]],
  ["create materialized view v as select * from a", ["v", "a"]],
  ["refresh materialized view v", ["v"]],
  ["create index i on a (lower(x))", ["a"]],
  ["create trigger t before insert on a for each row execute function f()", ["a"]],
  ["create rule r as on insert to a do also insert into b values (1)", ["a", "b"]],
  ["create policy p on a using (exists (select 1 from b))", ["a", "b"]],
  ["create function f() returns int begin atomic select x from a; end", ["a"]],
  ["create type t as (x int)", []],
  ["alter table a add foreign key (x) references b (y)", ["a", "b"]],
  ["alter table s.a rename to b", ["s.a"]],
  ["drop table a, s.b", ["a", "s.b"]],
  ["drop view v", ["v"]],
  ["drop trigger t on s.a", ["s.a"]],
  ["drop policy p on a", ["a"]],
  ["drop function f(int)", []],
  ["drop schema s", []],
  ["comment on table s.a is 'x'", ["s.a"]],
  ["comment on column s.a.x is 'x'", ["s.a"]],
  ["grant select on a, s.b to public", ["a", "s.b"]],
  ["grant select on all tables in schema s to public", []],
  ["vacuum analyze a (x), b", ["a", "b"]],
  ["analyze", []],
  ["cluster a", ["a"]],
  ["explain analyze select * from a", ["a"]],
  ["prepare p as select * from a", ["a"]],
  ["declare c cursor for select * from a", ["a"]],
  ["create publication p for table a, s.b", ["a", "s.b"]],
  ["do $$ begin delete from a; end $$", []],
  ["set search_path = a", []],
  ["select json_table.x from a, json_table('{}', '$' columns (x int path '$'))", ["a"]],
];

describe("the tables of", () => {
  test.each(NAMED)("%p", (sql, tables) => {
    expect(tablesOf(sql)).toEqual(tables);
  });
});

describe("a text that is not understood", () => {
  test.each([
    ["nonsense", "selec 1"],
    ["half a statement", "select * from"],
    ["an open string", "select 'a"],
    ["what reads like an error of the parser", 'syntax error at or near "x"'],
    ["a zero byte, which would hide what follows", "select 1\0; drop table a"],
    ["more than is read", `select '${"x".repeat(MAX_SQL_LENGTH)}'`],
    ["more words than are read", `select ${"a,".repeat(MAX_SQL_WORDS / 2)}a`],
  ])("is undefined for everything: %s", (_, sql) => {
    for (const read of [parseSql, tablesOf, fingerprint, normalize])
      expect(read(sql)).toBeUndefined();
  });

  test("that is nested too deeply for the grammar makes no other one unreadable for long", async () => {
    for (const [begin, middle, end] of [
      ["(", "1", ")"],
      ["not ", "true", ""],
      ["- ", "1", ""],
      ["(select ", "1", ")"],
      ["a ||", "a", ""],
    ] as const) {
      for (const depth of [1_000, 20_000, 100_000]) {
        const sql = `select ${begin.repeat(depth)}${middle}${end.repeat(depth)}`;
        for (const read of [parseSql, tablesOf, fingerprint, normalize]) {
          read(sql);
          await loadSql();
          expect(tablesOf(`select ${depth} from t`)).toEqual(["t"]);
        }
      }
    }
  });
});

test("a text that is long for its values alone is read, at once", () => {
  const sql = `insert into t values ('${"it''s, ".repeat(100_000)}', $$${"a,".repeat(100_000)}$$)`;
  expect(tablesOf(sql)).toEqual(["t"]);
  expect(normalize(sql)).toBe("insert into t values ($1, $2)");
});

test("a tree has PostgreSQL's own names", () => {
  const tree = parseSql("select a; select b");
  expect(tree?.stmts).toHaveLength(2);
  expect(tree?.stmts[0]?.stmt).toHaveProperty("SelectStmt.targetList");
  expect(parseSql("")?.stmts).toEqual([]);
});

describe("a fingerprint", () => {
  test.each([
    ["select * from t where id = 1", "SELECT  *\nfrom T -- x\n where ID = $1"],
    ["select 1 where x in (1, 2, 3)", "select 'a' where x in ($1)"],
    ["insert into t values (1, 'a')", "insert into t values (2, 'b')"],
  ])("is the same for %p and %p", (one, other) => {
    expect(fingerprint(one)).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint(other)).toBe(fingerprint(one));
  });

  test.each([
    ["select a from t", "select b from t"],
    ["select a from t", "select a from u"],
    ["select a from t", "select a from t where b = 1"],
  ])("differs for %p and %p", (one, other) => {
    expect(fingerprint(other)).not.toBe(fingerprint(one));
  });
});

test.each([
  ["select * from t where id = 1 and b = 'x'", "select * from t where id = $1 and b = $2"],
  ["select $1, 2", "select $1, $2"],
  ["create role r password 'secret'", "create role r password $1"],
  ["select 'é', E'\\n', $$x$$", "select $1, $2, $3"],
  ["select 1 from t group by 1 order by 1", "select $1 from t group by 1 order by 1"],
  ["", ""],
])("%p without constants is %p", (sql, expected) => {
  expect(normalize(sql)).toBe(expected);
});

test.each([
  "create role r password 'secret'",
  "alter role r set x = 'secret'",
  "alter system set x = 'secret'",
  "create user mapping for u server s options (password 'secret')",
  "create server s foreign data wrapper f options (host 'secret')",
  "create subscription s connection 'secret' publication p",
  "set x = 'secret'",
  "do $secret$ begin perform 'secret'; end $secret$",
  "create function f() returns text language sql as 'select $$secret$$'",
  "create table t (a text default 'secret', b varchar(10) check (b <> U&'secret'))",
  "comment on table \"it's\" is 'secret'",
  "copy t from 'secret' with (null 'secret')",
  "notify c, 'secret'",
  "comment on table t is 'tab\t, \u0001, \"secret\"'",
  "create table t (a text default U&'secret', b bit(4) default B'0101', c text default N'secret')",
  "prepare p as select 'secret' || $1",
  "execute p('secret', E'\\'secret')",
  "call f('secret')",
  "-- secret\nselect /* secret /* secret */ */ 1 -- secret",
  "select 'é', 'secret', 'ü' from \"ö\"; set y = 'secret'",
])("no secret of %p is left", (sql) => {
  const normal = normalize(sql);
  expect(normal).toBeString();
  expect(normal).not.toContain("secret");
  expect(
    normal === undefined ? undefined : parseSql(normal.replaceAll(/\$\d+/g, "'x'")),
  ).toBeDefined();
});

test("no text makes them throw, and each is answered by all or by none", async () => {
  const corpus = ["", ...NAMED.map(([sql]) => sql), await documentedSql()] as const;
  const bits = ["(", ")", "'", '"', ";", "\0", "\ud800", "/*", "$$", " with x as ("] as const;
  const random = new SeededRandom(SEED);
  const cut = (text: string): string => {
    const from = random.below(text.length + 1);
    return text.slice(from, from + random.below(text.length - from + 1));
  };
  for (let round = 0; round < times(2_000, 50_000); round++) {
    const parts = Array.from({ length: 1 + random.below(4) }, () => {
      const text = random.oneOf(corpus);
      return random.oneOf([text, cut(text), random.oneOf(bits)]);
    });
    const sql = parts.join("");
    const isRead = parseSql(sql) !== undefined;
    for (const read of [tablesOf, fingerprint, normalize]) {
      if ((read(sql) !== undefined) === isRead) continue;
      throw new Error(`${read.name} of ${JSON.stringify(sql)} (${SEED_HINT})`);
    }
  }
});

test("before the grammar is loaded the caller is told to wait for it", () => {
  expect(() => new SqlReader().tables("select 1")).toThrow("await loadSql()");
});

test("a grammar that failed gives way to a new one", async () => {
  let loads = 0;
  const reader = new SqlReader(() => {
    const isBroken = ++loads === 1;
    const fingerprint = () => {
      if (isBroken) throw new Error("out of memory");
      return "0".repeat(16);
    };
    return Promise.resolve({ parse: () => undefined, normalize: () => undefined, fingerprint });
  });
  await reader.load();
  expect(reader.fingerprint("select 1")).toBeUndefined();
  await reader.load();
  expect(reader.fingerprint("select 1")).toBe("0".repeat(16));
  expect(loads).toBe(2);
});

test("a grammar that cannot be loaded says why, and can be loaded later", async () => {
  let loads = 0;
  const grammar = { parse: () => undefined, normalize: () => undefined, fingerprint: () => "f" };
  const reader = new SqlReader(() =>
    ++loads === 1 ? Promise.reject(new Error("no memory")) : Promise.resolve(grammar),
  );
  await expect(reader.load()).rejects.toThrow("no memory");
  await reader.load();
  expect(reader.fingerprint("select 1")).toBe("f");
});
