import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { Client } from "pg";
import postgres from "postgres";
import {
  type AuthAnswer,
  Authenticator,
  type AuthMethod,
  type AuthRequest,
  type AuthStep,
  deriveKeys,
  formatVerifier,
  Hidden,
  md5Hash,
  parseSecret,
  ScramSecrets,
  tlsServerEndPoint,
  UserTable,
  verifierOf,
} from "../../src/auth/index.ts";
import { frontendMessage, psql, testNeeding } from "../kit/index.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
const CERTIFICATE = readFileSync(join(TLS, "server.crt"));
const BINDING = tlsServerEndPoint(new X509Certificate(CERTIFICATE).raw);
const QUERY = 0x51;
const SSL_REQUEST = 80_877_103;
/** The same with and without SASLprep, which postgres.js leaves out. */
const PASSWORD = "secr\u00e9t 42";
const SALT = Buffer.from("0123456789abcdef");

const STORED = {
  plain: PASSWORD,
  md5: md5Hash("anna", new Hidden(PASSWORD)).reveal(),
  scram: formatVerifier(verifierOf(await deriveKeys(new Hidden(PASSWORD), SALT, 4_096), SALT)),
} as const;

const secrets = new ScramSecrets(randomBytes(32));
const servers: Server[] = [];

afterAll(() => {
  for (const server of servers) server.close();
});

/** An Authentication message. */
function authentication(code: number, data: Uint8Array | string = ""): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(code);
  return frontendMessage("R", Buffer.concat([body, Buffer.from(data)]));
}

function messageOf(request: AuthRequest): Buffer {
  switch (request.kind) {
    case "cleartext":
      return authentication(3);
    case "md5":
      return authentication(5, request.salt);
    case "sasl":
      return authentication(10, `${request.mechanisms.join("\0")}\0\0`);
    case "saslContinue":
      return authentication(11, request.data);
  }
}

function answerOf(request: AuthRequest, body: Buffer): AuthAnswer {
  switch (request.kind) {
    case "cleartext":
    case "md5":
      return { kind: "password", password: new Hidden(body.subarray(0, -1).toString()) };
    case "sasl": {
      const end = body.indexOf(0);
      const data = body.readInt32BE(end + 1) < 0 ? undefined : body.subarray(end + 5);
      return { kind: "saslInitial", mechanism: body.toString("latin1", 0, end), data };
    }
    case "saslContinue":
      return { kind: "saslResponse", data: body };
  }
}

/** A server that lets drivers log in by an Authenticator, and answers each query with one row, `in`. */
class LoginServer {
  /** The mechanism each client chose. */
  readonly mechanisms: string[] = [];
  readonly #users: UserTable;
  readonly #method: AuthMethod;

  constructor(method: AuthMethod, stored: string) {
    this.#method = method;
    const limits = { databases: undefined, maxConnections: undefined, validUntilMs: undefined };
    this.#users = new UserTable([{ name: "anna", secret: parseSecret(stored), ...limits }]);
  }

  async listen(): Promise<number> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      void this.#serve(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  async #serve(plain: Socket): Promise<void> {
    let stream = new PacketStream(plain);
    let packet = await stream.next(false);
    const isEncrypted = packet?.readUInt32BE(4) === SSL_REQUEST;
    if (isEncrypted) {
      stream.release();
      plain.write("S");
      const key = readFileSync(join(TLS, "server.key"));
      const secure = new TLSSocket(plain, { isServer: true, cert: CERTIFICATE, key });
      secure.on("error", () => {});
      stream = new PacketStream(secure);
      packet = await stream.next(false);
    }
    const words = packet?.subarray(8).toString().split("\0") ?? [];
    const userName = words[words.indexOf("user") + 1] ?? "";
    const gateway = new Authenticator({
      method: this.#method,
      userName,
      database: "postgres",
      lookup: this.#users.lookup(userName),
      secrets,
      isEncrypted,
      certificateNames: undefined,
      channelBinding: BINDING,
      nowMs: 0,
      randomBytes,
    });
    await this.#login(stream, gateway.start(), gateway);
  }

  async #login(stream: PacketStream, step: AuthStep, gateway: Authenticator): Promise<void> {
    if (step.kind === "failed") {
      const { sqlState, clientMessage } = step.error;
      stream.end(frontendMessage("E", `SFATAL\0VFATAL\0C${sqlState}\0M${clientMessage}\0\0`));
      return;
    }
    if (step.kind === "accepted") {
      if (step.serverFinal !== undefined) stream.write(authentication(12, step.serverFinal));
      stream.write(authentication(0), frontendMessage("Z", "I"));
      while ((await stream.next(true))?.[0] === QUERY) stream.write(ROW);
      return;
    }
    stream.write(messageOf(step.request));
    const message = await stream.next(true);
    if (message === undefined) return;
    const answer = answerOf(step.request, message.subarray(5));
    if (answer.kind === "saslInitial") this.mechanisms.push(answer.mechanism);
    await this.#login(stream, await gateway.answer(answer), gateway);
  }
}

/** The answer to a simple query: one row, one column. */
const ROW = Buffer.concat([
  frontendMessage(
    "T",
    Buffer.from("\0\x01c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", "latin1"),
  ),
  frontendMessage("D", "\0\x01\0\0\0\x02in"),
  frontendMessage("C", "SELECT 1\0"),
  frontendMessage("Z", "I"),
]);

/** Whole packets of a socket, one after the other. */
class PacketStream {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isOver = false;
  #wake = (): void => {};
  readonly #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.on("close", () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  release(): void {
    this.#socket.off("data", this.#onData);
  }

  write(...messages: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(messages));
  }

  end(message: Buffer): void {
    this.#socket.end(message);
  }

  /** The next packet, with or without a tag; undefined at the end. */
  async next(hasTag: boolean): Promise<Buffer | undefined> {
    const at = hasTag ? 1 : 0;
    for (;;) {
      const { length } = this.#received;
      const total = length >= at + 4 ? at + this.#received.readUInt32BE(at) : Infinity;
      if (length >= total) {
        const packet = this.#received.subarray(0, total);
        this.#received = this.#received.subarray(total);
        return packet;
      }
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const CASES = [
  ["scram-sha-256", "scram"],
  ["scram-sha-256", "plain"],
  ["md5", "md5"],
  ["md5", "plain"],
  ["md5", "scram"],
  ["cleartext", "scram"],
] as const;

describe.each(CASES)("by %s with a password stored as %s", (method, kind) => {
  const login = (title: string, attempt: (port: number, password: string) => Promise<unknown>) => {
    const run = async (): Promise<void> => {
      const port = await new LoginServer(method, STORED[kind]).listen();
      await attempt(port, PASSWORD);
      const refused = attempt(port, "wrong").then(
        () => "admitted",
        (error: unknown) => String(error),
      );
      expect(await refused).toContain("password authentication failed");
    };
    if (title === "libpq") testNeeding("psql")("libpq logs in, with the right password only", run);
    else test(`${title} logs in, with the right password only`, run);
  };

  login("libpq", async (port, password) => {
    const env = {
      PGUSER: "anna",
      PGPASSWORD: password,
      PGSSLMODE: "require",
      PGDATABASE: "postgres",
    };
    const result = await psql("select 'in'", { host: "127.0.0.1", port, env });
    if (result.code !== 0) throw new Error(result.stderr);
    expect(result.stdout.trim()).toBe("in");
  });

  login("pg", async (port, password) => {
    const ssl = { rejectUnauthorized: false };
    const client = new Client({ host: "127.0.0.1", port, user: "anna", password, ssl });
    await client.connect();
    await client.end();
  });

  login("postgres.js", async (port, password) => {
    const ssl = { rejectUnauthorized: false };
    const options = { host: "127.0.0.1", port, user: "anna", password, ssl, max: 1 };
    const sql = postgres({ ...options, fetch_types: false, database: "postgres" });
    try {
      expect(await sql`select 'in'`.simple()).toHaveLength(1);
    } finally {
      await sql.end();
    }
  });
});

describe("channel binding", () => {
  const attempt = async (server: LoginServer, env: Readonly<Record<string, string>>) => {
    const port = await server.listen();
    const all = { PGUSER: "anna", PGPASSWORD: PASSWORD, PGDATABASE: "postgres", ...env };
    return await psql("select 'in'", { host: "127.0.0.1", port, env: all });
  };

  testNeeding("psql")("is used by libpq over TLS, also if it insists", async () => {
    const server = new LoginServer("scram-sha-256", STORED.scram);
    const env = { PGSSLMODE: "require", PGCHANNELBINDING: "require" };
    expect((await attempt(server, env)).stdout.trim()).toBe("in");
    expect(server.mechanisms).toEqual(["SCRAM-SHA-256-PLUS"]);
  });

  testNeeding("psql")("is not in the way of a client that does without", async () => {
    for (const env of [
      { PGSSLMODE: "require", PGCHANNELBINDING: "disable" },
      { PGSSLMODE: "disable" },
    ]) {
      const server = new LoginServer("scram-sha-256", STORED.scram);
      expect((await attempt(server, env)).stdout.trim()).toBe("in");
      expect(server.mechanisms).toEqual(["SCRAM-SHA-256"]);
    }
  });
});
