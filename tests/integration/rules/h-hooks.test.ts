import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serialize } from "pg-protocol";
import {
  type HookHandler,
  type HookName,
  type HookPayload,
  terminate,
} from "../../../src/hooks/index.ts";
import { batch, openSession, query, type RuleSession } from "../../e2e/rules/rule-session.ts";
import { bytesIn, terminateIf } from "../../fixtures/handlers.ts";
import { told } from "../../fixtures/session.ts";
import { backend } from "../../fixtures/wire/index.ts";
import {
  connectWire,
  frontendMessage,
  type PostgresServer,
  startPostgres,
  waitFor,
} from "../../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode } from "../hook-modes.ts";
import type { GatewayInProcess } from "../start-gateway.ts";

const POOLED = HOOK_MODES.filter((mode) => mode !== "passthrough");
const TRUST = { method: "trust" };

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-rules-"));
  postgres = await startPostgres();
  await postgres.query("create table copied (t text); create table rules (x int)");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** One server connection, so that whoever holds it leaves none. */
async function started(mode: HookMode, address = postgres.address): Promise<GatewayInProcess> {
  return await startInMode(mode, address, TRUST, { pool: { size: 1 } });
}

function on(inside: GatewayInProcess, hook: HookName, handler: HookHandler): () => void {
  const registration = { name: "rule", priority: 1000, onError: "continue", handler } as const;
  return inside.gateway.hooks.register(hook, registration);
}

/** What handlers of OnTrafficFromServer are shown from here on: tags, and whether more follows. */
function partsOf(inside: GatewayInProcess): string[] {
  const parts: string[] = [];
  on(inside, "OnTrafficFromServer", (payload) => {
    const more = payload["partial"] === true ? " ..." : "";
    parts.push(`${told(bytesIn(payload, "response"))}${more}`);
  });
  return parts;
}

/** Tags of requests; those without a tag are startups. */
function nameOf(request: Uint8Array): string {
  return request[0] === 0 ? "startup" : told(request);
}

interface Call {
  readonly hook: HookName;
  readonly request: string;
  readonly response: string;
  readonly server: { readonly local: string; readonly remote: string };
}

function callsOf(inside: GatewayInProcess): readonly Call[] {
  return inside.events.flatMap(({ hook, payload }) =>
    hook.startsWith("OnTraffic") && hook !== "OnTraffic" ? [callOf(hook, payload)] : [],
  );
}

function callOf(hook: HookName, payload: HookPayload): Call {
  const { response, server } = payload;
  return {
    hook,
    request: nameOf(bytesIn(payload, "request")),
    response: response === undefined ? "" : told(bytesIn(payload, "response")),
    server: server as Call["server"],
  };
}

async function logInWith(
  password: string,
  user: { readonly host: string; readonly port: number },
): Promise<string> {
  await using client = await connectWire(user);
  client.startup();
  await client.messagesUntil("R");
  client.send(frontendMessage("p", `${password}\0`));
  const [first] = await client.messagesUntil(password === "right" ? "Z" : "E");
  return first?.type ?? "";
}

describe.each(HOOK_MODES)("27: in mode %s what hooks hold is handed on", (mode) => {
  test("27: when the client is to feed or to read a COPY", async () => {
    await using inside = await started(mode);
    await using client = await openSession(inside.target);
    const parts = partsOf(inside);
    client.send(query("copy copied from stdin"));
    await client.wire.messagesUntil("G");
    client.send(frontendMessage("d", "one\n"), frontendMessage("c", ""));
    await client.answer();
    await client.ask("copy (select 1) to stdout");
    expect(parts).toEqual(["G ...", "C Z", "H ...", "d c C Z"]);
  });

  test("27: when all that a Flush asked for has come", async () => {
    await using inside = await started(mode);
    await using client = await openSession(inside.target);
    const parts = partsOf(inside);
    client.send(serialize.parse({ text: "select 1" }), serialize.describe({ type: "S" }));
    client.send(serialize.flush());
    await client.wire.messagesUntil("T");
    client.send(serialize.bind(), serialize.execute(), serialize.sync());
    await client.answer();
    expect(parts).toEqual(["1 t T ...", "2 D C Z"]);
  });

  test("27: when it belongs to no cycle", async () => {
    await using inside = await started(mode);
    await using client = await openSession(inside.target);
    await client.ask("listen news");
    const parts = partsOf(inside);
    // Handlers see what begins after they came: this.
    await client.ask("");
    await postgres.query("notify news");
    await client.wire.messagesUntil("A");
    expect(parts).toEqual(["I Z", "A ..."]);
  });

  test("27: when the server pauses; its end has the ReadyForQuery", async () => {
    await using inside = await started(mode);
    await using client = await openSession(inside.target);
    const parts = partsOf(inside);
    client.send(query("do $$ begin raise notice 'soon'; perform pg_sleep(0.2); end $$"));
    await client.wire.messagesUntil("N");
    expect(parts).toEqual(["N ..."]);
    await client.answer();
    expect(parts).toEqual(["N ...", "C Z"]);
  });
});

describe.each(POOLED)("28: in mode %s hooks", (mode) => {
  test("28: see logins, and what the gateway answers", async () => {
    const usersFile = join(directory, "users.txt");
    await writeFile(usersFile, '"postgres" "right"\n');
    const auth = { method: "cleartext", usersFile, allowUnencryptedCleartext: true };
    await using inside = await startInMode(mode, postgres.address, auth);
    inside.recordAll();
    expect(await logInWith("right", inside.target)).toBe("R");
    const calls = callsOf(inside);
    expect(
      calls.slice(0, 6).map(({ hook, request, response }) => [hook, request, response]),
    ).toEqual([
      ["OnTrafficFromClient", "startup", ""],
      ["OnTrafficToServer", "startup", ""],
      ["OnTrafficFromServer", "startup", "R"],
      ["OnTrafficToClient", "startup", "R"],
      ["OnTrafficFromClient", "p", ""],
      ["OnTrafficToServer", "p", ""],
    ]);
    // In two parts when the server has to be asked for it.
    for (const hook of ["OnTrafficFromServer", "OnTrafficToClient"]) {
      const greeting = calls.slice(6).filter((call) => call.hook === hook);
      expect(greeting.map(({ response }) => response).join(" ")).toMatch(/^R (S )+K Z$/);
    }
    inside.events.length = 0;
    expect(await logInWith("wrong", inside.target)).toBe("E");
    expect(callsOf(inside).at(-1)).toMatchObject({ request: "p", response: "E FATAL 28P01" });
  });

  test("28: are told one address of the server, from the start, and our end while it is leased", async () => {
    // By name, and nobody has been there yet.
    await using inside = await started(mode, `localhost:${postgres.port}`);
    inside.recordAll();
    await using client = await openSession(inside.target);
    await client.ask("select 1");
    const calls = callsOf(inside);
    expect(new Set(calls.map(({ server }) => server.remote))).toEqual(
      new Set([`127.0.0.1:${postgres.port}`]),
    );
    const localOf = (request: string): readonly boolean[] =>
      calls.filter((call) => call.request === request).map(({ server }) => server.local !== "");
    expect(new Set(localOf("startup"))).toEqual(new Set([false]));
    expect(localOf("Q")).toEqual([false, true, true, true]);
  });

  test("28: see the client's words only", async () => {
    await using inside = await started(mode);
    inside.recordAll();
    await using one = await openSession(inside.target);
    await one.ask("set datestyle to german");
    await one.ask(
      serialize.parse({ name: "mine", text: "select now()" }),
      serialize.bind({ statement: "mine" }),
      serialize.execute(),
      serialize.sync(),
    );
    if (mode !== "session") {
      await using other = await openSession(inside.target);
      await other.ask("select 2");
      await one.ask(serialize.bind({ statement: "mine" }), serialize.execute(), serialize.sync());
      await one.ask("execute mine");
    }
    const requests = inside.events.flatMap(({ hook, payload }) =>
      hook === "OnTrafficFromClient" || hook === "OnTrafficToServer"
        ? [bytesIn(payload, "request").toString("latin1").toLowerCase()]
        : [],
    );
    const withSet = requests.filter((text) => text.includes("datestyle"));
    expect(withSet).toHaveLength(2);
    expect(requests.filter((text) => text.includes("gatewayd"))).toEqual([]);
    expect(requests.filter((text) => text.includes("pg_settings"))).toEqual([]);
    const answers = callsOf(inside).filter(({ hook }) => hook === "OnTrafficToClient");
    const ofBatches = answers.filter(({ request }) => /^[PB]/.test(request));
    const expected = ["P B E S > 1 2 D C Z", "B E S > 2 D C Z"];
    expect(ofBatches.map(({ request, response }) => `${request} > ${response}`)).toEqual(
      mode === "session" ? expected.slice(0, 1) : expected,
    );
  });

  test("28: use what handlers make of a startup", async () => {
    await using inside = await started(mode);
    on(inside, "OnTrafficFromClient", (payload) => {
      const request = bytesIn(payload, "request");
      if (request[0] !== 0) return undefined;
      return { request: Buffer.from(request.toString("latin1").replace("before", "behind")) };
    });
    await using client = await openSession(inside.target, { application_name: "before" });
    expect(await client.value("show application_name")).toBe("behind");
  });

  test("4: lease nothing for what a handler answers", async () => {
    await using inside = await started(mode);
    on(inside, "OnTrafficFromClient", terminateIf("cached", backend.rows("from the cache")));
    await using holding = await openSession(inside.target);
    await using client = await openSession(inside.target);
    // The only server connection: held by the mode, or by a client that feeds a COPY.
    holding.send(query("copy copied from stdin"));
    await holding.wire.messagesUntil("G");
    expect(await client.value("cached")).toBe("from the cache");
    expect((await client.ask(batch("cached"))).rows).toEqual([["from the cache"]]);
    client.send(query("select 'asked'"), query("cached"));
    const pools = (): unknown => inside.gateway.snapshot()[0]?.pools["writes"];
    // With multiplexing the gateway may wait beside it, to ask what may be shared.
    await waitFor("a client that waits", () => /"waiting":[1-9]/.test(JSON.stringify(pools())));
    expect(client.wire.received.length).toBe(0);
    holding.send(frontendMessage("c", ""));
    await holding.answer();
    if (mode === "session") await holding.leave();
    expect((await client.answer()).rows).toEqual([["asked"]]);
    expect((await client.answer()).rows).toEqual([["from the cache"]]);
  });
});

describe.each(HOOK_MODES)(
  "29: in mode %s a request that is terminated without response",
  (mode) => {
    const refused = async (client: RuleSession, ...messages: readonly Uint8Array[]) => {
      const { tags, error } = await client.ask(Buffer.concat(messages));
      return `${tags} ${error}`;
    };

    test("29: has an error and ReadyForQuery, with the true status of the transaction", async () => {
      await using inside = await started(mode);
      await using client = await openSession(inside.target);
      on(inside, "OnTrafficFromClient", terminateIf("forbidden"));
      expect(await refused(client, query("forbidden"))).toBe("EZ 42000");
      expect(await refused(client, batch("forbidden"))).toBe("EZ 42000");
      if (mode !== "statement") {
        await client.ask("begin");
        client.send(query("forbidden"));
        const status = (await client.wire.messagesUntil("Z")).at(-1)?.body.toString();
        expect(status).toBe("T");
        expect(await client.value("select 1")).toBe("1");
        await client.ask("commit");
      }
      expect(await client.value("select 1")).toBe("1");
    });

    test("29: up to a Flush has the error at once, and is void to its Sync", async () => {
      await using inside = await started(mode);
      await using client = await openSession(inside.target);
      on(inside, "OnTrafficFromClient", terminateIf("forbidden"));
      client.send(serialize.parse({ text: "forbidden" }), serialize.flush());
      expect(await client.wire.errorResponse()).toMatchObject({ severity: "ERROR", code: "42000" });
      client.send(serialize.bind(), serialize.execute());
      expect((await client.ask(serialize.sync())).tags).toBe("Z");
      // The server saw a part of this one, and has to be told that it is over.
      client.send(serialize.parse({ text: "insert into rules values (1)" }), serialize.bind());
      client.send(serialize.execute(), serialize.flush());
      await client.wire.messagesUntil("C");
      client.send(serialize.parse({ text: "forbidden" }), serialize.flush());
      await client.wire.errorResponse();
      expect((await client.ask(serialize.execute(), serialize.sync())).tags).toBe("Z");
      expect(await client.value("select count(*) from rules")).toBe("0");
    });

    test("29: of a COPY fails it on the server", async () => {
      await using inside = await started(mode);
      await using client = await openSession(inside.target);
      on(inside, "OnTrafficFromClient", terminateIf("forbidden"));
      client.send(query("copy copied from stdin"));
      await client.wire.messagesUntil("G");
      client.send(frontendMessage("d", "forbidden\n"), frontendMessage("c", ""));
      expect(await client.answer()).toMatchObject({ tags: "EZ", error: "57014" });
      expect(await client.value("select count(*) from copied where t like 'for%'")).toBe("0");
    });

    test("29: of a startup ends the connection", async () => {
      await using inside = await started(mode);
      on(inside, "OnTrafficFromClient", () => terminate());
      await using client = await connectWire(inside.target);
      client.startup();
      expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "42000" });
      await client.ended();
    });
  },
);
