import { expect, test } from "bun:test";
import { LoginThrottle } from "./login-throttle.ts";

const OPTIONS = { freeFailures: 2, firstDelayMs: 100, maxDelayMs: 1_000, forgetAfterMs: 60_000 };
const HOST = "10.0.0.1";

/** A throttle that has seen so many failures of anna at 10.0.0.1, at time 0. */
function after(failures: number): LoginThrottle {
  const throttle = new LoginThrottle(OPTIONS);
  for (let count = 0; count < failures; count++) throttle.failed(HOST, "anna", 0);
  return throttle;
}

test("the delay begins after some failures and doubles up to a limit", () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 7, 2_000].map((failures) =>
    after(failures).delayMs(HOST, "anna", 0),
  );
  expect(delays).toEqual([0, 0, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
});

test("a failure is told as late as the delay before it, and never at once", () => {
  const throttle = new LoginThrottle(OPTIONS);
  const delays = Array.from({ length: 5 }, () => throttle.failed(HOST, "anna", 0));
  expect(delays).toEqual([20, 20, 100, 200, 400]);
});

test("other users and other addresses are not held back", () => {
  const throttle = after(9);
  expect(throttle.delayMs(HOST, "bert", 0)).toBe(0);
  expect(throttle.delayMs("10.0.0.2", "anna", 0)).toBe(0);
  expect(throttle.delayMs(undefined, "anna", 0)).toBe(0);
  throttle.succeeded("10.0.0.2", "anna");
  expect(throttle.delayMs(HOST, "anna", 0)).toBe(1_000);
});

test("an address is the same however it is written, and IPv6 counts by network", () => {
  const throttle = after(9);
  expect(throttle.delayMs("::ffff:10.0.0.1", "anna", 0)).toBe(1_000);
  for (let count = 0; count < 9; count++) throttle.failed(`2001:db8::${count}`, "anna", 0);
  expect(throttle.delayMs("2001:db8:0:0:ffff::1", "anna", 0)).toBe(1_000);
  expect(throttle.delayMs("2001:db8:0:1::1", "anna", 0)).toBe(0);
});

test("unix sockets and texts that are no address count too", () => {
  const throttle = new LoginThrottle(OPTIONS);
  for (let count = 0; count < 3; count++) {
    throttle.failed(undefined, "anna", 0);
    throttle.failed("somewhere", "anna", 0);
  }
  expect(throttle.delayMs(undefined, "anna", 0)).toBe(200);
  expect(throttle.delayMs("somewhere", "anna", 0)).toBe(200);
});

test("success, and time, make it forget", () => {
  const throttle = after(9);
  throttle.succeeded(HOST, "anna");
  expect(throttle.delayMs(HOST, "anna", 0)).toBe(0);
  expect(throttle.size).toBe(0);
  expect(after(9).delayMs(HOST, "anna", 59_999)).toBe(1_000);
  expect(after(9).delayMs(HOST, "anna", 60_000)).toBe(0);
});

test("each failure prolongs the memory", () => {
  const throttle = after(3);
  throttle.failed(HOST, "anna", 50_000);
  expect(throttle.delayMs(HOST, "anna", 100_000)).toBe(400);
});

test("what is remembered is bounded, the oldest forgotten first", () => {
  const throttle = new LoginThrottle({ ...OPTIONS, maxPairs: 3 });
  for (const user of ["a", "b", "c", "a", "d"]) {
    for (let count = 0; count < 3; count++) throttle.failed(HOST, user, 0);
  }
  expect(throttle.size).toBe(3);
  expect(throttle.delayMs(HOST, "b", 0)).toBe(0);
  expect(throttle.delayMs(HOST, "a", 0)).toBe(1_000);
});

test("what is over is dropped at the next failure", () => {
  const throttle = new LoginThrottle(OPTIONS);
  for (let user = 0; user < 100; user++) throttle.failed(HOST, `u${user}`, user);
  throttle.failed(HOST, "late", 60_050);
  expect(throttle.size).toBe(50);
});

test("no more of a name is remembered than PostgreSQL's names have", () => {
  const throttle = new LoginThrottle(OPTIONS);
  for (let count = 0; count < 3; count++) throttle.failed(HOST, `${"x".repeat(63)}${count}`, 0);
  expect(throttle.size).toBe(1);
  expect(throttle.delayMs(HOST, "x".repeat(9_000), 0)).toBe(200);
});
