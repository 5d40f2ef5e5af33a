import { describe, expect, test } from "bun:test";
import { formatAddress, formatHostPort } from "./address.ts";
import type { Address } from "./address.ts";

describe("writing an address", () => {
  test.each([
    [{ kind: "tcp", host: "127.0.0.1", port: 5432 }, "127.0.0.1:5432"],
    [{ kind: "tcp", host: "db.example.org", port: 1 }, "db.example.org:1"],
    [{ kind: "tcp", host: "", port: 15432 }, ":15432"],
    [{ kind: "tcp", host: "::1", port: 5432 }, "[::1]:5432"],
    [{ kind: "tcp", host: "::", port: 0 }, "[::]:0"],
    [{ kind: "unix", path: "/run/postgresql" }, "/run/postgresql"],
  ] satisfies readonly (readonly [Address, string])[])("writes %j as %s", (address, expected) => {
    expect(formatAddress(address)).toBe(expected);
  });

  test.each([
    ["::ffff:10.1.2.3", "10.1.2.3:80"],
    ["::FFFF:10.1.2.3", "10.1.2.3:80"],
    ["::ffff:a01:203", "[::ffff:a01:203]:80"],
  ])("writes %s as %s, as other programs see it", (host, expected) => {
    expect(formatHostPort(host, 80)).toBe(expected);
  });
});
