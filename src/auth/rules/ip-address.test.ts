import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isInside, parseAddress, parseMaskedNetwork, parseNetwork } from "./ip-address.ts";

const inside = (address: string, network: string): boolean => {
  const [bytes, parsed] = [parseAddress(address), parseNetwork(network)];
  if (bytes === undefined || parsed === undefined) throw new Error(`${address} ${network}`);
  return isInside(bytes, parsed);
};

describe("an address", () => {
  test("survives being written and read", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(parseAddress(text)?.join(".")).toBe(text);
        expect(parseAddress(`::ffff:${text}`)?.join(".")).toBe(text);
      }),
    );
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), {
      minLength: 8,
      maxLength: 8,
    });
    fc.assert(
      fc.property(groups, (numbers) => {
        fc.pre(numbers.slice(0, 5).some((group) => group !== 0)); // no IPv4 in disguise
        const bytes = numbers.flatMap((group) => [group >> 8, group & 0xff]);
        const text = numbers.map((group) => group.toString(16)).join(":");
        const withV4 = `${text.split(":").slice(0, 6).join(":")}:${bytes.slice(12).join(".")}`;
        for (const written of [text, withV4, text.toUpperCase()]) {
          expect([...(parseAddress(written) ?? [])]).toEqual(bytes);
          // Any one run of zeros may be left out.
          const short = written.replace(/(?:^|:)0(?::0)*(?:$|:)(?!.*\.)/, "::");
          expect([...(parseAddress(short) ?? [])]).toEqual(bytes);
        }
      }),
    );
    fc.assert(fc.property(fc.ipV6(), (text) => expect(parseAddress(text)).toBeDefined()));
  });

  test.each([
    ["10.0.0.1", [10, 0, 0, 1]],
    ["::ffff:10.0.0.1", [10, 0, 0, 1]],
    ["::FFFF:0a00:0001", [10, 0, 0, 1]],
    ["0:0:0:0:0:ffff:10.0.0.1", [10, 0, 0, 1]],
    ["::", Array.from({ length: 16 }, () => 0)],
    ["::1%lo", [...Array.from({ length: 15 }, () => 0), 1]],
    ["fe80::1%eth0", [0xfe, 0x80, ...Array.from({ length: 13 }, () => 0), 1]],
  ])("%s is read", (text, bytes) => {
    expect([...(parseAddress(text) ?? [])]).toEqual(bytes);
  });

  test.each([
    "",
    "localhost",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.01",
    "10.0.0.1.1",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "::12345",
    "10.0.0.1::",
    "::10.0.0.1:1",
    "[::1]",
    "10.0.0.1:5432",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("a network", () => {
  test.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.9.9.9/8", true],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.4", "10.1.2.3", false],
    ["172.31.255.255", "172.16.0.0/12", true],
    ["172.32.0.0", "172.16.0.0/12", false],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["10.1.2.3", "::/0", false],
    ["::1", "0.0.0.0/0", false],
    ["::1", "::/0", true],
    ["::ffff:10.1.2.3", "10.0.0.0/8", true],
    ["10.1.2.3", "::ffff:10.0.0.0/104", true],
    ["11.1.2.3", "::ffff:10.0.0.0/104", false],
    ["fd00:1::5", "fd00::/8", true],
    ["fe00:1::5", "fd00::/8", false],
    ["2001:db8:0:7fff::1", "2001:db8::/49", true],
    ["2001:db8:0:8000::1", "2001:db8::/49", false],
  ])("%s in %s is %p", (address, network, expected) => {
    expect(inside(address, network)).toBe(expected);
  });

  test.each(["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "a/8", ""])(
    "%j is none",
    (text) => {
      expect(parseNetwork(text)).toBeUndefined();
    },
  );

  test.each([
    ["10.0.0.0", "255.0.0.0", 8],
    ["10.0.0.0", "0.0.0.0", 0],
    ["10.0.0.1", "255.255.255.255", 32],
    ["10.0.0.0", "255.254.0.0", 15],
    ["fd00::", "ffff:ff00::", 24],
    ["10.0.0.0", "255.0.255.0", undefined],
    ["10.0.0.0", "ffff::", undefined],
    ["10.0.0.0", "8", undefined],
  ])("%s with the mask %s has %p bits", (address, mask, bits) => {
    expect(parseMaskedNetwork(address, mask)?.prefixBits).toBe(bits as number);
  });
});
