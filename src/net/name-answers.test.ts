import { expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { NameAnswers } from "./index.ts";
import type { Address } from "./index.ts";

const MINUTE_MS = 60_000;

function answersOf() {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const answers = new NameAnswers({ name: "writes", clock, logger });
  return {
    clock,
    logger,
    answers,
    answer: (...hosts: readonly string[]) => answers.record(hosts.map(at)),
    left: (...hosts: readonly string[]) => hosts.filter((host) => answers.hasLeft(at(host))),
  };
}

const at = (host: string): Address => ({ kind: "tcp", host, port: 5432 });

test("an address that is missing from the last answer has left", () => {
  const { answer, left, logger } = answersOf();
  answer("192.0.2.1", "192.0.2.2");
  expect(left("192.0.2.1", "192.0.2.2")).toEqual([]);
  answer("192.0.2.2", "192.0.2.3");
  expect(left("192.0.2.1", "192.0.2.2", "192.0.2.3")).toEqual(["192.0.2.1"]);
  expect(logger.records.map(({ fields }) => fields["left"])).toEqual([["192.0.2.1"]]);
});

test("one that was never an answer has not", () => {
  const { answer, left } = answersOf();
  expect(left("192.0.2.9")).toEqual([]);
  answer("192.0.2.1");
  expect(left("192.0.2.9")).toEqual([]);
});

test("an address that comes back after a long time is good again, and may leave again", () => {
  const { answer, left, clock } = answersOf();
  answer("192.0.2.1");
  answer("192.0.2.2");
  clock.advance(60 * MINUTE_MS);
  answer("192.0.2.1");
  expect(left("192.0.2.1", "192.0.2.2")).toEqual(["192.0.2.2"]);
  clock.advance(60 * MINUTE_MS);
  answer("192.0.2.2");
  expect(left("192.0.2.1", "192.0.2.2")).toEqual(["192.0.2.1"]);
});

test("addresses that are handed out in turn are all good, as long as that goes on", () => {
  const { answer, left, clock } = answersOf();
  const all = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const;
  for (const host of all) answer(host);
  for (let round = 0; round < 30; round++) {
    answer(all[round % 3] ?? "");
    expect(left(...all)).toEqual([]);
    clock.advance(MINUTE_MS);
  }
  clock.advance(20 * MINUTE_MS);
  // No turn any more: moved for good.
  answer("192.0.2.4");
  expect(left("192.0.2.3", "192.0.2.4")).toEqual(["192.0.2.3"]);
});

test("sockets never leave, and memory is bounded", () => {
  const { answer, left, answers } = answersOf();
  answers.record([{ kind: "unix", path: "/run/a" }]);
  answers.record([{ kind: "unix", path: "/run/b" }]);
  expect(answers.hasLeft({ kind: "unix", path: "/run/a" })).toBe(false);
  for (let number = 0; number < 150; number++) answer(`10.0.0.${number}`);
  expect(left("10.0.0.0", "10.0.0.140")).toEqual(["10.0.0.140"]);
});
