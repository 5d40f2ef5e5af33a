import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type HookHandler, terminate, type TrafficTerms } from "../../src/hooks/index.ts";
import { bytesIn } from "../fixtures/handlers.ts";
import { frontend } from "../fixtures/wire/index.ts";
import { connectWire, type PostgresServer, startPostgres, type WireClient } from "../kit/index.ts";
import { HOOK_MODES, startInMode, writeUsersFile } from "./hook-modes.ts";
import type { GatewayInProcess } from "./start-gateway.ts";

const { parse, bind, execute, sync, flush } = frontend;

let trusting: PostgresServer;
let secretive: PostgresServer;
let directory: string;

beforeAll(async () => {
  [trusting, secretive] = await Promise.all([
    startPostgres(),
    startPostgres({ auth: "scram-sha-256" }),
  ]);
  directory = await mkdtemp(join(tmpdir(), "gatewayd-framing-"));
}, 60_000);

afterAll(async () => {
  await trusting[Symbol.asyncDispose]();
  await secretive[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Registers handlers of OnTrafficFromClient, one behind the other. */
function register(
  inside: GatewayInProcess,
  ...handlers: readonly (readonly [TrafficTerms, HookHandler])[]
): void {
  for (const [index, [traffic, handler]] of handlers.entries()) {
    inside.gateway.hooks.register("OnTrafficFromClient", {
      name: `handler ${index}`,
      priority: 1_000 + index,
      onError: "continue",
      handler,
      traffic,
    });
  }
}

function statement(sql: string): Buffer {
  return Buffer.concat([parse(sql), bind(), execute()]);
}

/** Types of the messages of an answer, and what is in its rows and its error. */
async function answerTo(client: WireClient, ...parts: readonly Uint8Array[]): Promise<string> {
  client.send(Buffer.concat(parts));
  const messages = await client.messagesUntil("Z");
  return messages
    .map(({ type, body }) => {
      if (type === "D") return `D(${body.toString("utf8", 6)})`;
      return type === "E" ? `E(${/\0C([^\0]+)/.exec(body.toString())?.[1]})` : type;
    })
    .join(" ");
}

describe.each(HOOK_MODES)("in mode %s", (mode) => {
  test("of a batch that one handler sees by statements nothing goes out if one is terminated", async () => {
    await using inside = await startInMode(mode, trusting.address, { method: "trust" });
    await trusting.query(`create table if not exists framed_${mode} (x int)`);
    await using client = await connectWire(inside.target);
    await client.login();
    const seen: string[] = [];
    const note =
      (name: string): HookHandler =>
      (payload) => {
        const request = bytesIn(payload, "request").toString("latin1");
        const inserted = [...request.matchAll(/insert|forbidden|fine/g)].map(([word]) => word);
        seen.push(`${name}: ${inserted.join(" ")}`);
        return name === "statement" && inserted.includes("forbidden") ? terminate() : undefined;
      };
    register(
      inside,
      [{ framing: "unit" }, note("unit")],
      [{ framing: "statement" }, note("statement")],
      [{ framing: "unit" }, note("last")],
    );
    const insert = statement(`insert into framed_${mode} values (1)`);
    const forbidden = statement("select 'forbidden'");
    expect(await answerTo(client, insert, forbidden, sync())).toBe("E(42000) Z");
    expect(await trusting.query(`select * from framed_${mode}`)).toEqual([]);
    expect(seen.splice(0)).toEqual([
      "unit: insert forbidden",
      "statement: insert",
      "statement: forbidden",
    ]);
    const fine = statement("select 'fine'");
    expect(await answerTo(client, insert, fine, sync())).toBe("1 2 C 1 2 D(fine) C Z");
    expect(seen).toEqual([
      "unit: insert fine",
      "statement: insert",
      "statement: fine",
      "last: insert fine",
    ]);
    expect(await trusting.query(`select * from framed_${mode}`)).toEqual([{ x: 1 }]);
  });

  test("statements are rewritten one by one, and followed as they are sent", async () => {
    await using inside = await startInMode(mode, trusting.address, { method: "trust" });
    await using client = await connectWire(inside.target);
    await using other = await connectWire(inside.target);
    await client.login();
    register(inside, [
      { framing: "statement" },
      async (payload) => {
        const request = bytesIn(payload, "request");
        if (!request.includes("'asked'")) return undefined;
        await new Promise((resolve) => setImmediate(resolve));
        const name = request.includes("named") ? "named" : "";
        return {
          request: Buffer.concat([
            parse("select 'rewritten ' || 'longer'", name),
            request.subarray(1 + request.readUInt32BE(1)),
          ]),
        };
      },
    ]);
    const named = [parse("select 'asked'", "named"), bind("", "named"), execute()];
    const batch = [statement("select 'one'"), ...named, statement("select 'asked'"), sync()];
    expect(await answerTo(client, ...batch)).toBe(
      "1 2 D(one) C 1 2 D(rewritten longer) C 1 2 D(rewritten longer) C Z",
    );
    // The name stands for what was sent, on whichever connection, and for nobody else.
    const again = [bind("", "named"), execute(), sync()];
    expect(await answerTo(client, ...again)).toBe("2 D(rewritten longer) C Z");
    await other.login();
    const theirs = [parse("select 'theirs'", "named"), bind("", "named"), execute(), sync()];
    expect(await answerTo(other, ...theirs)).toBe("1 2 D(theirs) C Z");
    expect(await answerTo(client, ...again)).toBe("2 D(rewritten longer) C Z");
    expect(await answerTo(client, statement("select 'asked'"), flush(), sync())).toBe(
      "1 2 D(rewritten longer) C Z",
    );
  });

  test.each(["alone", "in a transaction"])(
    "of a batch in parts nothing is committed when a later one is refused: %s",
    async (where) => {
      if (mode === "statement" && where !== "alone") return;
      await using inside = await startInMode(mode, trusting.address, { method: "trust" });
      const table = `parted_${mode}_${where.replaceAll(" ", "_")}`;
      await trusting.query(`create table ${table} (x int)`);
      await using client = await connectWire(inside.target);
      await client.login();
      register(inside, [
        { batchBytes: 1_000 },
        (payload) => (bytesIn(payload, "request").includes("forbidden") ? terminate() : undefined),
      ]);
      if (where !== "alone") {
        client.query("begin");
        await client.messagesUntil("Z");
      }
      const inserts = Array.from({ length: 20 }, (_, x) =>
        statement(`insert into ${table} values (${x})`),
      );
      const forbidden = statement("select 'forbidden'");
      client.send(Buffer.concat([...inserts, forbidden, ...inserts, sync()]));
      const answer = await client.messagesUntil("Z");
      const types = answer.map(({ type }) => type);
      expect(types.filter((type) => type === "C").length).toBeGreaterThan(5);
      expect(types.slice(-2)).toEqual(["E", "Z"]);
      expect(types.filter((type) => type === "E")).toHaveLength(1);
      expect(answer.at(-1)?.body.toString()).toBe(where === "alone" ? "I" : "E");
      if (where !== "alone") {
        client.query("commit");
        await client.messagesUntil("Z");
      }
      expect(await trusting.query(`select * from ${table}`)).toEqual([]);
      expect(await answerTo(client, statement("select 'next'"), sync())).toBe("1 2 D(next) C Z");
    },
  );

  test("rules alone are shown a batch whole, however long it is", async () => {
    const rule = {
      name: "no drops",
      condition: 'statements.exists(s, s.startsWith("drop table"))',
      terminate: { sqlState: "42501" },
    };
    const plugins = { rules: [rule] };
    const auth = { method: "trust" };
    await using inside = await startInMode(mode, trusting.address, auth, { plugins });
    await trusting.query(`create table ruled_${mode} (x text)`);
    await using client = await connectWire(inside.target);
    await client.login();
    const long = statement(`insert into ruled_${mode} values ('${"x".repeat(900_000)}')`);
    const drop = statement(`drop table ruled_${mode}`);
    expect(await answerTo(client, long, long, drop, sync())).toBe("E(42501) Z");
    expect(await trusting.query(`select * from ruled_${mode}`)).toEqual([]);
    expect(await answerTo(client, long, long, sync())).toBe("1 2 C 1 2 C Z");
  });

  test("a handler without secrets sees a login and no password, and the login works", async () => {
    const usersFile = await writeUsersFile(directory, secretive);
    const auth = { method: "scram-sha-256", usersFile };
    await using inside = await startInMode(mode, secretive.address, auth);
    const seen: Buffer[][] = [[], []];
    const keep =
      (index: number): HookHandler =>
      (payload) => {
        const request = bytesIn(payload, "request");
        if (request.toString("latin1", 0, 1) === "p") seen[index]?.push(request);
        return payload;
      };
    register(inside, [{ redactsSecrets: true }, keep(0)], [{ redactsSecrets: false }, keep(1)]);
    const { user, password, database } = secretive;
    const client = new Client({ ...inside.target, user, password, database });
    await client.connect();
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
    const [redacted = [], plain = []] = seen;
    expect(redacted).toHaveLength(2);
    expect(redacted.map(({ length }) => length)).toEqual(plain.map(({ length }) => length));
    for (const request of redacted) expect(request.toString("latin1", 5)).toMatch(/^\*+\0$/);
    expect(plain[0]?.includes("SCRAM-SHA-256")).toBe(true);
    expect(plain[1]?.includes(",p=")).toBe(true);
  });
});
