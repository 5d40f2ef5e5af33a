import { NO_TRANSACTIONS } from "../differences.ts";
import { extended, query } from "../messages.ts";
import { oneClient, onStage, type ParityCase, simpleQueries } from "../parity-case.ts";

/** What a server says without being asked. */
export const NOTICE_CASES: readonly ParityCase[] = [
  ...simpleQueries({
    "notice: of every level": [
      "select tell('debug', 'a'), tell('log', 'b'), tell('info', 'c'), tell('notice', 'd'), tell('warning', 'e')",
      "select tell('notice', 'before'), 1/0",
    ],
    "notice: levels asked for": [
      "set client_min_messages to debug1",
      "select tell('debug', 'is seen')",
      "set client_min_messages to error",
      "select tell('warning', 'is not seen')",
      "reset client_min_messages",
      "select tell('notice', 'is seen'), tell('debug', 'is not seen')",
    ],
    "notice: of the server itself": [
      "drop table if exists nowhere",
      "create table if not exists numbers (x int)",
      "commit",
      "set transaction read only",
    ],
    "notice: many of them": ["select tell('notice', x::text) from generate_series(1, 500) x"],
    "notice: a large one": ["select tell('notice', repeat('x', 100000))"],
  }),
  oneClient("notice: in extended messages", async (client) => {
    await client.unit(...extended("select tell($1, $2)", ["warning", "told"]));
    await client.unit(...extended("drop table if exists nowhere"));
  }),
  oneClient(
    "notice: of the client's own level at startup",
    async (client) => {
      await client.query("select tell('notice', 'is not seen'), tell('warning', 'is seen')");
    },
    { startup: { client_min_messages: "warning" } },
  ),
  oneClient(
    "notify: to itself",
    async (client) => {
      await client.query("listen news", "notify news", "notify news, 'payload'");
      await client.query("notify other, 'not heard'", "select pg_notify('news', 'by a function')");
      await client.unit(...extended("select pg_notify($1, $2)", ["news", "extended"]));
      await client.query("unlisten news", "notify news, 'not heard'", "unlisten *");
    },
    { sharing: "beside" },
  ),
  oneClient(
    "notify: of a transaction",
    async (client) => {
      await client.query("listen news", "begin", "notify news, 'same'", "notify news, 'same'");
      await client.query("notify news, 'other'", "commit");
      await client.query("begin", "notify news, 'rolled back'", "rollback", "unlisten *");
    },
    { sharing: "beside", differs: [NO_TRANSACTIONS] },
  ),
  onStage(
    "notify: from one session to another that is idle",
    async (stage) => {
      const [listener, notifier] = [await stage.session(), await stage.session()];
      await listener.query("listen news");
      await notifier.query("notify news, 'first'");
      await listener.until("A");
      await notifier.query("select 1", "notify news, 'second'");
      await listener.until("A");
      await listener.query("select 'behind'", "unlisten *");
      await notifier.query("notify news, 'not heard'");
      await listener.query("select 'still silent'");
    },
    { sharing: "beside" },
  ),
  onStage("notify: without anybody who listens", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    await one.query("notify news, 'to nobody'");
    await two.query("select 'hears nothing'");
    await one.query("select * from pg_listening_channels()");
  }),
  onStage(
    "notify: LISTEN rolled back",
    async (stage) => {
      const [listener, notifier] = [await stage.session(), await stage.session()];
      await listener.send(query("begin; listen news; rollback"));
      await listener.ready();
      await notifier.query("notify news, 'not heard'");
      await listener.query("select 'hears nothing'", "select * from pg_listening_channels()");
      await listener.query("unlisten *");
    },
    { sharing: "beside" },
  ),
];
