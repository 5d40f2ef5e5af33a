import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  BackendTag,
  FrontendWriter,
  copyFail,
  readAuthentication,
  readBackendKeyData,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readErrorResponse,
  readFunctionCallResponse,
  readNegotiateProtocolVersion,
  readNoticeResponse,
  readNotificationResponse,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
  renameStatement,
} from "../../src/postgres/index.ts";
import { message } from "../fixtures/wire/index.ts";
import {
  connectWire,
  frontendMessage,
  type PostgresServer,
  startPostgres,
  type WireClient,
} from "../kit/index.ts";

const PROTOCOL_3_0 = 0x0003_0000;
const PROTOCOL_3_2 = 0x0003_0002;
const PROTOCOL_3_9 = 0x0003_0009;
const INT4_OID = 23;
const IDLE = 0x49; // I

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** Everything the server says up to ReadyForQuery or a request for COPY data, message by message. */
async function answer(client: WireClient): Promise<readonly Buffer[]> {
  const messages: Buffer[] = [];
  for (;;) {
    const { type, body } = await client.message();
    messages.push(message(type, body));
    if ("ZG".includes(type)) return messages;
  }
}

/** The messages of one kind, read. */
function all<Said>(
  messages: readonly Buffer[],
  tag: number,
  read: (message: Uint8Array) => Said,
): Said[] {
  return messages.filter((bytes) => bytes[0] === tag).map(read);
}

async function connect(): Promise<WireClient> {
  return await connectWire({ host: postgres.host, port: postgres.port });
}

async function logIn(client: WireClient, version: number, more = {}): Promise<readonly Buffer[]> {
  const parameters = Object.entries({ user: postgres.user, database: "postgres", ...more });
  client.send(new FrontendWriter().startupMessage(parameters, version).take());
  return await answer(client);
}

const rows = (messages: readonly Buffer[]): (string | null)[][] =>
  all(messages, BackendTag.DataRow, (bytes) =>
    readDataRow(bytes).map((value) => (value === null ? null : Buffer.from(value).toString())),
  );

describe("PostgreSQL 18", () => {
  test.each([
    [PROTOCOL_3_0, 4],
    [PROTOCOL_3_2, 32],
  ] as const)(
    "greets a client of protocol %d with a secret of %d bytes",
    async (version, length) => {
      await using client = await connect();
      const greeting = await logIn(client, version, { application_name: "größe" });
      expect(all(greeting, BackendTag.Authentication, readAuthentication)).toEqual([
        { kind: "ok" },
      ]);
      const parameters = all(greeting, BackendTag.ParameterStatus, readParameterStatus);
      expect(parameters).toContainEqual({ name: "server_encoding", value: "UTF8" });
      const [key] = all(greeting, BackendTag.BackendKeyData, readBackendKeyData);
      expect(key?.secretKey).toHaveLength(length);
      expect(all(greeting, BackendTag.ReadyForQuery, readReadyForQuery)).toEqual([IDLE]);
      client.send(new FrontendWriter().query("select pg_backend_pid()").take());
      expect(rows(await answer(client))).toEqual([[String(key?.processId)]]);
    },
  );

  test("negotiates the version as a whole number, and names what it does not know", async () => {
    await using client = await connect();
    const greeting = await logIn(client, PROTOCOL_3_9, { "_pq_.one": "1", "_pq_.two": "2" });
    expect(
      all(greeting, BackendTag.NegotiateProtocolVersion, readNegotiateProtocolVersion),
    ).toEqual([{ protocolVersion: PROTOCOL_3_2, unrecognizedOptions: ["_pq_.one", "_pq_.two"] }]);
  });

  test("runs a statement that was written, renamed and described", async () => {
    await using client = await connect();
    await logIn(client, PROTOCOL_3_2);
    const text = "select $1::int4 + 1 as sum, $2::text as said";
    const target = { kind: "statement", name: "client's own" } as const;
    const shared = Buffer.from("shared");
    const renamed = [
      new FrontendWriter().parse({ name: target.name, text, parameterTypes: [INT4_OID, 0] }),
      new FrontendWriter().describe(target),
      new FrontendWriter().bind({
        portal: "p",
        statement: target.name,
        parameterFormats: [0],
        values: ["41", "東京"],
        resultFormats: [],
      }),
    ].map((writer) => renameStatement(writer.take(), shared));
    const rest = new FrontendWriter()
      .describe({ kind: "portal", name: "p" })
      .execute({ portal: "p", maxRows: 0 })
      .close({ kind: "statement", name: "shared" })
      .sync()
      .take();
    client.send(Buffer.concat([...renamed, rest]));
    const messages = await answer(client);
    expect(messages.map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join("")).toBe("1tT2TDC3Z");
    expect(all(messages, BackendTag.ParameterDescription, readParameterDescription)).toEqual([
      [INT4_OID, 25],
    ]);
    const [, fields] = all(messages, BackendTag.RowDescription, readRowDescription);
    expect(fields).toMatchObject([
      { name: "sum", typeOid: INT4_OID, typeSize: 4, format: 0 },
      { name: "said", typeOid: 25, typeSize: -1, typeModifier: -1 },
    ]);
    expect(rows(messages)).toEqual([["42", "東京"]]);
    expect(all(messages, BackendTag.CommandComplete, readCommandComplete)).toEqual(["SELECT 1"]);
  });

  test("tells of notices, errors, notifications and changed parameters", async () => {
    await using client = await connect();
    await logIn(client, PROTOCOL_3_2);
    client.send(
      new FrontendWriter()
        .query("listen news; set application_name = 'told'; notify news, 'today'")
        .query("do $$ begin raise warning 'careful' using hint = 'look'; end $$")
        .query("select 1/0")
        .take(),
    );
    const told = await answer(client);
    const [{ channel, payload } = { channel: "", payload: "" }] = all(
      told,
      BackendTag.NotificationResponse,
      readNotificationResponse,
    );
    expect({ channel, payload }).toEqual({ channel: "news", payload: "today" });
    expect(all(told, BackendTag.ParameterStatus, readParameterStatus)).toEqual([
      { name: "application_name", value: "told" },
    ]);
    const [notice] = all(await answer(client), BackendTag.NoticeResponse, readNoticeResponse);
    expect(notice).toMatchObject({ severity: "WARNING", code: "01000", message: "careful" });
    expect(notice?.fields.get("H")).toBe("look");
    const [error] = all(await answer(client), BackendTag.ErrorResponse, readErrorResponse);
    expect(error).toMatchObject({ severity: "ERROR", code: "22012", message: "division by zero" });
  });

  test("copies in and out, gives up a COPY, and calls a function", async () => {
    await using client = await connect();
    await logIn(client, PROTOCOL_3_2);
    const writer = new FrontendWriter();
    client.send(writer.query("create temp table t (a int, b text); copy t from stdin").take());
    const asked = await answer(client);
    expect(all(asked, BackendTag.CopyInResponse, readCopyResponse)).toEqual([
      { direction: "in", format: 0, columnFormats: [0, 0] },
    ]);
    client.send(frontendMessage("d", "1\tone\n"));
    client.send(writer.copyDone().take());
    expect(all(await answer(client), BackendTag.CommandComplete, readCommandComplete)).toEqual([
      "COPY 1",
    ]);
    client.send(writer.query("copy t from stdin").take());
    await answer(client);
    client.send(copyFail("enough"));
    expect(all(await answer(client), BackendTag.ErrorResponse, readErrorResponse)).toMatchObject([
      { code: "57014", message: "COPY from stdin failed: enough" },
    ]);
    client.send(writer.query("copy t to stdout (format binary)").take());
    const copied = await answer(client);
    expect(all(copied, BackendTag.CopyOutResponse, readCopyResponse)).toEqual([
      { direction: "out", format: 1, columnFormats: [1, 1] },
    ]);
    const int4 = Buffer.from([0, 0, 0, 4, 0xff, 0xff, 0xff, 0xd6]); // -42
    const abs = Buffer.from([0, 0, 0x05, 0x75]); // int4abs, 1397
    const formats = Buffer.from([0, 1, 0, 1, 0, 1]);
    client.send(message("F", abs, formats, int4, Buffer.from([0, 1])));
    const called = await answer(client);
    expect(all(called, BackendTag.FunctionCallResponse, readFunctionCallResponse)).toEqual([
      Buffer.from([0, 0, 0, 42]),
    ]);
    client.send(writer.terminate().take());
    await client.ended();
  });
});

test("PostgreSQL 18 asks for SCRAM-SHA-256", async () => {
  await using server = await startPostgres({ auth: "scram-sha-256" });
  await using client = await connectWire({ host: server.host, port: server.port });
  client.send(new FrontendWriter().startupMessage([["user", server.user]], PROTOCOL_3_2).take());
  const { type, body } = await client.message();
  expect(readAuthentication(message(type, body))).toEqual({
    kind: "sasl",
    mechanisms: ["SCRAM-SHA-256"],
  });
}, 60_000);
