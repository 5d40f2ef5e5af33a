/** Servers that are odd or hostile: the client is told, the log says why, and nothing secret is given away. */
import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Client } from "pg";
import { backend, message } from "../fixtures/wire/index.ts";
import { oneBlockConfig } from "../kit/index.ts";
import { makeGateway } from "./start-gateway.ts";

const PASSWORD = "hunter2";
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

interface Heard {
  readonly socket: Socket;
  /** All that the gateway has said on this connection. */
  readonly text: string;
}

/** A server that answers each piece it hears. @returns its port, and what it has heard */
async function serve(answer: (heard: Heard) => Uint8Array | undefined) {
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    const own: Buffer[] = [];
    cleanUps.push(() => socket.destroy());
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      own.push(bytes);
      heard.push(bytes);
      const words = answer({ socket, text: Buffer.concat(own).toString("latin1") });
      if (words !== undefined) socket.write(words);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(() => server.close());
  const bound = server.address();
  const port = bound === null || typeof bound === "string" ? 0 : bound.port;
  return { port, text: () => Buffer.concat(heard).toString("latin1") };
}

const sasl = (...mechanisms: readonly string[]) =>
  backend.authentication(10, ...mechanisms, Uint8Array.of(0));

/** Begins SCRAM, and goes on with a challenge made of the gateway's nonce. */
function challenging(challenge: (nonce: string) => string, then?: Uint8Array) {
  return ({ text }: Heard): Uint8Array | undefined => {
    const [, nonce] = /n,,n=[^,]*,r=([A-Za-z0-9+/=]+)/.exec(text) ?? [];
    if (nonce === undefined) return sasl("SCRAM-SHA-256");
    if (text.includes("c=biws")) return then;
    return message("R", Uint8Array.of(0, 0, 0, 11), Buffer.from(challenge(nonce)));
  };
}

const always = (words: Uint8Array | string) => () => Buffer.from(words);

const TLS = { tlsMode: "prefer" };
const CASES: readonly (readonly [
  string,
  object,
  (heard: Heard) => Uint8Array | undefined,
  string,
  string,
])[] = [
  [
    "wants endless derivations",
    {},
    challenging((nonce) => `r=${nonce}x,s=c2FsdA==,i=2000000000`),
    "08004",
    "asks for 2000000000 iterations",
  ],
  [
    "has a nonce of its own",
    {},
    challenging(() => "r=another,s=c2FsdA==,i=4096"),
    "08004",
    "wrong nonce",
  ],
  [
    "does not know the password itself",
    {},
    challenging((nonce) => `r=${nonce}x,s=c2FsdA==,i=4096`, backend.authenticationOk()),
    "08004",
    "accepts us out of turn",
  ],
  [
    "proves a wrong password",
    {},
    challenging(
      (nonce) => `r=${nonce}x,s=c2FsdA==,i=4096`,
      message("R", Uint8Array.of(0, 0, 0, 12), Buffer.from(`v=${"A".repeat(43)}=`)),
    ),
    "08004",
    "SCRAM login",
  ],
  ["asks in clear text", {}, always(backend.authentication(3)), "08004", "is not encrypted"],
  ["asks for Kerberos", {}, always(backend.authentication(2)), "08004", "asks for Kerberos V5"],
  ["asks for GSSAPI", {}, always(backend.authentication(7)), "08004", "asks for GSSAPI"],
  ["asks for SSPI", {}, always(backend.authentication(9)), "08004", "asks for SSPI"],
  ["asks for the unknown", {}, always(backend.authentication(77)), "08004", "method 77"],
  ["has another kind of SASL", {}, always(sasl("OAUTHBEARER")), "08004", "OAUTHBEARER"],
  ["speaks HTTP", {}, always("HTTP/1.1 400 Bad Request\r\n\r\n"), "08004", "announces"],
  ["sends bytes behind its S", TLS, always("S\x16\x03\x01"), "08004", "more than S or N"],
  ["sends bytes behind its N", TLS, always("NR"), "08004", "more than S or N"],
  ["answers an SSLRequest oddly", TLS, always("X"), "08004", "byte 88"],
  ["has no TLS", { tlsMode: "require" }, always("N"), "08004", "has no TLS"],
  [
    "leaves at once",
    {},
    ({ socket }) => void socket.destroy(),
    "08001",
    "closed the connection while logging in",
  ],
  ["says nothing", {}, () => undefined, "08001", "did not finish logging in within 300 ms"],
  ["says nothing about TLS", TLS, () => undefined, "08001", "negotiating TLS within 300 ms"],
];

test.each(CASES)("a server that %s", async (_, tls, answer, code, reason) => {
  const server = await serve(answer);
  await using inside = await makeGateway(
    oneBlockConfig(`127.0.0.1:${server.port}`, {
      client: {
        startupParams: { user: "shared", password: PASSWORD, database: "shop" },
        dialTimeout: "300ms",
        ...tls,
      },
      pool: { mode: "transaction", queueTimeout: "1s" },
      server: { auth: { method: "trust" } },
    }),
  );
  await inside.gateway.boot();
  const client = new Client({ ...inside.target, user: "anybody", database: "shop" });
  client.on("error", () => {});
  await expect(client.connect()).rejects.toMatchObject({ severity: "FATAL", code });
  expect(inside.errors.join("\n")).toContain(reason);
  expect(inside.errors.join("\n") + server.text()).not.toContain(PASSWORD);
});
