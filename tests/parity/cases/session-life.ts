import {
  IDLE_WITHOUT_SERVER,
  LONE_SYNC,
  NO_TRANSACTIONS,
  OTHER_PROTOCOL,
  PASSWORD_TOLD_BY_US,
  VIOLATION_OF_STARTUP,
  VIOLATION_TOLD_BY_US,
} from "../differences.ts";
import { cancelRequest, frontendMessage, sslRequest } from "../../kit/index.ts";
import {
  bind,
  copyData,
  execute,
  extended,
  flush,
  parse,
  query,
  sync,
  terminate,
} from "../messages.ts";
import { oneClient, onStage, type ParityCase } from "../parity-case.ts";

/** A packet without a tag: length, code, and the rest. */
function packet(code: number, rest: Uint8Array | string): Buffer {
  const body = Buffer.from(rest);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

/** A StartupMessage of any version of the protocol. */
function startup(version: number, parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  return packet(version, `${pairs.join("")}\0`);
}

/** Nothing comes of it before its end. */
const SLOW = "explain analyze select pg_sleep(60)";

const VERSION_2 = 0x0002_0000;
const VERSION_3 = 0x0003_0000;
const VERSION_4 = 0x0004_0000;

/** Process id and secret, of the lengths that there may be and of others. */
const CANCEL_KEYS = [0, 4, 5, 8, 36, 260, 261, 300].map((length) => Buffer.alloc(length, 1));

/** First packets that are none. */
const STARTUP_VIOLATIONS: Readonly<Record<string, Buffer>> = {
  "no user": startup(VERSION_3, { database: "postgres" }),
  "an empty user": startup(VERSION_3, { user: "", database: "postgres" }),
  "no end of the parameters": packet(VERSION_3, "user\0postgres\0"),
  "a name without a value": packet(VERSION_3, "user\0postgres\0database\0\0"),
};

const OTHER_VERSIONS: Readonly<Record<string, Buffer>> = {
  "version 2 of the protocol": startup(VERSION_2, { user: "postgres" }),
  "version 4 of the protocol": startup(VERSION_4, { user: "postgres" }),
};

/** Messages that are none. */
const VIOLATIONS: Readonly<Record<string, Uint8Array>> = {
  "an unknown message": frontendMessage("z", "what"),
  "a message of the server": frontendMessage("Z", "I"),
  "a length that is too small": Buffer.from([0x51, 0, 0, 0, 3]),
  "a length that is negative": Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]),
};

/** Messages that only the server can tell are wrong. */
const MALFORMED: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a Query without its zero byte": [frontendMessage("Q", "select 1")],
  "a Query with two texts": [frontendMessage("Q", "select 1\0select 2\0")],
  "a Sync with a body": [parse("", "select 1"), frontendMessage("S", "body")],
  "a Describe of neither": [frontendMessage("D", "Xname\0"), sync()],
  "a Close of neither": [frontendMessage("C", "Xname\0"), sync()],
  "a Bind that ends early": [parse("", "select 1"), frontendMessage("B", "\0\0\0\x01"), sync()],
  "an Execute that ends early": [frontendMessage("E", "\0"), sync()],
  "a Parse that ends early": [frontendMessage("P", "\0select 1\0"), sync()],
  "a Bind with too many formats": [
    parse("", "select $1::int"),
    bind("", ["1"], { formats: [0, 0] }),
    sync(),
  ],
};

/** How sessions begin, idle, are ended and end; and what breaks the protocol. */
export const SESSION_LIFE_CASES: readonly ParityCase[] = [
  oneClient("session: says nothing at all", async () => {}),
  oneClient("session: leaves behind its query, in one write", async (client) => {
    await client.send(query("select 'last words'"), terminate());
    await client.closed();
  }),
  oneClient("session: leaves in the middle of a batch", async (client) => {
    await client.send(...extended("select 1"), terminate());
    await client.closed();
  }),
  onStage("session: leaves in the middle of a batch that has changed something", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    await one.send(...extended("insert into copied values (1, 'x', 1)"), flush());
    await one.until("C");
    await one.leave();
    await two.query("select count(*) from copied");
  }),
  onStage("session: leaves in the middle of a batch behind other units", async (stage) => {
    const [one, two] = [await stage.session(), await stage.session()];
    const insert = "insert into copied values ($1::int, 'x', 1)";
    await one.send(
      ...extended("select pg_sleep(0.02)"),
      sync(),
      ...extended(insert, ["1"]),
      sync(),
      ...extended(insert, ["2"]),
      terminate(),
    );
    await one.closed();
    await two.query("select id from copied", "delete from copied");
  }),
  oneClient("session: ends its side behind a query", async (client) => {
    await client.send(query("select pg_sleep(0.05), 'last words'"));
    client.end();
    await client.closed();
  }),
  oneClient("session: ends its side without a word", async (client) => {
    client.end();
    await client.closed();
  }),
  oneClient(
    "session: leaves inside of a transaction",
    async (client) => {
      await client.query("begin", "insert into copied values (1, 'never', 1)");
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  onStage("session: what it left undone is undone", async (stage) => {
    const one = await stage.session();
    await one.send(
      query("begin; insert into copied values (1, 'never', 1); select 1/0"),
      terminate(),
    );
    await one.closed();
    const two = await stage.session();
    await two.query("select count(*) from copied");
  }),
  oneClient("session: cancels its query", async (client) => {
    await client.send(query(SLOW));
    await client.cancel();
    await client.ready();
    await client.query("select 'goes on'");
  }),
  oneClient("session: cancels an extended query", async (client) => {
    await client.send(parse("", "select pg_sleep($1)"), bind("", ["60"]), flush());
    await client.until("2");
    await client.send(execute(), ...extended("select 2"), sync());
    await client.cancel();
    await client.ready();
    await client.unit(...extended("select 'goes on'"));
  }),
  oneClient("session: is ended by the server", async (client) => {
    await client.send(query("select pg_terminate_backend(pg_backend_pid())"));
    await client.closed();
  }),
  oneClient(
    "session: is ended by the server inside of a transaction",
    async (client) => {
      await client.query("begin", "select 1");
      await client.send(query("select pg_terminate_backend(pg_backend_pid())"));
      await client.closed();
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient(
    "idle: too long inside of a transaction",
    async (client) => {
      await client.query("set idle_in_transaction_session_timeout to 30", "begin");
      await client.closed();
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient(
    "idle: a transaction that takes too long",
    async (client) => {
      await client.query("set transaction_timeout to 30", "begin");
      await client.closed();
    },
    { differs: [NO_TRANSACTIONS] },
  ),
  oneClient(
    "idle: too long outside of a transaction",
    async (client) => {
      await client.query("set idle_session_timeout to 30");
      await client.until("E");
      await client.closed();
    },
    { differs: [IDLE_WITHOUT_SERVER] },
  ),
  onStage("startup: an SSLRequest is refused, then all in clear", async (stage) => {
    const client = await stage.raw(sslRequest());
    await client.bytes(1);
    client.startup({ user: "postgres", database: stage.database });
    await client.ready();
    await client.query("select 1");
  }),
  onStage("startup: protocol 3.2", async (stage) => {
    const asked = { user: "postgres", database: stage.database };
    const client = await stage.raw(startup(VERSION_3 + 2, asked));
    await client.ready();
    await client.query("select 1");
  }),
  onStage("startup: protocol 3.2, and a query that is cancelled", async (stage) => {
    const asked = { user: "postgres", database: stage.database };
    const client = await stage.raw(startup(VERSION_3 + 2, asked));
    await client.ready();
    await client.send(query(SLOW));
    await client.cancel();
    await client.ready();
  }),
  onStage("startup: protocol 3.1", async (stage) => {
    const asked = { user: "postgres", database: stage.database };
    const client = await stage.raw(startup(VERSION_3 + 1, asked));
    await client.ready();
  }),
  onStage("startup: protocol 3.2, with options that are unknown", async (stage) => {
    const asked = { user: "postgres", database: stage.database, "_pq_.one": "1" };
    const client = await stage.raw(startup(VERSION_3 + 2, asked));
    await client.ready();
  }),
  ...CANCEL_KEYS.map((key) =>
    onStage(`startup: a CancelRequest of nobody, with ${key.length} bytes`, async (stage) => {
      const client = await stage.raw(cancelRequest(key));
      await client.closed();
    }),
  ),
  onStage("startup: a newer protocol", async (stage) => {
    const asked = { user: "postgres", database: stage.database };
    const client = await stage.raw(startup(VERSION_3 + 9999, asked));
    await client.ready();
  }),
  onStage("startup: options that are unknown", async (stage) => {
    const asked = { user: "postgres", database: stage.database, "_pq_.one": "1", "_pq_.two": "2" };
    const client = await stage.raw(startup(VERSION_3, asked));
    await client.ready();
    await client.query("select 1");
  }),
  ...Object.entries(OTHER_VERSIONS).map(([what, bytes]) =>
    onStage(
      `startup: ${what}`,
      async (stage) => {
        const client = await stage.raw(bytes);
        await client.closed();
      },
      { differs: [OTHER_PROTOCOL] },
    ),
  ),
  ...Object.entries(STARTUP_VIOLATIONS).map(([what, bytes]) =>
    onStage(
      `startup violated: ${what}`,
      async (stage) => {
        const client = await stage.raw(bytes);
        await client.closed();
      },
      { differs: [VIOLATION_OF_STARTUP] },
    ),
  ),
  ...Object.entries(VIOLATIONS).map(([what, bytes]) =>
    oneClient(
      `violation: ${what}`,
      async (client) => {
        await client.query("select 1");
        await client.send(bytes);
        await client.closed();
      },
      { differs: [VIOLATION_TOLD_BY_US] },
    ),
  ),
  ...Object.entries(MALFORMED).map(([what, messages]) =>
    oneClient(`malformed: ${what}`, async (client) => {
      await client.send(...messages);
      await client.ready();
      await client.query("select 'goes on'");
    }),
  ),
  oneClient(
    "malformed: a lone Sync with a body",
    async (client) => {
      await client.send(frontendMessage("S", "body"));
      await client.ready();
    },
    { differs: [LONE_SYNC] },
  ),
  oneClient(
    "violation: a password that nobody asked for",
    async (client) => {
      await client.send(frontendMessage("p", "secret\0"));
      await client.closed();
    },
    { differs: [PASSWORD_TOLD_BY_US] },
  ),
  oneClient("violation: data of a COPY outside of any", async (client) => {
    await client.send(copyData("1\tone\t1\n"), query("select 1"));
    await client.ready();
    await client.query("select 'goes on'");
  }),
  oneClient(
    "violation: behind a unit that is still answered",
    async (client) => {
      await client.send(parse("", "select pg_sleep(0.02)"), bind(""), execute(), sync());
      await client.send(frontendMessage("z", "what"));
      await client.closed();
    },
    { differs: [VIOLATION_TOLD_BY_US] },
  ),
];
