import { describe, expect, test } from "bun:test";
import { frontend, opening, packet } from "../../tests/fixtures/wire/index.ts";
import { MAX_STARTUP_BYTES, readStartupPacket, readStartupParameters } from "./index.ts";
import type { StartupPacket } from "./index.ts";

const secretOf = (length: number): Uint8Array =>
  Uint8Array.from({ length: 4 + length }, (_, index) => index);

const PACKETS: Readonly<Record<string, readonly [Uint8Array, StartupPacket]>> = {
  SSLRequest: [opening.sslRequest(), { kind: "sslRequest", byteLength: 8 }],
  GSSENCRequest: [opening.gssEncRequest(), { kind: "gssEncRequest", byteLength: 8 }],
  "CancelRequest with four bytes of secret": [
    opening.cancelRequest(secretOf(4)),
    { kind: "cancelRequest", byteLength: 16, key: secretOf(4) },
  ],
  "CancelRequest with 256 bytes of secret": [
    opening.cancelRequest(secretOf(256)),
    { kind: "cancelRequest", byteLength: 268, key: secretOf(256) },
  ],
  "StartupMessage 3.0": [
    opening.startup({ user: "a" }),
    { kind: "startupMessage", byteLength: 16, majorVersion: 3, minorVersion: 0 },
  ],
  "StartupMessage 3.2": [
    opening.startup({ user: "a" }, 0x0003_0002),
    { kind: "startupMessage", byteLength: 16, majorVersion: 3, minorVersion: 2 },
  ],
  "StartupMessage of a minor version to come": [
    opening.startup({ user: "a" }, 0x0003_270f),
    { kind: "startupMessage", byteLength: 16, majorVersion: 3, minorVersion: 9999 },
  ],
  "StartupMessage of the greatest size": [
    opening.startup({ user: "a".repeat(MAX_STARTUP_BYTES - 15) }),
    { kind: "startupMessage", byteLength: MAX_STARTUP_BYTES, majorVersion: 3, minorVersion: 0 },
  ],
};

const REFUSED: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  "StartupMessage 2.0": [opening.startup({}, 0x0002_0000), "ERR_PROTOCOL_UNSUPPORTED"],
  "StartupMessage 4.0": [opening.startup({}, 0x0004_0000), "ERR_PROTOCOL_UNSUPPORTED"],
  "an SSLRequest with something in it": [packet(80_877_103, "x"), "ERR_PROTOCOL_UNSUPPORTED"],
  "an HTTP request": [Buffer.from("GET / HTTP/1.1\r\n\r\n"), "ERR_PROTOCOL_VIOLATION"],
  "an SSH client": [Buffer.from("SSH-2.0-x\r\n"), "ERR_PROTOCOL_VIOLATION"],
  "a message with a tag": [frontend.query("select 1"), "ERR_PROTOCOL_VIOLATION"],
  garbage: [Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc), "ERR_PROTOCOL_VIOLATION"],
  "a length of 0": [Uint8Array.of(0, 0, 0, 0, 0, 3, 0, 0), "ERR_PROTOCOL_VIOLATION"],
  "a length that leaves no room for a code": [
    Uint8Array.of(0, 0, 0, 7, 0, 3, 0),
    "ERR_PROTOCOL_VIOLATION",
  ],
  "a length beyond the limit, before the rest has come": [
    Uint8Array.of(0, 0, 0x27, 0x11),
    "ERR_MESSAGE_TOO_LARGE",
  ],
};

describe("reading the first packet", () => {
  test.each(Object.entries(PACKETS))(
    "recognises %s once it is complete",
    (_, [bytes, expected]) => {
      for (let length = 0; length < bytes.length; length++) {
        expect(readStartupPacket(bytes.subarray(0, length))).toEqual({ kind: "incomplete" });
      }
      expect(readStartupPacket(bytes)).toEqual(expected);
    },
  );

  test.each(Object.entries(PACKETS))("leaves alone what follows %s", (_, [bytes, expected]) => {
    const more = Buffer.concat([bytes, opening.startup(), Buffer.from("more")]);
    expect(readStartupPacket(more)).toEqual(expected);
  });

  test("recognises a TLS handshake by its first byte", () => {
    const clientHello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0);
    for (let length = 1; length <= clientHello.length; length++) {
      expect(readStartupPacket(clientHello.subarray(0, length))).toEqual({ kind: "directTls" });
    }
  });

  test.each(Object.entries(REFUSED))("refuses %s", (_, [bytes, code]) => {
    expect(() => readStartupPacket(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test("names the version it does not speak", () => {
    expect(() => readStartupPacket(opening.startup({}, 0x0002_0000))).toThrow(
      "unsupported frontend protocol 2.0",
    );
  });

  test("keeps the key of a CancelRequest when the bytes around it change", () => {
    const bytes = opening.cancelRequest(secretOf(4));
    const packet = readStartupPacket(bytes);
    bytes.fill(0xff);
    expect(packet).toMatchObject({ key: secretOf(4) });
  });
});

describe("reading the parameters of a StartupMessage", () => {
  test.each([
    ["none", {}],
    ["a user", { user: "alice" }],
    ["an empty value", { user: "alice", options: "" }],
    ["names and values beyond ASCII", { user: "zoë", application_name: "東京" }],
    ["extensions of the protocol", { user: "alice", "_pq_.feature": "on" }],
  ] as const)("yields %s", (_, parameters) => {
    const found = readStartupParameters(opening.startup(parameters));
    expect(Object.fromEntries(found)).toEqual(parameters);
  });

  test.each([
    ["no list at all", packet(0x0003_0000)],
    ["a name without a value", packet(0x0003_0000, "user")],
    ["a value without an end", packet(0x0003_0000, "user", Buffer.from("alice"))],
    ["no empty name at the end", packet(0x0003_0000, "user", "alice")],
  ] as const)("refuses a list with %s", (_, bytes) => {
    expect(() => readStartupParameters(bytes)).toThrow(
      expect.objectContaining({ code: "ERR_PROTOCOL_VIOLATION" }),
    );
  });
});
