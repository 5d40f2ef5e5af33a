import { describe, expect, test } from "bun:test";
import { AnswerLedger } from "./answer-ledger.ts";
import { FrontendWriter } from "./frontend-writer.ts";
import { InspectingClientStream } from "./inspecting-client-stream.ts";
import type { InspectedStatement } from "./inspecting-client-stream.ts";
import { Trait } from "./statement-traits.ts";

const MAX_BYTES = 1 << 24;

/** What is seen in the bytes, however they are cut. */
function inspect(bytes: Uint8Array): readonly InspectedStatement[] {
  const found: InspectedStatement[] = [];
  const whole = new InspectingClientStream(new AnswerLedger(), MAX_BYTES, (statement) =>
    found.push(statement),
  );
  whole.advance(bytes);
  const step = Math.max(1, Math.floor(bytes.length / 50));
  for (let at = 1; at < bytes.length; at += step) {
    const again: InspectedStatement[] = [];
    const cut = new InspectingClientStream(new AnswerLedger(), MAX_BYTES, (statement) =>
      again.push(statement),
    );
    cut.advance(bytes.subarray(0, at));
    cut.advance(bytes.subarray(at));
    expect(again).toEqual(found);
    expect(cut.isAtBoundary).toBe(true);
  }
  return found;
}

describe("a client's statements", () => {
  test("are read in a Query", () => {
    const [found] = inspect(new FrontendWriter().query("set a.b = 1").take());
    expect(found).toMatchObject({
      traits: { flags: Trait.Settings, settings: ["a.b"] },
      isNamed: false,
    });
  });

  test("are read in a Parse, with or without a name", () => {
    const parse = (name: string, text: string): Uint8Array =>
      new FrontendWriter().parse({ name, text, parameterTypes: [] }).take();
    expect(inspect(parse("", "listen a"))).toMatchObject([
      { traits: { flags: Trait.Listen }, isNamed: false },
    ]);
    expect(inspect(parse("s", "select 1"))).toMatchObject([
      { traits: { flags: 0 }, isNamed: true },
    ]);
  });

  test("that do nothing to the session are not told of", () => {
    expect(inspect(new FrontendWriter().query("select 1").take())).toEqual([]);
    expect(
      inspect(
        new FrontendWriter().parse({ name: "", text: "select 1", parameterTypes: [] }).take(),
      ),
    ).toEqual([]);
  });

  test("too long to be read may do anything", () => {
    const text = `select '${"x".repeat(300_000)}'`;
    const [found] = inspect(new FrontendWriter().query(text).take());
    expect((found?.traits.flags ?? 0) & Trait.Temporary).not.toBe(0);
  });
});
