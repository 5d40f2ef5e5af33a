/** Commands that take their time: nobody who waits for an answer is taken for somebody who has gone to sleep. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { silentLogger } from "../../logging/index.ts";
import { Gatekeeper } from "../access/index.ts";
import type { AdminPort } from "../admin-port.ts";
import { CommandLayer } from "../commands/index.ts";
import { RestDoor } from "./rest-door.ts";
import { SecureServer } from "./secure-server.ts";
import type { SecureServerOptions } from "./secure-server.ts";

const TLS = join(import.meta.dir, "..", "..", "..", "tests", "fixtures", "tls");
const [cert = "", key = "", ca = ""] = ["server.crt", "server.key", "ca.crt"].map((name) =>
  readFileSync(join(TLS, name), "utf8"),
);

async function served(options: Pick<SecureServerOptions, "silenceMs" | "answer">) {
  const tls = { cert, key, clientCa: undefined };
  const server = new SecureServer({ tls, maxRequestBytes: 1_024, ...options });
  const port = await server.open("127.0.0.1", 0, false);
  return {
    port,
    url: `https://localhost:${port}`,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function textOf(stream: http2.ClientHttp2Stream): Promise<string> {
  let text = "";
  for await (const part of stream) text += String(part);
  return text;
}

const DONE = { changed: [], needsRestart: [], warnings: [] };

test("whoever waits for a reload is answered, and let go of when nothing is asked any more", async () => {
  const asked = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const port = {
    status: () => ({ phase: "serving", startedAtMs: 0, reasons: [] }),
    requested: () => {},
    reload: async () => {
      asked.resolve();
      await finished.promise;
      return DONE;
    },
  } as unknown as AdminPort; // All that a reload asks for.
  const anyone = { tokens: [], certificates: [], anonymous: "admin" } as const;
  const door = new RestDoor({
    layer: async () => new CommandLayer(port, silentLogger),
    gatekeeper: new Gatekeeper(anyone, () => {}),
    port,
    tls: undefined,
    silenceS: 1,
  });
  const address = await door.open({ host: "127.0.0.1", port: 0, isLocal: true }, false);
  const place = { host: "127.0.0.1", port: Number(address.split(":")[1]) };
  const client = connect(place);
  client.write("POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  await asked.promise;
  // It came later, and is let go of for its silence first.
  const silent = connect(place);
  silent.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(silent.resume(), "close");
  expect(client.closed).toBe(false);
  finished.resolve();
  let text = "";
  for await (const part of client) text += String(part);
  expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(text).toEndWith(JSON.stringify(DONE));
  await door.close();
}, 40_000);

test("over TLS a connection with questions and answers is kept, by HTTP/2 as well", async () => {
  const silenceMs = 100;
  await using server = await served({ silenceMs, answer: async () => new Response("done") });
  const session = http2.connect(server.url, { ca });
  const untilMs = performance.now() + silenceMs * 5;
  while (performance.now() < untilMs) {
    expect(await textOf(session.request({ ":path": "/" }))).toBe("done");
  }
  await once(session, "close");
});

test("over TLS whoever waits for an answer is kept, by either version of HTTP", async () => {
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const finished = Promise.withResolvers<void>();
  await using server = await served({
    silenceMs: 100,
    answer: async ({ url }) => {
      asked[url.endsWith("/2") ? 1 : 0]?.resolve();
      await finished.promise;
      return new Response("done");
    },
  });
  const { url, port } = server;
  const first = fetch(`${url}/1`, { tls: { ca } });
  const session = http2.connect(url, { ca });
  const second = textOf(session.request({ ":path": "/2" }));
  await Promise.all(asked.map(({ promise }) => promise));
  const silent = connectTls({ host: "localhost", port, ca });
  await once(silent.resume(), "close");
  finished.resolve();
  expect(await (await first).text()).toBe("done");
  expect(await second).toBe("done");
  // Nobody waits for anything any more.
  await once(session, "close");
});
