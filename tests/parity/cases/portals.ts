import { bind, closePortal, describePortal, execute, flush, parse, sync } from "../messages.ts";
import { NO_TRANSACTIONS } from "../differences.ts";
import { oneClient, type ParityCase } from "../parity-case.ts";

const ROWS = parse("", "select x from generate_series(1, 10) x");

/** Portals: row limits, names, and how long they live. */
export const PORTAL_CASES: readonly ParityCase[] = [
  oneClient("portal: a limit of rows within one batch", async (client) => {
    await client.unit(ROWS, bind(""), execute("", 4), execute("", 4), execute("", 4));
    await client.unit(ROWS, bind(""), execute("", 10), execute("", 1));
    await client.unit(ROWS, bind(""), execute("", 0), execute("", 1));
  }),
  oneClient("portal: ends at the Sync", async (client) => {
    await client.unit(ROWS, bind("", [], { portal: "p" }), execute("p", 4));
    await client.unit(execute("p", 4));
    await client.unit(ROWS, bind(""), execute("", 4));
    await client.unit(execute("", 4));
  }),
  oneClient("portal: a limit of rows, a batch held open by Flush", async (client) => {
    await client.send(ROWS, bind(""), describePortal(), execute("", 4), flush());
    await client.until("s");
    await client.send(execute("", 4), flush());
    await client.until("s");
    await client.send(execute("", 4), flush());
    await client.until("C");
    await client.send(sync());
    await client.ready();
  }),
  oneClient(
    "portal: lives through the units of a transaction",
    async (client) => {
      await client.query("begin");
      await client.unit(ROWS, bind("", [], { portal: "p" }), execute("p", 3));
      await client.query("select 'in between'");
      await client.unit(execute("p", 3));
      await client.unit(describePortal("p"));
      await client.unit(closePortal("p"));
      await client.unit(execute("p", 3));
      await client.query("rollback");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("portal: two at the same time", async (client) => {
    await client.unit(
      ROWS,
      bind("", [], { portal: "a" }),
      bind("", [], { portal: "b" }),
      execute("a", 2),
      execute("b", 1),
      execute("a", 2),
      execute("b", 100),
      execute("a", 100),
    );
  }),
  oneClient("portal: a name that is taken", async (client) => {
    await client.unit(ROWS, bind("", [], { portal: "p" }), bind("", [], { portal: "p" }));
    await client.unit(
      ROWS,
      bind("", [], { portal: "p" }),
      closePortal("p"),
      bind("", [], { portal: "p" }),
      execute("p", 1),
    );
  }),
  oneClient("portal: names that are not there", async (client) => {
    await client.unit(describePortal("gone"));
    await client.unit(execute("gone"));
    await client.unit(closePortal("gone"));
    await client.unit(execute(""));
  }),
  oneClient("portal: of a statement without rows", async (client) => {
    await client.unit(
      parse("", "insert into copied values (1, 'x', 1)"),
      bind(""),
      describePortal(),
      execute("", 1),
    );
    await client.unit(parse("", "delete from copied returning id"), bind(""), execute("", 1));
    await client.query("select count(*) from copied", "delete from copied");
  }),
  oneClient("portal: of an empty statement", async (client) => {
    await client.unit(parse("", ""), bind(""), describePortal(), execute());
    await client.unit(parse("", "  ; "), bind(""), execute("", 5));
  }),
  oneClient(
    "portal: a cursor of SQL is a portal",
    async (client) => {
      await client.query("begin", "declare c1 cursor for select id from numbers order by id");
      await client.unit(describePortal("c1"), execute("c1", 3));
      await client.query("fetch 2 from c1");
      await client.unit(closePortal("c1"));
      await client.query("fetch 1 from c1", "rollback");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient("portal: a cursor without a transaction, in one query", async (client) => {
    await client.query(
      "begin; declare c1 cursor for select id from numbers order by id; fetch 3 from c1; close c1; commit",
    );
  }),
];
