import { expect, test } from "bun:test";
import { rows } from "gatewayd/sdk";
import { answerTo, openPlugin, openSession } from "gatewayd/sdk/testing";
import maskResponses from "./mask-responses.ts";

const answerOf = (values: readonly (string | null)[]): Uint8Array =>
  answerTo("select", rows(["a", "b", "c"], [values]));

test("addresses and card numbers are masked, and nothing else", async () => {
  await using plugin = await openPlugin(maskResponses);
  const answer = answerOf(["write to ann@example.com", "4111 1111 1111 1111", null]);
  const outcome = await plugin.response(answer, "select");
  expect(outcome.kind === "forwarded" && Buffer.from(outcome.bytes)).toEqual(
    Buffer.from(answerOf(["write to ***************", "*".repeat(19), null])),
  );
  expect(await plugin.metrics()).toContain("mask_responses_values_total 2");

  const harmless = answerOf(["2026-11-26 10:00:00", "12345", "a@b"]);
  const untouched = await plugin.response(harmless, "select");
  expect(untouched.kind === "forwarded" && untouched.bytes).toBe(harmless);
});

test("in any encoding letters belong to an address", async () => {
  await using plugin = await openPlugin(maskResponses);
  for (const encoding of ["latin1", "utf8"] as const) {
    const bytes = (text: string) =>
      answerTo("select", rows(["a"], [[Buffer.from(text, encoding)]]));
    const outcome = await plugin.response(bytes("Fräulein jörg@köln.example, ü"), "select");
    const length = Buffer.from("jörg@köln.example", encoding).length;
    expect(outcome.kind === "forwarded" && Buffer.from(outcome.bytes)).toEqual(
      Buffer.from(bytes(`Fräulein ${"*".repeat(length)}, ü`)),
    );
  }
});

test("what is part of a value in binary format keeps its place in it", async () => {
  await using plugin = await openPlugin(maskResponses);
  // An array of two texts: dimensions, no nulls, type, bounds, then each with its length.
  const array = (...texts: readonly string[]): Buffer => {
    const header = [1, 0, 25, texts.length, 1].map(int4);
    return Buffer.concat([
      ...header,
      ...texts.flatMap((text) => [int4(text.length), Buffer.from(text)]),
    ]);
  };
  const answer = (...texts: readonly string[]) =>
    answerTo("select", rows(["a"], [[array(...texts)]]));
  const outcome = await plugin.response(
    answer("ann@example.com", "4111111111111111", "x"),
    "select",
  );
  expect(outcome.kind === "forwarded" && Buffer.from(outcome.bytes)).toEqual(
    Buffer.from(answer("*".repeat(15), "*".repeat(16), "x")),
  );
});

function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

test("values that are no text go on as they are", async () => {
  await using plugin = await openPlugin(maskResponses);
  const answer = answerTo("select", rows(["a"], [[Buffer.from([0xff, 0xfe, 1, 2, 3, 4, 5, 6])]]));
  const outcome = await plugin.response(answer, "select");
  expect(outcome.kind === "forwarded" && outcome.bytes).toBe(answer);
});

test("some users see everything", async () => {
  await using plugin = await openPlugin(maskResponses, { except: ["auditor"] });
  const answer = answerOf(["ann@example.com", null, null]);
  const outcome = await plugin.response(answer, "select", openSession({ user: "auditor" }));
  expect(outcome.kind === "forwarded" && outcome.bytes).toBe(answer);
});

test("long values hold up nobody", async () => {
  await using plugin = await openPlugin(maskResponses);
  const values = ["a", "a@", "a.", "@a.", "1", "1 "].map((part) => part.repeat(1_000_000));
  const begin = performance.now();
  const answer = answerTo(
    "select",
    rows(
      values.map((_, index) => `c${index}`),
      [values],
    ),
  );
  const outcome = await plugin.response(answer, "select");
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect(outcome.kind).toBe("forwarded");
});
