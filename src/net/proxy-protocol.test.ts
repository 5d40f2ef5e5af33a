import { describe, expect, test } from "bun:test";
import { readProxyHeader } from "./index.ts";

const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/** A header of version 2. */
function v2(versionAndCommand: number, family: number, ...body: readonly Uint8Array[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const fixed = Uint8Array.of(versionAndCommand, family, length >> 8, length);
  return Buffer.concat([SIGNATURE, fixed, ...body]);
}

const ipv4 = Uint8Array.of(192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0x15, 0x38);
const ipv6 = Buffer.concat([
  Buffer.from("20010db8000000000000000000000042", "hex"),
  Buffer.from("20010db8000000000000000000000001", "hex"),
  Uint8Array.of(0xff, 0xff, 0x15, 0x38),
]);
const mapped = Buffer.concat([
  Buffer.from("00000000000000000000ffff0a000001", "hex"),
  new Uint8Array(16),
  Uint8Array.of(0, 80, 0, 81),
]);
const extension = Uint8Array.of(0x04, 0, 2, 1, 2);

const HEADERS: Readonly<Record<string, readonly [Uint8Array, string | undefined]>> = {
  "v1 over IPv4": [Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 8080 5432\r\n"), "192.0.2.7:8080"],
  "v1 over IPv6": [
    Buffer.from("PROXY TCP6 2001:db8::42 2001:db8::1 65535 5432\r\n"),
    "[2001:db8::42]:65535",
  ],
  "v1 of an unknown family": [Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  "v1 of an unknown family with addresses": [
    Buffer.from("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"),
    undefined,
  ],
  "v2 over IPv4": [v2(0x21, 0x11, ipv4), "192.0.2.7:8080"],
  "v2 over IPv6": [v2(0x21, 0x21, ipv6), "[2001:db8::42]:65535"],
  "v2 over IPv6 that holds IPv4": [v2(0x21, 0x21, mapped), "[::ffff:a00:1]:80"],
  "v2 with an extension": [v2(0x21, 0x11, ipv4, extension), "192.0.2.7:8080"],
  "v2 of the load balancer itself": [v2(0x20, 0x00), undefined],
  "v2 of the load balancer itself, with addresses": [v2(0x20, 0x11, ipv4), undefined],
  "v2 over unix sockets": [v2(0x21, 0x31, new Uint8Array(216)), undefined],
  "v2 of an unknown family": [v2(0x21, 0x00, Uint8Array.of(1, 2, 3)), undefined],
};

const MALFORMED: Readonly<Record<string, Uint8Array>> = {
  "v1 without a family": Buffer.from("PROXY \r\n"),
  "v1 with an unknown family": Buffer.from("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),
  "v1 with a name instead of an address": Buffer.from("PROXY TCP4 localhost 1.2.3.4 1 2\r\n"),
  "v1 without ports": Buffer.from("PROXY TCP4 1.2.3.4 1.2.3.4\r\n"),
  "v1 with a port beyond 65535": Buffer.from("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"),
  "v1 with a negative port": Buffer.from("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"),
  "v1 with something behind the ports": Buffer.from("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"),
  "v1 without an end": Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`),
  "v2 of another version": v2(0x11, 0x11, ipv4),
  "v2 with addresses cut short": v2(0x21, 0x11, ipv4.subarray(0, 11)),
  "v2 with IPv6 addresses cut short": v2(0x21, 0x21, ipv4),
  "v2 of enormous size": v2(0x21, 0x11, new Uint8Array(5_000)),
};

describe("a PROXY protocol header", () => {
  test.each(Object.entries(HEADERS))("is read: %s", (_, [bytes, source]) => {
    const expected = { kind: "present" as const, byteLength: bytes.length, source };
    expect(readProxyHeader(bytes)).toEqual(expected);
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from("PROXY more")]))).toEqual(expected);
  });

  test.each(Object.entries(HEADERS))("is awaited until it is complete: %s", (_, [bytes]) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length))).toEqual({ kind: "incomplete" });
    }
  });

  test.each(Object.entries(MALFORMED))("is refused: %s", (_, bytes) => {
    expect(() => readProxyHeader(bytes)).toThrow(
      expect.objectContaining({ code: "ERR_PROXY_PROTOCOL" }),
    );
  });

  test.each([
    ["a StartupMessage", Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47)],
    ["a TLS handshake", Uint8Array.of(0x16, 3, 1)],
    ["words that begin alike", Buffer.from("PROXIMITY")],
    ["line ends that begin alike", Buffer.from("\r\n\r\nGET")],
  ])("is absent where a connection begins with %s", (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: "absent" });
  });

  test("of the greatest length of version 1 is read", () => {
    const address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    const line = `PROXY TCP6 ${address} ${address} 65535 65535\r\n`;
    expect(line).toHaveLength(104);
    expect(readProxyHeader(Buffer.from(line))).toMatchObject({ kind: "present", byteLength: 104 });
  });
});
