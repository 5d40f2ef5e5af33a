import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { silentLogger } from "../logging/index.ts";
import { Sharing, SharedText } from "./index.ts";
import type { SharingScope } from "./index.ts";

const NEVER_ASKED = () => Promise.reject(new Error("nobody is to be asked"));

function newSharing(): Sharing {
  const [clock, logger] = [new FakeClock(), silentLogger];
  return new Sharing({ block: "b", allowFunctions: [], clock, logger });
}

function look(scope: SharingScope, sql: string): SharedText | undefined {
  const bytes = Buffer.from(`Q${sql}\0`);
  return scope.look(bytes, 1, bytes.length - 1);
}

describe("statements of a scope", () => {
  test("are the same with other numbers and strings", () => {
    const scope = newSharing().scope("u/d", "", NEVER_ASKED);
    const one = look(scope, "select 1, 'a'");
    expect(one).toBeInstanceOf(SharedText);
    expect(look(scope, "select 22,\n'b'")).toBe(one);
    expect(look(scope, "select 1, 2")).not.toBe(one);
    expect(look(scope, "select 1, 'a")).toBeUndefined();
  });

  test("are others in another scope", () => {
    const sharing = newSharing();
    const elsewhere = sharing.scope("u/d", "search_path=x", NEVER_ASKED);
    const scopes = [sharing.scope("u/d", "", NEVER_ASKED), sharing.scope("u/e", "", NEVER_ASKED)];
    expect(new Set([elsewhere, ...scopes].map((scope) => look(scope, "select 1"))).size).toBe(3);
    expect(sharing.scope("u/d", "search_path=x", NEVER_ASKED)).toBe(elsewhere);
  });

  test("are forgotten when there are too many, those in use last", () => {
    const scope = newSharing().scope("u/d", "", NEVER_ASKED);
    const used = look(scope, "select used");
    const unused = look(scope, "select unused");
    for (let name = 0; name < 12_000; name++) {
      look(scope, `select a${name}`);
      if (name % 1_000 === 0) look(scope, "select used");
    }
    expect(look(scope, "select used")).toBe(used);
    expect(look(scope, "select unused")).not.toBe(unused);
  });

  test("that are prepared need parameters of PostgreSQL's own types", () => {
    const scope = newSharing().scope("u/d", "", NEVER_ASKED);
    const parse = (types: readonly number[]) => {
      const body = Buffer.alloc(2 + 4 * types.length);
      body.writeInt16BE(types.length);
      types.forEach((type, at) => body.writeUInt32BE(type, 2 + 4 * at));
      const bytes = Buffer.concat([Buffer.from("name\0select $1\0"), body]);
      return scope.lookParse(bytes, 5, bytes.length);
    };
    expect(parse([])).toBe(look(scope, "select $1"));
    expect(parse([25, 0])).toBe(look(scope, "select $1"));
    expect(parse([25, 16_384])).toBeUndefined();
    expect(parse([25, 0xffff_ffff])).toBeUndefined();
  });
});

describe("a statement", () => {
  test("has a usual time that follows what it takes", () => {
    const text = look(newSharing().scope("u/d", "", NEVER_ASKED), "select 1");
    expect(text?.usualMs).toBe(0);
    text?.answered(4, 100);
    expect(text?.usualMs).toBe(4);
    for (let times = 0; times < 50; times++) text?.answered(8, 65_536);
    expect(text?.usualMs).toBeCloseTo(8, 1);
    expect(text?.isLarge).toBe(false);
    text?.answered(8, 65_537);
    expect(text?.isLarge).toBe(true);
  });
});
