import { expect, test } from "bun:test";
import { addressProblem, isUnixAddress, splitHostPort } from "./address.ts";

test.each([
  ["localhost:5432", "localhost", 5432],
  ["[::1]:15432", "::1", 15432],
  [":15432", "", 15432],
  ["127.0.0.1:0", "127.0.0.1", 0],
])("%s has the host %p and the port %d", (address, host, port) => {
  expect(splitHostPort(address)).toEqual({ host, port });
});

test.each(["localhost", "::1:5432", "host:65536", "host:", "two words:1", "host:1x"])(
  "%s is no host and port",
  (address) => {
    expect(splitHostPort(address)).toBeUndefined();
  },
);

test("a path is a Unix socket on any network, any text is on network unix", () => {
  expect(isUnixAddress("tcp", "/run/gatewayd")).toBe(true);
  expect(isUnixAddress("unix", "gatewayd.sock")).toBe(true);
  expect(isUnixAddress("tcp", "localhost:5432")).toBe(false);
});

test("an address that is neither is a problem, and so is an empty one", () => {
  expect(addressProblem("tcp", "localhost")).toContain("host:port");
  expect(addressProblem("unix", "")).toBe("must not be empty");
  expect(addressProblem("tcp", "[::1]:1")).toBeUndefined();
});
