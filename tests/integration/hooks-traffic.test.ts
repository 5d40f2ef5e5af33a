import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  type HandlerRegistration,
  type HookHandler,
  type HookName,
  terminate,
} from "../../src/hooks/index.ts";
import { errorResponse, readyForQuery } from "../../src/postgres/index.ts";
import {
  connectWire,
  frontendMessage,
  oneBlockConfig,
  type PostgresServer,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode, writeUsersFile } from "./hook-modes.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

let postgres: PostgresServer;
let directory: string;
let usersFile: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-hooks-"));
  usersFile = await writeUsersFile(directory, postgres);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function started(mode: HookMode): Promise<GatewayInProcess> {
  return await startInMode(mode, postgres.address, { method: "scram-sha-256", usersFile });
}

async function connected(inside: GatewayInProcess): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ ...inside.target, user, password, database });
  client.on("error", () => {}); // Told by the query as well.
  await client.connect();
  return client;
}

function register(
  inside: GatewayInProcess,
  hook: HookName,
  handler: HookHandler,
  options: Partial<HandlerRegistration> = {},
): () => void {
  const registration = { name: "test", priority: 1000, onError: "continue", handler } as const;
  return inside.gateway.hooks.register(hook, { ...registration, ...options });
}

function bytesOf(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0);
}

/** Answers with the request in which one text stands for another. */
const rewriting =
  (from: string, to: string): HookHandler =>
  ({ request }) => {
    const bytes = bytesOf(request);
    if (bytes.toString("latin1", 0, 1) !== "Q") return undefined;
    const sql = bytes.toString("utf8", 5).replace(from, to);
    return { request: frontendMessage("Q", sql) };
  };

describe.each(HOOK_MODES)("in mode %s a handler of OnTrafficFromClient", (mode) => {
  test("rewrites requests, at once or later", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    const remove = register(inside, "OnTrafficFromClient", rewriting("'asked'", "'rewritten'"));
    expect((await client.query("select 'asked' as x")).rows).toEqual([{ x: "rewritten" }]);
    remove();
    expect((await client.query("select 'asked' as x")).rows).toEqual([{ x: "asked" }]);
    register(inside, "OnTrafficFromClient", async (payload) => {
      await new Promise((resolve) => setImmediate(resolve));
      return await rewriting("'asked'", "'later'")(payload);
    });
    expect((await client.query("select 'asked' as x")).rows).toEqual([{ x: "later" }]);
    await client.end();
  });

  test("rewrites requests that are larger than what comes at once", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    register(inside, "OnTrafficFromClient", rewriting("'asked'", "'rewritten'"));
    const padding = `/* ${"x".repeat(3_000_000)} */`;
    const answer = await client.query(`${padding} select 'asked' as x ${padding}`);
    expect(answer.rows).toEqual([{ x: "rewritten" }]);
    await client.end();
  });

  test("that answers later keeps requests and answers in order", async () => {
    await using inside = await started(mode);
    let calls = 0;
    register(inside, "OnTrafficFromClient", async () => {
      // Every second one takes longer than the one after it.
      for (let turn = calls++ % 2 === 0 ? 20 : 1; turn > 0; turn--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const client = await connected(inside);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, x) => {
        return (await client.query("select $1::int as x", [x])).rows[0]?.x;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, (_, x) => x));
    await client.end();
  });

  test("terminates a request with its own answer; the connection goes on", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    register(inside, "OnTrafficFromClient", ({ request }) => {
      if (!bytesOf(request).includes("forbidden")) return undefined;
      const error = errorResponse({ severity: "ERROR", sqlState: "42501", message: "not for you" });
      return terminate({ response: Buffer.concat([error, readyForQuery(0x49)]) });
    });
    await expect(client.query("select 'forbidden'")).rejects.toMatchObject({
      code: "42501",
      message: "not for you",
    });
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
  });

  test("terminates simple and extended requests without an answer of its own", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    const answered = client.query("select pg_sleep(0.1), 1 as x");
    register(inside, "OnTrafficFromClient", ({ request }) =>
      bytesOf(request).includes("forbidden") ? terminate() : undefined,
    );
    for (const values of [[], [1]]) {
      const query = client.query(
        `select 'forbidden'${values.length > 0 ? ", $1::int" : ""}`,
        values,
      );
      await expect(query).rejects.toMatchObject({ severity: "ERROR", code: "42000" });
    }
    expect((await answered).rows[0]?.x).toBe(1);
    // Mode statement has no transactions.
    if (mode !== "statement") await client.query("begin");
    await expect(client.query("select 'forbidden'")).rejects.toMatchObject({ code: "42000" });
    if (mode !== "statement") await client.query("rollback");
    expect((await client.query("select $1::int as x", [2])).rows).toEqual([{ x: 2 }]);
    await client.end();
  });

  test("refuses a login by terminating its startup", async () => {
    await using inside = await started(mode);
    register(inside, "OnTrafficFromClient", () => terminate());
    await using client = await connectWire(inside.target);
    client.startup();
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL" });
    await client.ended();
  });
});

describe.each(HOOK_MODES)("in mode %s a handler of OnTrafficFromServer", (mode) => {
  test("rewrites responses, at once or later", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    const shout = ({ response }: { readonly [key: string]: unknown }) => ({
      response: Buffer.from(
        bytesOf(response).toString("latin1").replace("quiet", "LOUD!"),
        "latin1",
      ),
    });
    const remove = register(inside, "OnTrafficFromServer", shout);
    expect((await client.query("select 'quiet' as x")).rows).toEqual([{ x: "LOUD!" }]);
    remove();
    register(inside, "OnTrafficFromServer", async (payload) => {
      await new Promise((resolve) => setImmediate(resolve));
      return shout(payload);
    });
    expect((await client.query("select 'quiet' as x")).rows).toEqual([{ x: "LOUD!" }]);
    await client.end();
  });

  test("rewrites each part of a large response", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    let parts = 0;
    register(inside, "OnTrafficFromServer", async ({ response }) => {
      parts++;
      await new Promise((resolve) => setImmediate(resolve));
      const text = bytesOf(response).toString("latin1").replaceAll("quiet", "LOUD!");
      return { response: Buffer.from(text, "latin1") };
    });
    const large = "select 'quiet' || repeat('x', 1000) as x from generate_series(1, 3000)";
    const { rows } = await client.query(large);
    expect(rows).toHaveLength(3_000);
    expect(rows.every(({ x }) => String(x).startsWith("LOUD!xxx"))).toBe(true);
    expect(parts).toBeGreaterThan(2);
    await client.end();
  });

  test("sees each answer beside its own request, in parts when it is large", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    inside.recordAll();
    await Promise.all([client.query("select 'first'"), client.query("select 'second'")]);
    await client.query("select repeat('x', 1000) from generate_series(1, 5000)");
    const answers = inside.events.filter(({ hook }) => hook === "OnTrafficFromServer");
    for (const [index, word] of ["first", "second"].entries()) {
      expect(bytesOf(answers[index]?.payload["request"]).toString()).toContain(word);
      expect(bytesOf(answers[index]?.payload["response"]).toString()).toContain(word);
    }
    const parts = answers.slice(2);
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.slice(0, -1).every(({ payload }) => payload["partial"] === true)).toBe(true);
    expect(parts.at(-1)?.payload["partial"]).toBeUndefined();
    await client.end();
  });
});

test.each(HOOK_MODES)(
  "in mode %s COPY data comes whole, and may fail its COPY alone",
  async (mode) => {
    await using trusting = await startPostgres();
    await trusting.query("create table copied (t text)");
    await using inside = await startInMode(mode, trusting.address, { method: "trust" });
    let seenBytes = 0;
    register(inside, "OnTrafficFromClient", ({ request }) => {
      const bytes = bytesOf(request);
      if (!["c", "d"].includes(bytes.toString("latin1", 0, 1))) return undefined;
      let at = 0;
      while (at < bytes.length) at += 1 + bytes.readUInt32BE(at + 1);
      expect(at).toBe(bytes.length);
      seenBytes += at;
      return bytes.includes("forbidden") ? terminate() : undefined;
    });
    await using client = await connectWire(inside.target);
    await client.login();
    const copy = async (lines: readonly string[]): Promise<string> => {
      client.query("copy copied from stdin");
      await client.messagesUntil("G");
      for (const line of lines) client.send(frontendMessage("d", `${line}\n`));
      client.send(frontendMessage("c", ""));
      const [first] = await client.messagesUntil("Z");
      return first?.body.toString() ?? "";
    };
    const lines = Array.from({ length: 2_000 }, (_, x) => "y".repeat(x % 200));
    expect(await copy(lines)).toStartWith("COPY 2000");
    // A header and a newline for each line, and CopyDone.
    expect(seenBytes).toBe(lines.join("").length + 6 * lines.length + 5);
    expect(await copy(["fine", "forbidden"])).toContain("57014");
    expect(await trusting.query("select count(*)::int as count from copied")).toEqual([
      { count: 2_000 },
    ]);
  },
);

describe.each(HOOK_MODES)("in mode %s a handler that fails", (mode) => {
  test("with onError continue is as if it had said nothing, each time anew", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    let calls = 0;
    register(inside, "OnTrafficFromClient", () => {
      calls++;
      throw new Error("a defect in a handler");
    });
    register(inside, "OnTrafficFromServer", () => Promise.reject(new Error("a late defect")));
    for (const x of [1, 2]) {
      expect((await client.query(`select ${x} as x`)).rows).toEqual([{ x }]);
    }
    expect(calls).toBe(2);
    const defects = inside.errors.filter((error) => error.endsWith(": a defect in a handler"));
    expect(defects).toHaveLength(2);
    expect(inside.errors).toContain("A hook's handler failed: a late defect");
    await client.end();
  });

  test("with onError terminate ends the request, not the connection", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    const fail: HookHandler = () => {
      throw new Error("a defect in a handler");
    };
    const remove = register(inside, "OnTrafficFromClient", fail, { onError: "terminate" });
    await expect(client.query("select 1")).rejects.toMatchObject({ code: "42000" });
    remove();
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
  });

  test("by never answering is given up after its time", async () => {
    await using inside = await started(mode);
    const client = await connected(inside);
    register(inside, "OnTrafficFromClient", () => new Promise(() => {}), { timeoutMs: 100 });
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
  });
});

describe.each(HOOK_MODES)("in mode %s handlers of a connection's events", (mode) => {
  test("hold up the connection until they have answered, and no other", async () => {
    await using inside = await started(mode);
    const opening = Promise.withResolvers<undefined>();
    let isFirst = true;
    register(inside, "OnOpening", () => {
      const answer = isFirst ? opening.promise : undefined;
      isFirst = false;
      return answer;
    });
    const held = connected(inside);
    await waitFor("the first client to be held", () => !isFirst);
    const other = await connected(inside);
    await other.query("select 1");
    await other.end();
    opening.resolve(undefined);
    const client = await held;
    await client.query("select 1");
    await client.end();
  });

  test("OnClosing and OnClosed come once for every way to leave", async () => {
    await using inside = await started(mode);
    inside.recordAll();
    const clients = await Promise.all([1, 2, 3].map(() => connectWire(inside.target)));
    const [resetting, closing, silent] = clients;
    for (const client of [resetting, closing]) client?.startup();
    await waitFor("two logins", () => {
      return inside.events.filter(({ hook }) => hook === "OnTrafficToClient").length >= 2;
    });
    resetting?.reset();
    await closing?.[Symbol.asyncDispose]();
    await silent?.[Symbol.asyncDispose]();
    const count = (name: HookName): number =>
      inside.events.filter(({ hook }) => hook === name).length;
    await waitFor("three closed clients", () => count("OnClosed") === 3);
    expect(count("OnOpening")).toBe(3);
    expect(count("OnClosing")).toBe(3);
    await inside.gateway.stopNow();
    expect(count("OnClosed")).toBe(3);
  });
});

test("a handler of OnRun chooses another address to listen on", async () => {
  const inside = await makeGateway(
    oneBlockConfig(postgres.address, { server: { address: "203.0.113.1:1" } }),
  );
  await using _inside = inside;
  register(inside, "OnRun", () => ({ address: "127.0.0.1:0" }));
  await inside.gateway.boot();
  expect(inside.target.host).toBe("127.0.0.1");
  const client = await connected(inside);
  await client.end();
});
