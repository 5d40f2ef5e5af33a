/** What plugins make of traffic, byte for byte, in each pool mode with the executable as it is shipped. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { serialize } from "pg-protocol";
import { goRecorder, testGo } from "../fixtures/plugins/built-plugins.ts";
import { backend } from "../fixtures/wire/index.ts";
import { HOOK_MODES, type HookMode, poolOf, writeUsersFile } from "../integration/hook-modes.ts";
import {
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  testWhere,
  waitFor,
} from "../kit/index.ts";
import { batch, openSession, query, type RuleSession } from "./rules/rule-session.ts";

const TYPESCRIPT = join(import.meta.dir, "..", "fixtures", "plugins", "typescript");
const MODULE = join(TYPESCRIPT, "wire.ts");
const RECORDER = join(TYPESCRIPT, "recorder.ts");

const KINDS = [
  ["inline module", testWhere(true, "")],
  ["module in a worker", testWhere(true, "")],
  ["Go process", testGo],
] as const;
type Kind = (typeof KINDS)[number][0];

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
  await goRecorder();
}, 300_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function entryOf(kind: Kind): Promise<object> {
  if (kind === "Go process") {
    // The four hooks of traffic: what is told after the fact must not be in the way.
    return { name: "recorder", ...(await goRecorder()), env: ["HOOKS=16,17,18,19"] };
  }
  const isolation = kind === "inline module" ? "inline" : "worker";
  return { name: "wire", localPath: MODULE, isolation };
}

async function start(kind: Kind, mode: HookMode, keys: object = {}): Promise<GatewaydProcess> {
  const plugins = [{ ...(await entryOf(kind)), onError: "terminate", ...keys }];
  const server = mode === "passthrough" ? {} : { auth: { method: "trust" } };
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: 2, ...poolOf(mode) }, server }),
    plugins: JSON.stringify({ hookBufferBytes: "64KiB", plugins }),
  });
}

/** The order to answer a query with one row. */
function answering(word: string, status: "I" | "T" = "I"): string {
  const rows = Buffer.concat([backend.rows(word).subarray(0, -6), backend.ready(status)]);
  return `/*do:answer ${rows.toString("hex")}*/`;
}

/** The same for a batch. */
function batchAnswering(word: string): Buffer {
  const bytes = Buffer.concat([
    backend.parseComplete(),
    backend.bindComplete(),
    backend.dataRow(word),
    backend.commandComplete("SELECT 1"),
    backend.ready(),
  ]);
  return batch(`/*do:answer ${bytes.toString("hex")}*/`);
}

function statement(text: string): Buffer {
  return Buffer.concat([serialize.parse({ text }), serialize.bind(), serialize.execute()]);
}

/** The transaction status at the end of the next answer. */
async function statusOf(client: RuleSession): Promise<string | undefined> {
  return (await client.wire.messagesUntil("Z")).at(-1)?.body.toString();
}

describe.each(KINDS)("a plugin that runs as %s", (kind, testKind) => {
  const inMode = async (mode: HookMode): Promise<void> => {
    await using gateway = await start(kind, mode);
    await using client = await openSession(gateway);
    const table = `wire_${kind.replaceAll(/\W/g, "_")}_${mode}`.toLowerCase();
    await postgres.query(`create table ${table} (t text)`);
    const count = async (): Promise<unknown> =>
      (await postgres.query(`select count(*)::int as n from ${table}`))[0]?.["n"];

    // Rewritten: in pieces, larger than what comes at once, and known by its name from then on.
    const asked = query("/*do:rewrite*/ select 'before'");
    for (let at = 0; at < asked.length; at += 7) client.send(asked.subarray(at, at + 7));
    expect((await client.answer()).rows).toEqual([["behind"]]);
    const padding = `/* ${"x".repeat(1_000_000)} */`;
    expect(await client.value(`/*do:rewrite*/ ${padding} select 'before' ${padding}`)).toBe(
      "behind",
    );
    const named = { name: "named", text: "/*do:rewrite*/ select 'before'" };
    const executed = [
      serialize.bind({ statement: "named" }),
      serialize.execute(),
      serialize.sync(),
    ];
    expect((await client.ask(serialize.parse(named), ...executed)).rows).toEqual([["behind"]]);
    await using other = await openSession(gateway);
    await other.ask("select 1");
    expect((await client.ask(Buffer.concat(executed))).rows).toEqual([["behind"]]);

    // An answer in many parts, each of them rewritten.
    const large = "/*do:mask*/ select 'secret' || repeat('x', 500) from generate_series(1, 2000)";
    for (const message of [query(large), batch(large)]) {
      const { rows } = await client.ask(message);
      expect(rows).toHaveLength(2_000);
      expect(rows.filter(([text]) => text?.startsWith("hiddenxxx") !== true)).toEqual([]);
    }

    // Ended, with and without an answer, in the middle of what a client sends ahead.
    client.send(
      batch("select 'one'"),
      batchAnswering("two"),
      batch("/*do:refuse*/ select 1"),
      batch("/*do:rewrite*/ select 'before'"),
      query(answering("five")),
      query("select 'six'"),
    );
    const answers = [];
    for (let index = 0; index < 6; index++) answers.push(await client.answer());
    expect(answers.map(({ rows, error }) => error ?? rows[0]?.[0])).toEqual([
      "one",
      "two",
      "42000",
      "behind",
      "five",
      "six",
    ]);

    // The status is that of the transaction, whatever the plugin believed.
    if (mode !== "statement") {
      client.send(
        query("begin"),
        query(answering("wrong")),
        query("/*do:refuse*/"),
        query("commit"),
      );
      const statuses = [];
      for (let index = 0; index < 4; index++) statuses.push(await statusOf(client));
      expect(statuses).toEqual(["T", "T", "T", "I"]);
    }

    // Of a batch that is ended nothing happens, be it flushed or not.
    const insert = statement(`insert into ${table} values ('x')`);
    const refused = statement("/*do:refuse*/ select 1");
    expect(await client.ask(Buffer.concat([insert, refused, serialize.sync()]))).toMatchObject({
      tags: "EZ",
      error: "42000",
    });
    client.send(insert, serialize.flush());
    await client.wire.messagesUntil("C");
    expect(await client.ask(Buffer.concat([refused, insert, serialize.sync()]))).toMatchObject({
      tags: "EZ",
      error: "42000",
    });
    expect(await count()).toBe(0);

    // COPY both ways.
    for (const [line, ended] of [
      ["/*do:refuse*/", "57014"],
      ["fine", undefined],
    ] as const) {
      client.send(query(`copy ${table} from stdin`));
      await client.wire.messagesUntil("G");
      client.send(frontendMessage("d", `${line}\n`), frontendMessage("c", ""));
      expect((await client.answer()).error).toBe(ended);
    }
    expect(await count()).toBe(1);
    client.send(query("/*do:mask*/ copy (select 'a secret') to stdout"));
    const copied = (await client.wire.messagesUntil("Z")).find(({ type }) => type === "d");
    expect(copied?.body.toString()).toBe("a hidden\n");

    // What comes by itself, or before its cycle has ended, is not held back.
    client.send(query("do $$ begin raise notice 'soon'; perform pg_sleep(0.1); end $$"));
    const types = (await client.wire.messagesUntil("Z")).map(({ type }) => type);
    expect(types.join("")).toBe("NCZ");
    await Promise.all([client.leave(), other.leave()]);
    await gateway.stop();
  };
  for (const mode of HOOK_MODES) {
    testKind(`has its way with traffic in mode ${mode}`, async () => await inMode(mode));
  }

  testKind("sees statement by statement what it is to end", async () => {
    await using gateway = await start(kind, "transaction", { framing: "statement" });
    await using client = await openSession(gateway);
    const table = `framed_${kind.replaceAll(/\W/g, "_")}`.toLowerCase();
    await postgres.query(`create table ${table} (t text)`);
    const insert = statement(`insert into ${table} values ('x')`);
    const bytes = Buffer.concat([backend.error("42501"), backend.ready()]).toString("hex");
    const ended = statement(`/*do:answer ${bytes}*/`);
    const later = statement("/*do:answer 4e6f206d65737361676521*/");
    const answer = await client.ask(Buffer.concat([insert, ended, later, serialize.sync()]));
    expect(answer).toMatchObject({ tags: "EZ", error: "42501" });
    expect(await postgres.query(`select * from ${table}`)).toEqual([]);
    const rewritten = statement("/*do:rewrite*/ select 'before'");
    const whole = await client.ask(Buffer.concat([insert, rewritten, insert, serialize.sync()]));
    expect(whole.rows).toEqual([["behind"]]);
    expect(await postgres.query(`select * from ${table}`)).toHaveLength(2);
    await client.leave();
    await gateway.stop();
  });

  for (const mode of ["passthrough", "transaction"] as const) {
    testKind(`sees no password in mode ${mode} where secrets are redacted`, async () => {
      await using secretive = await startPostgres({ auth: "scram-sha-256" });
      const directory = await mkdtemp(join(tmpdir(), "gatewayd-wire-"));
      const { user, password, database } = secretive;
      const usersFile = await writeUsersFile(directory, secretive);
      const auth = { method: "scram-sha-256", usersFile };
      for (const redactSecrets of [true, false]) {
        const record = join(directory, `${redactSecrets}.jsonl`);
        await using gateway = await startGatewayd({
          config: oneBlockConfig(secretive.address, {
            pool: poolOf(mode),
            server: mode === "passthrough" ? {} : { auth },
          }),
          plugins: JSON.stringify({ redactSecrets, plugins: [await recorderOf(kind, record)] }),
        });
        const { host, port } = gateway;
        const client = new Client({ host, port, user, password, database });
        await client.connect();
        expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
        await client.end();
        await gateway.stop();
        const calls = await callsIn(record);
        const requests = calls
          .filter(({ rpc }) => rpc === "OnTrafficFromClient")
          .map(({ request }) => request);
        const secrets = requests.filter((request) => request.startsWith("p"));
        expect(secrets.length).toBeGreaterThan(0);
        const hidden = secrets.filter((secret) => /^p.{4}\*+\0$/s.test(secret));
        expect(hidden).toHaveLength(redactSecrets ? secrets.length : 0);
        expect(requests.some((request) => request.includes("select 1 as x"))).toBe(true);
      }
      await rm(directory, { recursive: true });
    });
  }
});

for (const mode of ["passthrough", "transaction"] as const) {
  testGo(
    `a Go plugin that comes back amid an answer is shown nothing without its request in mode ${mode}`,
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "gatewayd-wire-"));
      const record = join(directory, "calls.jsonl");
      const env = [`RECORD=${record}`, "HOOKS=16,18,19"];
      await using gateway = await start("Go process", mode, { env, onError: "continue" });
      await using busy = await openSession(gateway);
      await using other = await openSession(gateway);
      const notices = `do $$ begin for i in 1..60 loop
      raise notice '%', i; perform pg_sleep(0.05); end loop; end $$`;
      busy.send(query(`${notices}; select 'late'`));
      expect(await other.value("/*do:crash*/ select 1")).toBe("1");
      await waitFor("the plugin to be back", async () => {
        return (await other.value("/*do:rewrite*/ select 'before'")) === "behind";
      });
      expect((await busy.answer()).rows).toEqual([["late"]]);
      expect(await busy.value("select 'next'")).toBe("next");
      await Promise.all([busy.leave(), other.leave()]);
      await gateway.stop();
      const answers = (await callsIn(record)).filter(({ response }) => response !== "");
      expect(answers.some(({ request }) => request.includes("'next'"))).toBe(true);
      // A message that comes by itself has no request.
      const unpaired = answers.filter(({ request, response }) => {
        return request === "" && !/^[NSA]/.test(response);
      });
      expect(unpaired).toEqual([]);
      await rm(directory, { recursive: true });
    },
  );
}

/** A plugin that writes down what it is called for. */
async function recorderOf(kind: Kind, record: string): Promise<object> {
  if (kind === "Go process") {
    return { name: "recorder", ...(await goRecorder()), env: [`RECORD=${record}`] };
  }
  const isolation = kind === "inline module" ? "inline" : "worker";
  return { name: "recorder-ts", localPath: RECORDER, isolation, config: { record } };
}

/** A call of a hook of traffic. */
interface RecordedCall {
  readonly rpc: string;
  readonly request: string;
  readonly response: string;
}

async function callsIn(record: string): Promise<readonly RecordedCall[]> {
  const lines = (await readFile(record, "utf8")).trim().split("\n");
  const text = (bytes = ""): string => Buffer.from(bytes, "base64").toString("latin1");
  return lines.flatMap((line) => {
    const { rpc, json }: { rpc: string; json: { request?: string; response?: string } } =
      JSON.parse(line);
    const isTraffic = rpc.startsWith("OnTraffic") && json.request !== undefined;
    return isTraffic ? [{ rpc, request: text(json.request), response: text(json.response) }] : [];
  });
}
