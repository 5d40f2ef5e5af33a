import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { parse, serialize } from "pg-protocol";
import { anyText } from "../../tests/fixtures/wire/index.ts";
import {
  BackendTag,
  BackendWriter,
  FrontendWriter,
  copyFail,
  readAuthentication,
  readBackendKeyData,
  readBind,
  readClose,
  readCommandComplete,
  readCopyFail,
  readDataRow,
  readDescribe,
  readExecute,
  readParameterStatus,
  readParse,
  readPasswordMessage,
  readQuery,
  readReadyForQuery,
  readRowDescription,
  readSaslInitialResponse,
  readSaslResponse,
  readStartupParameters,
  readyForQuery,
} from "./index.ts";
import { forEachMessage } from "./message-splitter.ts";

/** What pg-protocol reads in the bytes of a server. */
async function parsed(bytes: Uint8Array): Promise<readonly object[]> {
  const stream = new PassThrough();
  const messages: object[] = [];
  const end = parse(stream, (message) => messages.push(message));
  stream.end(bytes);
  await end;
  return messages;
}

/** pg-protocol warns of longer ones on the console. */
const anyName = anyText.filter((name) => name.length <= 63);
const anyOids = fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 5 });
const anyInt32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const anyKind = fc.constantFrom("statement" as const, "portal" as const);
const anyTexts = fc.array(anyText, { maxLength: 5 });
const anyTextsAndNulls = fc.array(fc.option(anyText), { maxLength: 5 });

const text = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString();

describe("the messages of a client agree with pg-protocol's", () => {
  test("Query, CopyFail, PasswordMessage, SASLInitialResponse, SASLResponse", () => {
    fc.assert(
      fc.property(anyText, anyText, (one, other) => {
        const writer = new FrontendWriter();
        const query = serialize.query(one);
        expect(readQuery(query)).toBe(one);
        expect(writer.query(one).take()).toEqual(query);
        const reason = serialize.copyFail(one);
        expect(readCopyFail(reason)).toBe(one);
        expect(copyFail(one)).toEqual(reason);
        const password = serialize.password(one);
        expect(readPasswordMessage(password)).toBe(one);
        expect(writer.passwordMessage(one).take()).toEqual(password);
        const first = serialize.sendSASLInitialResponseMessage(one, other);
        expect(readSaslInitialResponse(first)).toEqual({
          mechanism: one,
          data: Buffer.from(other),
        });
        expect(writer.saslInitialResponse(one, other).take()).toEqual(first);
        const next = serialize.sendSCRAMClientFinalMessage(other);
        expect(readSaslResponse(next)).toEqual(Buffer.from(other));
        expect(writer.saslResponse(Buffer.from(other)).take()).toEqual(next);
      }),
    );
  });

  test("Parse", () => {
    fc.assert(
      fc.property(anyName, anyText, anyOids, (name, text, parameterTypes) => {
        const signed = parameterTypes.map((type) => type | 0);
        const bytes = serialize.parse({ name, text, types: signed });
        expect(readParse(bytes)).toEqual({ name, text, parameterTypes });
        expect(new FrontendWriter().parse({ name, text, parameterTypes }).take()).toEqual(bytes);
      }),
    );
  });

  test("Bind", () => {
    const anyValue = fc.oneof(
      anyText,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const anyValues = fc.array(fc.option(anyValue), { maxLength: 5 });
    fc.assert(
      fc.property(
        anyText,
        anyName,
        anyValues,
        fc.boolean(),
        (portal, statement, values, binary) => {
          const bytes = serialize.bind({ portal, statement, values, binary });
          const parameterFormats = values.map((value) => (Buffer.isBuffer(value) ? 1 : 0));
          const names = { portal, statement, parameterFormats, resultFormats: [binary ? 1 : 0] };
          const asBytes = values.map((value) =>
            typeof value === "string" ? Buffer.from(value) : value,
          );
          expect(readBind(bytes)).toEqual({ ...names, values: asBytes });
          expect(new FrontendWriter().bind({ ...names, values }).take()).toEqual(bytes);
        },
      ),
    );
  });

  test("Describe, Close, Execute", () => {
    fc.assert(
      fc.property(anyKind, anyName, anyInt32, (kind, name, maxRows) => {
        const target = { kind, name };
        const writer = new FrontendWriter();
        const type = kind === "statement" ? "S" : "P";
        const describe = serialize.describe({ type, name });
        expect(readDescribe(describe)).toEqual(target);
        expect(writer.describe(target).take()).toEqual(describe);
        const close = serialize.close({ type, name });
        expect(readClose(close)).toEqual(target);
        expect(writer.close(target).take()).toEqual(close);
        const rows = Math.abs(maxRows) % 0x7fff_ffff;
        const execute = serialize.execute({ portal: name, rows });
        expect(readExecute(execute)).toEqual({ portal: name, maxRows: rows });
        expect(writer.execute({ portal: name, maxRows: rows }).take()).toEqual(execute);
      }),
    );
  });

  test("Sync, Flush, CopyDone, Terminate, SSLRequest, StartupMessage", () => {
    const parameters = { user: "zoë", database: "東京" };
    expect(new FrontendWriter().sync().flush().copyDone().terminate().sslRequest().take()).toEqual(
      Buffer.concat([
        serialize.sync(),
        serialize.flush(),
        serialize.copyDone(),
        serialize.end(),
        serialize.requestSsl(),
      ]),
    );
    const startup = serialize.startup(parameters);
    const all = { ...parameters, client_encoding: "UTF8" };
    expect(Object.fromEntries(readStartupParameters(startup))).toEqual(all);
    expect(new FrontendWriter().startupMessage(Object.entries(all), 0x0003_0000).take()).toEqual(
      startup,
    );
  });
});

describe("pg-protocol reads in the messages of a server what was written:", () => {
  test("Authentication", async () => {
    const anySalt = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const anyMechanisms = fc.array(
      anyText.filter((name) => name !== ""),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(anySalt, anyMechanisms, anyText, async (salt, mechanisms, data) => {
        const bytes = new BackendWriter()
          .authenticationOk()
          .authenticationCleartextPassword()
          .authenticationMd5Password(salt)
          .authenticationSasl(mechanisms)
          .authenticationSaslContinue(Buffer.from(data))
          .authenticationSaslFinal(Buffer.from(data))
          .take();
        expect(await parsed(bytes)).toMatchObject([
          { name: "authenticationOk" },
          { name: "authenticationCleartextPassword" },
          { name: "authenticationMD5Password", salt: Buffer.from(salt) },
          { name: "authenticationSASL", mechanisms },
          { name: "authenticationSASLContinue", data },
          { name: "authenticationSASLFinal", data },
        ]);
      }),
    );
  });

  test("ParameterStatus, BackendKeyData, CommandComplete, NoticeResponse", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyText, anyInt32, async (one, other, number) => {
        const secretKey = Buffer.alloc(4);
        secretKey.writeInt32BE(~number);
        const bytes = new BackendWriter()
          .parameterStatus(one, other)
          .backendKeyData({ processId: number, secretKey })
          .commandComplete(one)
          .noticeResponse({
            severity: "WARNING",
            sqlState: "01000",
            message: one,
            detail: other,
            hint: one,
          })
          .take();
        expect(await parsed(bytes)).toMatchObject([
          { name: "parameterStatus", parameterName: one, parameterValue: other },
          { name: "backendKeyData", processID: number, secretKey: ~number },
          { name: "commandComplete", text: one },
          {
            name: "notice",
            severity: "WARNING",
            code: "01000",
            message: one,
            detail: other,
            hint: one,
          },
        ]);
      }),
    );
  });

  test("RowDescription, DataRow", async () => {
    await fc.assert(
      fc.asyncProperty(anyTexts, anyTextsAndNulls, async (names, values) => {
        const bytes = new BackendWriter().rowDescription(names).dataRow(values).take();
        expect(await parsed(bytes)).toMatchObject([
          {
            name: "rowDescription",
            fieldCount: names.length,
            fields: names.map((name) => ({
              name,
              tableID: 0,
              columnID: 0,
              dataTypeID: 25,
              dataTypeSize: -1,
              dataTypeModifier: -1,
              format: "text",
            })),
          },
          { name: "dataRow", fieldCount: values.length, fields: values },
        ]);
      }),
    );
  });

  test("ParseComplete, BindComplete, CloseComplete, NoData, EmptyQueryResponse", async () => {
    const bytes = new BackendWriter()
      .parseComplete()
      .bindComplete()
      .closeComplete()
      .noData()
      .emptyQueryResponse()
      .take();
    const names = ["parseComplete", "bindComplete", "closeComplete", "noData", "emptyQuery"];
    expect(await parsed(bytes)).toMatchObject(names.map((name) => ({ name, length: 4 })));
  });
});

/** The answers of PostgreSQL 15 to psql: a SCRAM login and two queries. */
async function capturedMessages(): Promise<readonly Uint8Array[]> {
  const path = "../../tests/fixtures/gatewayd-0.10.3/hooks.jsonl";
  const lines = (await Bun.file(join(import.meta.dir, path)).text()).trim().split("\n");
  const messages: Uint8Array[] = [];
  for (const line of lines) {
    const { rpc, json }: { rpc: string; json: Record<string, string> } = JSON.parse(line);
    if (rpc !== "OnTrafficFromServer") continue;
    const run = Buffer.from(json.response ?? "", "base64");
    forEachMessage(run, (_, from, to) => messages.push(run.subarray(from, to)));
  }
  return messages;
}

/** Reads a captured message and writes it again. */
function rewritten(message: Uint8Array): Uint8Array {
  const writer = new BackendWriter();
  switch (message[0]) {
    case BackendTag.Authentication:
      return authenticationAgain(message);
    case BackendTag.ParameterStatus: {
      const { name, value } = readParameterStatus(message);
      return writer.parameterStatus(name, value).take();
    }
    case BackendTag.BackendKeyData:
      return writer.backendKeyData(readBackendKeyData(message)).take();
    case BackendTag.ReadyForQuery:
      return readyForQuery(readReadyForQuery(message));
    case BackendTag.DataRow:
      return writer.dataRow(readDataRow(message)).take();
    case BackendTag.CommandComplete:
      return writer.commandComplete(readCommandComplete(message)).take();
    default:
      return message;
  }
}

function authenticationAgain(message: Uint8Array): Uint8Array {
  const writer = new BackendWriter();
  const authentication = readAuthentication(message);
  switch (authentication.kind) {
    case "ok":
      return writer.authenticationOk().take();
    case "sasl":
      return writer.authenticationSasl(authentication.mechanisms).take();
    case "saslContinue":
      return writer.authenticationSaslContinue(authentication.data).take();
    case "saslFinal":
      return writer.authenticationSaslFinal(authentication.data).take();
    default:
      throw new Error(`${authentication.kind} is not in the capture`);
  }
}

describe("the captured answers of a PostgreSQL", () => {
  test("are the same bytes when read and written again", async () => {
    const messages = await capturedMessages();
    expect(messages.length).toBeGreaterThan(20);
    for (const message of messages) expect(rewritten(message)).toEqual(message);
  });

  test("say of their columns and rows what pg-protocol reads", async () => {
    const messages = await capturedMessages();
    const theirs = await parsed(Buffer.concat(messages));
    const ours = messages.map((message) => {
      if (message[0] === BackendTag.DataRow) return { fields: readDataRow(message).map(text) };
      if (message[0] !== BackendTag.RowDescription) return {};
      return {
        fields: readRowDescription(message).map((field) => ({
          name: field.name,
          tableID: field.tableOid,
          columnID: field.columnNumber,
          dataTypeID: field.typeOid,
          dataTypeSize: field.typeSize,
          dataTypeModifier: field.typeModifier,
          format: field.format === 0 ? "text" : "binary",
        })),
      };
    });
    expect(theirs).toMatchObject(ours);
  });
});
