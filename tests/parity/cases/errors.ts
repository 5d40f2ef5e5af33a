import { bind, execute, extended, parse, query, sync } from "../messages.ts";
import { NO_TRANSACTIONS } from "../differences.ts";
import { oneClient, type ParityCase, simpleQueries } from "../parity-case.ts";

/** Errors, wherever they may come from. */
export const ERROR_CASES: readonly ParityCase[] = [
  ...simpleQueries({
    "error: syntax": ["selec 1", "select 'unterminated", "select (1", 'select 1 as "a'],
    "error: things that are not there": [
      "select * from nowhere",
      "select nothing from numbers",
      "select no_function(1)",
      "select nowhere.x from numbers",
      "select 'x'::no_type",
    ],
    "error: arithmetic and conversion": [
      "select 1/0",
      "select 'x'::int",
      "select 2147483647 + 1",
      "select sqrt(-1)",
      "select to_date('x', 'YYYY')",
    ],
    "error: constraints": [
      "insert into numbers values (1, 'again')",
      "insert into numbers (id) values (200)",
      "insert into copied values (1, 'x', -1)",
      "select 'x'::mood",
      "select (-5)::positive",
    ],
    "error: rows that are there before it": [
      "select 100 / (50 - x) from generate_series(1, 100) x",
      "select 'goes on'",
    ],
    "error: raised with all fields": [
      "select tell('exception', 'told')",
      "do $$ begin raise exception using errcode = '22012', message = 'm', detail = 'd', hint = 'h', " +
        "column = 'c', constraint = 'k', datatype = 't', table = 'b', schema = 's'; end $$",
    ],
    "error: what must not be in a transaction": [
      "select 1; vacuum numbers",
      "vacuum numbers",
      "create database in_a_query; select 1",
    ],
    "error: what must be in a transaction": [
      "savepoint alone",
      "declare c cursor for select 1",
      "set local work_mem = '1MB'",
      "commit",
      "rollback",
    ],
    "error: a statement that takes too long": [
      "set statement_timeout = 30; select pg_sleep(10)",
      "select 'goes on'",
    ],
  }),
  ...simpleQueries(
    {
      "error: a savepoint takes back what failed": [
        "begin",
        "insert into copied values (1, 'x', 1)",
        "savepoint s",
        "insert into copied values (1, 'again', 1)",
        "rollback to s",
        "select count(*) from copied",
        "rollback",
      ],
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("error: at Parse, Bind and Execute of extended messages", async (client) => {
    await client.unit(...extended("selec 1"));
    await client.unit(...extended("select $1::int", ["x"]));
    await client.unit(...extended("select 1 / $1::int", ["0"]));
    await client.unit(...extended("select $1::int", []));
    await client.unit(...extended("select 1", ["too many"]));
    await client.unit(...extended("select $2::int", ["1"]));
    await client.unit(...extended("select 1; select 2"));
    await client.unit(...extended("select 'goes on'"));
  }),
  oneClient("error: skips the rest of the batch, also a Query", async (client) => {
    await client.unit(...extended("select 1/0"), ...extended("select 'not reached'"));
    await client.send(...extended("select 1/0"), query("select 'not reached'"), sync());
    await client.ready();
  }),
  oneClient(
    "error: a Query within a batch",
    async (client) => {
      await client.send(...extended("select 1"), query("select 2"), sync());
      await client.ready(2);
      // PostgreSQL 18 has lost count of its transaction now, and says so once.
      await client.query("select 'refused'", "select 'goes on'");
    },
    { sharing: "beside" },
  ),
  oneClient("error: a batch is one transaction", async (client) => {
    const insert = "insert into copied values ($1::int, 'x', 1)";
    await client.unit(...extended(insert, ["1"]), ...extended(insert, ["1"]));
    await client.query("select count(*) from copied");
    await client.unit(...extended(insert, ["1"]), ...extended(insert, ["2"]));
    await client.query("delete from copied returning id");
  }),
  oneClient("error: of a function, with its context", async (client) => {
    await client.unit(...extended("select tell($1, $2)", ["exception", "told"]));
    await client.query("do $$ begin perform 1/0; end $$");
  }),
  oneClient("error: rows come before it in extended messages", async (client) => {
    const text = "select 100 / (5 - x) from generate_series(1, 10) x";
    await client.unit(parse("", text), bind(""), execute("", 3), execute("", 3));
    await client.unit(...extended("select 'goes on'"));
  }),
  oneClient("error: a value that is too large", async (client) => {
    await client.query("select repeat('x', 1100000000)");
    await client.query("select 'goes on'");
  }),
  oneClient("error: a long message", async (client) => {
    await client.query(`select "${"long".repeat(2_000)}"`);
    await client.query(`do $$ begin raise exception '${"x".repeat(50_000)}'; end $$`);
  }),
];
