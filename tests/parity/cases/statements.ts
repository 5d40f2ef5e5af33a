import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  extended,
  parse,
  query,
  sync,
} from "../messages.ts";
import { DESCRIBED_ANEW, NO_TRANSACTIONS } from "../differences.ts";
import { oneClient, onStage, type ParityCase } from "../parity-case.ts";

const ADD = "select $1::int + $2::int as sum";

/** Statements of the protocol, with names and without. */
export const STATEMENT_CASES: readonly ParityCase[] = [
  oneClient("statement: named, described and executed in later units", async (client) => {
    await client.unit(parse("add", ADD));
    await client.unit(describeStatement("add"));
    await client.unit(bind("add", ["1", "2"]), describePortal(), execute());
    await client.unit(bind("add", ["30", "4"]), execute());
    await client.unit(bind("add", [null, "4"]), execute());
  }),
  oneClient("statement: many names in turn", async (client) => {
    const names = Array.from({ length: 20 }, (_, at) => `s${at}`);
    for (const name of names) await client.unit(parse(name, `select '${name}', $1::text`));
    for (const name of names) await client.unit(bind(name, [name]), execute());
    for (const name of names.toReversed()) await client.unit(closeStatement(name));
    await client.unit(bind("s3", ["x"]), execute());
  }),
  oneClient("statement: a name that is taken", async (client) => {
    await client.unit(parse("s1", "select 1"));
    await client.unit(parse("s1", "select 2"));
    await client.unit(bind("s1"), execute());
    await client.unit(closeStatement("s1"));
    await client.unit(parse("s1", "select 2"));
    await client.unit(bind("s1"), execute());
  }),
  oneClient("statement: a name that is not there", async (client) => {
    await client.unit(bind("gone"), execute());
    await client.unit(describeStatement("gone"));
    await client.unit(closeStatement("gone"));
    await client.unit(...extended("select 'goes on'"));
  }),
  oneClient("statement: closed and used in one batch", async (client) => {
    await client.unit(parse("s1", "select 1"));
    await client.unit(bind("s1"), closeStatement("s1"), execute());
    await client.unit(bind("s1"), execute());
    await client.unit(
      parse("s1", "select 2"),
      bind("s1"),
      execute(),
      closeStatement("s1"),
      parse("s1", "select 'three'"),
      bind("s1"),
      execute(),
    );
    await client.unit(bind("s1"), execute());
  }),
  oneClient("statement: whose Parse fails is not there", async (client) => {
    await client.unit(parse("s1", "selec 1"));
    await client.unit(bind("s1"), execute());
    await client.unit(parse("s1", "select 1"), ...extended("select 1/0"));
    await client.unit(bind("s1"), execute());
  }),
  oneClient("statement: Parse behind an error in the same batch", async (client) => {
    await client.unit(...extended("select 1/0"), parse("s1", "select 1"));
    await client.unit(bind("s1"), execute());
    await client.unit(parse("s1", "select 2"));
    await client.unit(bind("s1"), execute());
  }),
  oneClient("statement: Close behind an error in the same batch", async (client) => {
    await client.unit(parse("s1", "select 1"));
    await client.unit(...extended("select 1/0"), closeStatement("s1"));
    await client.unit(bind("s1"), execute());
  }),
  oneClient("statement: with types given and types found", async (client) => {
    await client.unit(parse("given", "select $1, $2", [23, 1043]), describeStatement("given"));
    await client.unit(parse("found", "select $1 + 1, $2 || 'x'"), describeStatement("found"));
    await client.unit(parse("part", "select $1, $2::date", [20]), describeStatement("part"));
    await client.unit(parse("unknown", "select $1"), describeStatement("unknown"));
    await client.unit(parse("undetermined", "select $1 is null"));
    await client.unit(bind("given", ["1", "x"]), execute());
    await client.unit(bind("part", ["1", "2024-01-01"]), execute());
  }),
  oneClient("statement: without rows, described", async (client) => {
    await client.unit(parse("put", "insert into copied values ($1, $2, $3)"));
    await client.unit(describeStatement("put"));
    await client.unit(bind("put", ["1", "x", "2.5"]), execute());
    await client.unit(bind("put", ["1", "x", "2.5"]), execute());
    await client.query("delete from copied returning *");
  }),
  oneClient("statement: executed many times in one pipeline", async (client) => {
    await client.unit(parse("add", ADD));
    const units = Array.from({ length: 100 }, (_, at) => [
      bind("add", [String(at), "1"]),
      execute(),
      sync(),
    ]);
    await client.send(...units.flat());
    await client.ready(100);
  }),
  oneClient("statement: named ones prepared in a pipeline", async (client) => {
    const units = Array.from({ length: 30 }, (_, at) => [
      parse(`p${at}`, `select ${at % 3} as x`),
      bind(`p${at}`),
      execute(),
      sync(),
    ]);
    await client.send(...units.flat());
    await client.ready(30);
    await client.send(...units.flat());
    await client.ready(30);
  }),
  oneClient("statement: the unnamed one in later units", async (client) => {
    await client.unit(parse("", ADD));
    await client.unit(describeStatement(""));
    await client.unit(bind("", ["1", "2"]), execute());
    await client.unit(bind("", ["3", "4"]), describePortal(), execute());
    await client.unit(parse("", "select 'another'"));
    await client.unit(bind(""), execute());
  }),
  oneClient("statement: the unnamed one ends with a Query", async (client) => {
    await client.unit(parse("", "select 1"));
    await client.query("select 2");
    await client.unit(bind(""), execute());
    await client.unit(parse("", "select 1"), closeStatement(""));
    await client.unit(bind(""), execute());
    await client.unit(parse("", "selec 1"));
    await client.unit(bind(""), execute());
  }),
  oneClient("statement: the unnamed one of a failed batch", async (client) => {
    await client.unit(parse("", "select 'first'"));
    await client.unit(parse("", "select 1 / $1::int"), bind("", ["0"]), execute());
    await client.unit(bind("", ["1"]), execute());
  }),
  oneClient("statement: unnamed before anything else", async (client) => {
    await client.unit(bind(""), execute());
    await client.unit(describeStatement(""));
  }),
  oneClient(
    "statement: in a transaction, and after its rollback",
    async (client) => {
      await client.query("begin");
      await client.unit(parse("s1", "select 1"));
      await client.query("rollback");
      await client.unit(bind("s1"), execute());
      await client.query("begin", "select 1/0");
      await client.unit(parse("s2", "select 2"));
      await client.unit(bind("s1"), execute());
      await client.unit(closeStatement("s1"));
      await client.unit(parse("rollback", "rollback"));
      await client.query("rollback");
      await client.unit(bind("s1"), execute());
      await client.unit(bind("s2"), execute());
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  onStage("statement: the same name in two sessions", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    await one.unit(parse("s1", "select 'of one'"));
    await two.unit(parse("s1", "select 'of two', $1::int"));
    await one.unit(bind("s1"), execute());
    await two.unit(bind("s1", ["2"]), execute());
    await two.unit(closeStatement("s1"));
    await one.unit(bind("s1"), describePortal(), execute());
    await two.unit(bind("s1", ["2"]), execute());
  }),
  onStage("statement: the same text in two sessions", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    for (const client of [one, two, one]) {
      await client.unit(parse("", ADD), bind("", ["1", "2"]), execute());
    }
    await one.unit(parse("a", ADD));
    await two.unit(parse("b", ADD));
    await one.unit(closeStatement("a"));
    await two.unit(bind("b", ["5", "6"]), describePortal(), execute());
    await one.unit(bind("a", ["5", "6"]), execute());
  }),
  onStage("statement: unnamed ones of two sessions in turn", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    await one.unit(parse("", "select 'of one'"));
    await two.unit(parse("", "select 'of two'"));
    await one.unit(bind(""), execute());
    await two.unit(bind(""), execute());
    await one.unit(bind(""), describePortal(), execute());
  }),
  oneClient("statement: literals are read with the settings at Parse", async (client) => {
    await client.query("set datestyle to 'ISO, MDY'");
    await client.unit(parse("day", "select '02/03/2024'::date as day"));
    await client.query("set datestyle to 'ISO, DMY'");
    await client.unit(bind("day"), execute());
    await client.unit(parse("other", "select '02/03/2024'::date as day"));
    await client.unit(bind("other"), execute());
    await client.unit(bind("day"), execute());
  }),
  oneClient("statement: literals of many kinds, read at Parse", async (client) => {
    const kinds: readonly (readonly [setting: string, other: string, text: string])[] = [
      ["timezone to 'Asia/Tokyo'", "timezone to 'UTC'", "select '2024-01-01 12:00'::timestamptz"],
      [
        "intervalstyle to sql_standard",
        "intervalstyle to postgres",
        "select interval '-1 2:03:04'",
      ],
      ["standard_conforming_strings to off", "standard_conforming_strings to on", "select 'a\\nb'"],
      ["transform_null_equals to on", "transform_null_equals to off", "select null = null"],
      ["array_nulls to off", "array_nulls to on", "select '{null}'::text[]"],
    ];
    for (const [at, [first, other, text]] of kinds.entries()) {
      await client.query(`set ${first}`);
      await client.unit(parse(`s${at}`, text));
      await client.query(`set ${other}`);
    }
    for (const at of kinds.keys()) await client.unit(bind(`s${at}`), execute());
    for (const at of kinds.keys()) await client.query(`execute s${at}`);
    await client.query("show timezone", "show intervalstyle", "show standard_conforming_strings");
    await client.send(...[...kinds.keys()].flatMap((at) => [bind(`s${at}`), execute()]), sync());
    await client.ready();
  }),
  oneClient(
    "statement: literals are read with the settings at Parse, inside of transactions",
    async (client) => {
      await client.query("set datestyle to 'ISO, MDY'");
      await client.unit(parse("day", "select '02/03/2024'::date as day, $1::date"));
      await client.query("begin", "set local datestyle to 'ISO, DMY'");
      await client.unit(bind("day", ["02/03/2024"]), execute());
      await client.query("show datestyle", "commit", "show datestyle", "set datestyle to german");
      await client.query("begin", "declare c cursor for select x from generate_series(1, 3) x");
      await client.query("fetch 1 from c");
      await client.unit(bind("day", ["02/03/2024"]), execute());
      await client.query("fetch 1 from c", "show datestyle", "rollback");
      await client.unit(bind("day", ["02/03/2024"]), execute());
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient(
    "statement: parsed where settings hold for a transaction",
    async (client) => {
      await client.query("begin", "set local datestyle to 'ISO, DMY'");
      await client.unit(parse("day", "select '02/03/2024'::date as day"));
      await client.query("commit");
      await client.unit(bind("day"), execute());
      await client.unit(bind("day"), execute());
      await client.query("deallocate all");
    },
    { sharing: "beside", differs: [NO_TRANSACTIONS] },
  ),
  oneClient("statement: names are found with the search_path at Parse", async (client) => {
    await client.unit(parse("rows", "select * from numbers where false"));
    await client.unit(bind("rows"), describePortal(), execute());
    await client.unit(bind("rows"), execute());
    await client.query("set search_path to elsewhere");
    await client.unit(bind("rows"), execute());
    await client.unit(parse("", "select * from numbers"), bind(""), describePortal(), execute());
  }),
  oneClient("statement: whose result type has changed", async (client) => {
    await client.query("create table changing (a int)");
    await client.unit(parse("s1", "select * from changing"));
    await client.unit(bind("s1"), describePortal(), execute());
    await client.unit(bind("s1"), describePortal(), execute());
    await client.query("alter table changing add column b text default 'new'");
    await client.unit(bind("s1"), execute());
    await client.query("select 'another connection'");
    await client.unit(bind("s1"), execute());
    await client.query("drop table changing");
    await client.unit(bind("s1"), execute());
  }),
  oneClient(
    "statement: whose result type has changed, described in the same batch",
    async (client) => {
      await client.query("create table changing (a int)");
      await client.unit(parse("s1", "select * from changing"));
      await client.unit(bind("s1"), describePortal(), execute());
      await client.query("alter table changing add column b text default 'new'", "select 1");
      await client.unit(bind("s1"), describePortal(), execute());
      await client.query("drop table changing");
    },
    { differs: [DESCRIBED_ANEW] },
  ),
  oneClient("statement: a long name and a long text", async (client) => {
    const name = "n".repeat(200);
    await client.unit(parse(name, `select length('${"z".repeat(100_000)}')`));
    await client.unit(bind(name), execute());
  }),
  oneClient("statement: names with odd characters", async (client) => {
    for (const name of ["with space", 'quo"te', "größe", "S_1"]) {
      await client.unit(parse(name, `select 'of it'`));
      await client.unit(bind(name), execute());
    }
  }),
  oneClient("statement: BEGIN, SET and SHOW prepared", async (client) => {
    await client.unit(parse("set", "set datestyle to german"));
    await client.unit(bind("set"), execute());
    await client.query("show datestyle", "reset datestyle");
    await client.unit(bind("set"), execute());
    await client.query("show datestyle");
  }),
  oneClient("statement: named and simple queries mixed in one write", async (client) => {
    await client.send(
      parse("s1", "select 'prepared'"),
      sync(),
      query("select 'simple'"),
      bind("s1"),
      execute(),
      sync(),
    );
    await client.ready(3);
    await client.unit(bind("s1"), execute());
  }),
];
