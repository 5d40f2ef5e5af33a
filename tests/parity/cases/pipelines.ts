import {
  bind,
  closeStatement,
  describePortal,
  execute,
  extended,
  flush,
  parse,
  query,
  sync,
} from "../messages.ts";
import { oneClient, type ParityCase } from "../parity-case.ts";

/** So many Syncs in flight. */
const MANY = 200;

/** Units sent ahead of their answers, Flush, and messages that arrive in pieces. */
export const PIPELINE_CASES: readonly ParityCase[] = [
  oneClient("pipeline: many Syncs in flight", async (client) => {
    const units = Array.from({ length: MANY }, (_, at) => [
      ...extended("select $1::int as x", [String(at)]),
      sync(),
    ]);
    await client.send(...units.flat());
    await client.ready(MANY);
    await client.query("select 'behind'");
  }),
  oneClient("pipeline: errors in some of its units", async (client) => {
    const units = Array.from({ length: 30 }, (_, at) => [
      ...extended("select 10 / ($1::int % 3)", [String(at)]),
      ...extended("select 'second of the unit'"),
      sync(),
    ]);
    await client.send(...units.flat());
    await client.ready(30);
  }),
  oneClient("pipeline: simple and extended units mixed", async (client) => {
    await client.send(
      query("select 1; select 2"),
      ...extended("select 3"),
      sync(),
      query(""),
      ...extended(""),
      sync(),
      query("select 1/0"),
      ...extended("select 4"),
      sync(),
    );
    await client.ready(6);
  }),
  oneClient("pipeline: a lone Sync, and several", async (client) => {
    await client.unit();
    await client.send(sync(), sync(), sync());
    await client.ready(3);
    await client.query("select 1");
    await client.send(sync(), query("select 2"), sync(), ...extended("select 3"), sync(), sync());
    await client.ready(5);
  }),
  oneClient("pipeline: a unit of many statements", async (client) => {
    const insert = "insert into copied values ($1::int, 'x', 1) returning id";
    const statements = Array.from({ length: 50 }, (_, at) => extended(insert, [String(at)]));
    await client.unit(...statements.flat());
    await client.unit(...extended("delete from copied"));
  }),
  oneClient("pipeline: a transaction in one write", async (client) => {
    await client.send(
      query("begin"),
      ...extended("insert into copied values (1, 'x', 1)"),
      sync(),
      query("select count(*) from copied"),
      query("rollback"),
      query("select count(*) from copied"),
    );
    await client.ready(5);
  }),
  oneClient("pipeline: BEGIN and COMMIT within one batch", async (client) => {
    await client.unit(
      ...extended("begin"),
      ...extended("insert into copied values (1, 'x', 1)"),
      ...extended("commit"),
      ...extended("select count(*) from copied"),
    );
    await client.query("delete from copied");
  }),
  oneClient("flush: answers before the Sync", async (client) => {
    await client.send(parse("", "select $1::int"), flush());
    await client.until("1");
    await client.send(bind("", ["7"]), describePortal(), flush());
    await client.until("T");
    await client.send(execute(), flush());
    await client.until("C");
    await client.send(sync());
    await client.ready();
    await client.query("select 'behind'");
  }),
  oneClient("flush: an error, then what is skipped up to the Sync", async (client) => {
    await client.send(...extended("select 1/0"), flush());
    await client.until("E");
    await client.send(...extended("select 'skipped'"), flush());
    await client.send(query("select 'skipped too'"));
    await client.send(sync());
    await client.ready();
    await client.query("select 'behind'");
  }),
  oneClient("flush: alone, and many of them", async (client) => {
    await client.send(flush(), flush());
    await client.query("select 1");
    await client.send(flush(), ...extended("select 2"), flush(), flush(), sync(), flush());
    await client.ready();
    await client.query("select 3");
  }),
  oneClient("flush: several statements with answers in between", async (client) => {
    for (const text of ["select 1", "select 'two'", "select null"]) {
      await client.send(...extended(text), flush());
      await client.until("C");
    }
    await client.send(sync());
    await client.ready();
  }),
  oneClient("pipeline: Parse and Close without Execute", async (client) => {
    await client.unit(parse("", "select 1"));
    await client.unit(closeStatement(""));
    await client.unit(closeStatement("was never there"));
  }),
  ...[1, 2, 3, 7, 64].map((bytesEach) =>
    oneClient(`pieces: messages that come ${bytesEach} bytes at a time`, async (client) => {
      await client.sendInPieces(bytesEach, query("select 'in pieces'"));
      await client.ready();
      await client.sendInPieces(bytesEach, ...extended("select $1::text", ["also"]), sync());
      await client.ready();
      await client.sendInPieces(bytesEach, sync());
      await client.ready();
      await client.sendInPieces(bytesEach, query("select 1"), query(""), query("select 2"));
      await client.ready(3);
    }),
  ),
];
