import { describe, expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { parse } from "pg-protocol";
import { opening, packet } from "../../tests/fixtures/wire/index.ts";
import { ERROR_TABLE } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import {
  ENCRYPTION_REFUSED,
  SSL_ACCEPTED,
  TransactionStatus,
  cancelRequest,
  copyFail,
  errorResponse,
  errorResponseFor,
  fatalResponse,
  readStartupPacket,
  readyForQuery,
} from "./index.ts";

/** What another implementation of the protocol reads in the bytes of a server. */
async function parsed(...bytes: readonly Uint8Array[]): Promise<readonly object[]> {
  const stream = new PassThrough();
  const messages: object[] = [];
  const end = parse(stream, (message) => messages.push(message));
  for (const part of bytes) stream.write(part);
  stream.end();
  await end;
  return messages;
}

const codes = Object.keys(ERROR_TABLE) as readonly ErrorCode[];

describe("the messages of the gateway", () => {
  test("tell an error with all its fields", async () => {
    const fields = { message: "größer als erlaubt", detail: "a detail", hint: "a hint" };
    const bytes = errorResponse({ severity: "FATAL", sqlState: "53300", ...fields });
    expect(await parsed(bytes)).toMatchObject([
      { name: "error", severity: "FATAL", code: "53300", ...fields, length: bytes.length - 1 },
    ]);
  });

  test("tell an error without detail and hint", async () => {
    const [error] = await parsed(
      errorResponse({ severity: "ERROR", sqlState: "42000", message: "no" }),
    );
    expect(error).toMatchObject({ name: "error", severity: "ERROR", code: "42000", message: "no" });
    expect(error).toMatchObject({ detail: undefined, hint: undefined });
  });

  test("pass on all that a server said, as the last words", async () => {
    const said = new Map([
      ["S", "FEHLER"],
      ["V", "ERROR"],
      ["C", "22023"],
      ["M", "ungültig"],
      ["D", "a detail"],
      ["H", "a hint"],
      ["F", "guc.c"],
      ["L", "42"],
      ["R", "routine"],
    ]);
    const notice = { severity: "ERROR", code: "22023", message: "ungültig", fields: said };
    expect(await parsed(fatalResponse(notice))).toMatchObject([
      {
        ...{ name: "error", severity: "FATAL", code: "22023", message: "ungültig" },
        ...{ detail: "a detail", hint: "a hint", file: "guc.c", line: "42", routine: "routine" },
      },
    ]);
  });

  test.each(codes)("tell a client of %s, and nothing of the inside", async (code) => {
    const { sqlState, clientMessage } = ERROR_TABLE[code];
    expect(await parsed(errorResponseFor(code, "FATAL"))).toMatchObject([
      { name: "error", severity: "FATAL", code: sqlState, message: clientMessage },
    ]);
  });

  test.each(Object.entries(TransactionStatus))("tell that the server is %s", async (_, status) => {
    expect(await parsed(readyForQuery(status))).toMatchObject([
      { name: "readyForQuery", status: String.fromCharCode(status), length: 5 },
    ]);
  });

  test("stand one behind the other", async () => {
    const messages = await parsed(
      errorResponseFor("ERR_TERMINATED", "ERROR"),
      readyForQuery(TransactionStatus.Idle),
      readyForQuery(TransactionStatus.Failed),
    );
    expect(messages.map((message) => "name" in message && message.name)).toEqual([
      "error",
      "readyForQuery",
      "readyForQuery",
    ]);
  });

  test("give up a COPY with a reason", () => {
    expect(Buffer.from(copyFail("stop")).toString("latin1")).toBe("f\0\0\0\x09stop\0");
  });

  test.each([4, 256])("ask to cancel by a secret of %d bytes", (secretBytes) => {
    const key = Uint8Array.from({ length: 4 + secretBytes }, (_, index) => 255 - index);
    expect(cancelRequest(key)).toEqual(opening.cancelRequest(key));
    expect(readStartupPacket(cancelRequest(key))).toMatchObject({ kind: "cancelRequest", key });
  });

  test("answer a request for encryption with one byte", () => {
    expect([SSL_ACCEPTED.toString(), ENCRYPTION_REFUSED.toString()]).toEqual(["S", "N"]);
    expect(packet(80_877_103)).toHaveLength(8);
  });
});
