import { beforeAll, describe, expect, test } from "bun:test";
import { loadGrammar } from "../sql/index.ts";
import type { Grammar } from "../sql/index.ts";
import { statementNeeds } from "./statement-needs.ts";
import type { WrittenName } from "./collected-needs.ts";

let grammar: Grammar;
beforeAll(async () => {
  grammar = await loadGrammar();
});

const shown = ({ schema, name }: WrittenName) =>
  schema === undefined ? name : `${schema}.${name}`;

/** What a statement needs in short, or why it is exclusive. */
function needsOf(sql: string): unknown {
  const tree = grammar.parse(sql);
  if (tree === undefined) return "not understood";
  const needs = statementNeeds(tree);
  if (typeof needs === "string") return needs;
  const calls = (of: (typeof needs)["functions"]) =>
    of.map((call) => `${shown(call)}${call.untyped === 0 ? "" : ` ${call.untyped}`}`);
  return Object.fromEntries(
    Object.entries({
      relations: needs.relations.map(shown),
      functions: calls(needs.functions),
      operators: calls(needs.operators),
      types: needs.types.map(shown),
      fields: needs.fields,
    }).filter(([, names]) => names.length > 0),
  );
}

describe("a statement that may be shared", () => {
  test.each<[string, object]>([
    ["select 1", {}],
    ["values (1, 'a'), (2, null)", {}],
    ["table t", { relations: ["t"] }],
    ["select * from only s.t as x (a, b)", { relations: ["s.t"] }],
    ["select from t", { relations: ["t"] }],
    ["select distinct a from t", { relations: ["t"] }],
    [
      "select distinct on (a) a, b from t order by a desc nulls last limit $1 offset 2",
      { relations: ["t"] },
    ],
    ["select a from t order by b fetch first 3 rows with ties", { relations: ["t"] }],
    [
      "select 1 union all (select a from t except select b from u order by 1)",
      { relations: ["t", "u"] },
    ],
    ["select x.a, x.b from t x", { relations: ["t"], fields: ["a", "b"] }],
    ["select s.t.a, t.* from s.t", { relations: ["s.t"], fields: ["t", "a"] }],
    ["select (a).b, c[1].d from t", { relations: ["t"], fields: ["b", "d"] }],
    [
      "select a + 1 from t where b = 'x' and c < $1",
      { relations: ["t"], operators: ["+", "= 1", "< 1"] },
    ],
    ["select -a, 'x' || 'y', 1 || null", { operators: ["-", "|| 2"] }],
    ["select a in (1, 2), b not in (1, 'x')", { operators: ["=", "<> 1"] }],
    ["select a between 1 and 'x'", { operators: ["< 1", "<= 1", "> 1", ">= 1"] }],
    ["select a not between symmetric 1 and 2", { operators: ["<", "<=", ">", ">="] }],
    ["select a like 'x%', b not ilike c", { operators: ["~~ 1", "!~~*"] }],
    [
      "select a similar to 'x'",
      { functions: ["pg_catalog.similar_to_escape 1"], operators: ["~"] },
    ],
    ["select a is distinct from 'x', nullif(a, b)", { operators: ["= 1"] }],
    ["select a = any ($1), b <> all (array[1])", { operators: ["= 1", "<>"] }],
    ["select a = any (select 1), (b, 'x') < (select 1, 2)", { operators: ["=", "< 1"] }],
    ["select a in (select b from t), $1 in (select 'x')", { relations: ["t"], operators: ["= 1"] }],
    ["select (a, b) = ('x', 1), row(1) = row($1)", { operators: ["= 1"] }],
    ["select 'x' collate \"C\" = 'y'", { operators: ["= 2"] }],
    ["select case a when 1 then 2 when 'x' then 3 else 4 end", { operators: ["= 1"] }],
    ["select case when a then 1 end", {}],
    ["select a operator(pg_catalog.+) 1", {}],
    [
      "select 1::int, '2'::text[], cast(a as s.t), date '2000-01-01'",
      { types: ["pg_catalog.int4", "text", "s.t", "date"] },
    ],
    [
      "select a::varchar(10), interval '1' day",
      { types: ["pg_catalog.varchar", "pg_catalog.interval"] },
    ],
    ["select count(*), f(1, 'x', $1), s.f(a)", { functions: ["count", "f 2", "s.f"] }],
    ["select f('x'), f(1), f(a => 'x', variadic b)", { functions: ["f 1"] }],
    [
      "select sum(distinct a order by b) filter (where c > 1) from t",
      { relations: ["t"], functions: ["sum"], operators: [">"] },
    ],
    ["select mode() within group (order by 'x')", { functions: ["mode 1"] }],
    [
      "select rank() over w, lag(a) over (order by b range between 1 preceding and current row) from t window w as (partition by c)",
      { relations: ["t"], functions: ["rank", "lag"] },
    ],
    [
      "select grouping(a) from t group by grouping sets ((a), rollup (b), ())",
      { relations: ["t"] },
    ],
    [
      "select extract(year from a), trim(b), a at time zone 'x'",
      { functions: ["pg_catalog.extract 1", "pg_catalog.btrim", "pg_catalog.timezone 1"] },
    ],
    ["select current_user, current_timestamp(3), localtime, current_schema", {}],
    ["select coalesce(a, 'x'), greatest(a, b), a is null, a is not true, not a or b", {}],
    ["select exists (select 1), array(select 1), (select 2), (array[1, 2])[1:2]", {}],
    [
      "select * from t join u using (id) natural join v left join w on t.a",
      { relations: ["t", "u", "v", "w"], operators: ["="], fields: ["a"] },
    ],
    ["select * from t cross join lateral (select t.a) x", { relations: ["t"], fields: ["a"] }],
    [
      "select * from f(1) with ordinality, rows from (g(), h() as (a int, b s.t)) x",
      { functions: ["f", "g", "h"], types: ["pg_catalog.int4", "s.t"] },
    ],
    ["select json_object('a': b, c: 1), json_array(1, 2), a is json object", {}],
    ["with c as (select a from t) select * from c", { relations: ["t"] }],
    [
      "with c as materialized (select 1), d as (select * from c) select * from c, d, s.c",
      { relations: ["s.c"] },
    ],
    ["with c as (select * from c) select * from c", { relations: ["c"] }],
    ["with recursive c as (select 1 union all select a from c) select * from c", {}],
    ["with c as (select * from d), d as (select 1) select * from d", { relations: ["d"] }],
    ["select * from (with c as (select 1) select * from c) x, c", { relations: ["c"] }],
    ["with c as (select 1) select 1 from t union select 2 from c", { relations: ["t"] }],
  ])("%p needs %p", (sql, expected) => {
    expect(needsOf(sql)).toEqual(expected);
  });

  test("has a tree of some depth and so many names", () => {
    expect(needsOf(`select 1${" + 1".repeat(300)}`)).toEqual({ operators: ["+"] });
    expect(needsOf(`select 1${" + 1".repeat(500)}`)).toBe("nested too deeply");
    const names = (count: number) => Array.from({ length: count }, (_, at) => `f${at}()`).join();
    expect(needsOf(`select ${names(200)}`)).toBeObject();
    expect(needsOf(`select ${names(201)}`)).toBe("too many names");
  });
});

describe("a statement that is never shared", () => {
  test.each<[string, string]>([
    ["selec 1", "not understood"],
    ["", "not one statement"],
    ["select 1; select 2", "not one statement"],
    ["insert into t values (1)", "a InsertStmt"],
    ["update t set a = 1", "a UpdateStmt"],
    ["delete from t", "a DeleteStmt"],
    ["explain select 1", "a ExplainStmt"],
    ["call p()", "a CallStmt"],
    ["show all", "a VariableShowStmt"],
    ["fetch all c", "a FetchStmt"],
    ["execute p", "a ExecuteStmt"],
    ["select 1 into t", "intoClause of a SelectStmt"],
    ["select * from t for update", "lockingClause of a SelectStmt"],
    ["select * from (select * from t for share) x", "lockingClause of a SelectStmt"],
    ["with x as (insert into t values (1) returning a) select * from x", "a InsertStmt in WITH"],
    ["with x as (select 1), y as (delete from t returning a) select 1", "a DeleteStmt in WITH"],
    [
      "with recursive x as (select 1 union select 1) search depth first by a set b select 1",
      "search_clause of a CommonTableExpr",
    ],
    ["select * from t tablesample system (1)", "a RangeTableSample"],
    ["select xmlelement(name a)", "a XmlExpr"],
    ["select * from xmltable('/a' passing b columns c int)", "a RangeTableFunc"],
    ["select * from json_table('{}', '$' columns (a int path '$'))", "a JsonTable"],
    ["select json_value(a, '$')", "a JsonFuncExpr"],
    ["select a from t order by a using <", "useOp of a SortBy"],
    ["select a operator(s.+) b", "an operator of s"],
    ["select d.s.f()", "a name of many parts"],
    ["select * from d.s.t", "catalogname of a RangeVar"],
    ["select * from f() as (a setof int)", "setof of a TypeName"],
    ['select * from "a\\b"', "a name with odd characters"],
    ["select f\u00fc()", "a name with odd characters"],
    ["select merge_action()", "a MergeSupportFunc"],
    ["values (default)", "a SetToDefault"],
  ])("%p is %p", (sql, reason) => {
    expect(needsOf(sql)).toBe(reason);
  });

  test("is what a newer grammar says in other words", () => {
    const select = (node: object) => ({ stmts: [{ stmt: { SelectStmt: node } }] });
    expect(statementNeeds(select({ op: "SETOP_NONE" }))).toBeObject();
    expect(statementNeeds(select({ someClause: [] }))).toBe("someClause of a SelectStmt");
    expect(statementNeeds(select({ constructor: [] }))).toBe("constructor of a SelectStmt");
    expect(statementNeeds(select({ whereClause: { NewNode: {} } }))).toBe("a NewNode");
    for (const odd of [[1], ["x"], { a: 1, b: 2 }, [[]], [null]]) {
      expect(statementNeeds(select({ targetList: odd }))).toBe("a tree of another shape");
    }
    expect(statementNeeds(undefined)).toBe("not one statement");
  });
});
