import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ALL_CASES } from "./cases/index.ts";
import { type CaseRun, firstDifference } from "./compare.ts";
import { Endpoints } from "./endpoints.ts";
import { type Mode, MODES } from "./modes.ts";
import { oneClient, type ParityCase } from "./parity-case.ts";
import { PENDING } from "./pending.ts";
import { type Patience, Stage } from "./stage.ts";

/** For what is known to come to nothing, or may well. */
const IMPATIENT: Patience = { messageMs: 500, othersMs: 200 };

let endpoints: Endpoints;

beforeAll(async () => {
  endpoints = await Endpoints.start();
}, 60_000);

afterAll(async () => {
  await endpoints[Symbol.asyncDispose]();
});

/** What is wrong with a case in a mode; undefined when it is as it ought to be. */
async function verdict(
  parityCase: ParityCase,
  mode: Mode,
  direct: CaseRun,
): Promise<string | undefined> {
  const pending = PENDING[parityCase.name]?.[mode.name];
  const byDesign = parityCase.differs.find(({ modes }) => modes.includes(mode.name));
  const expected = pending ?? byDesign?.instead;
  const endpoint = endpoints.through(mode, parityCase.sharing);
  const isAwaited = expected === undefined || !expected.test("(nothing)");
  const run = await Stage.run(parityCase, endpoint, isAwaited ? undefined : IMPATIENT);
  const found = firstDifference(direct, run);
  if (expected === undefined) return found?.text;
  const listed = pending === undefined ? "differ by design" : "be pending";
  if (found === undefined) return `is the same, but is said to ${listed}`;
  if (expected.test(found.instead)) return undefined;
  return `is said to ${listed} with ${String(expected)}, but:\n${found.text}`;
}

describe("a client receives the same directly and in each mode", () => {
  for (const parityCase of ALL_CASES) {
    test(parityCase.name, async () => {
      const direct = await Stage.run(parityCase, endpoints.direct());
      if (direct.failure !== undefined) {
        throw new Error("the case does not work directly", { cause: direct.failure });
      }
      const wrong = await Promise.all(
        MODES.map(async (mode) => {
          const text = await verdict(parityCase, mode, direct);
          return text === undefined ? [] : [`${mode.name}: ${text}`];
        }),
      );
      expect(wrong.flat().join("\n\n")).toBe("");
    });
  }
});

describe("the cases", () => {
  test("meet another server connection in every unit, where clients share them", async () => {
    for (const mode of MODES.filter(({ others }) => others === "between")) {
      const pids: string[] = [];
      const parityCase = oneClient("process ids", async (client) => {
        for (let unit = 0; unit < 4; unit++) {
          pids.push((await client.value("select pg_backend_pid()")).toString());
        }
      });
      const { failure } = await Stage.run(parityCase, endpoints.through(mode, "turns"));
      expect(failure).toBeUndefined();
      const [one, two] = pids;
      expect(one).not.toBe(two);
      expect(pids.join()).toBe([one, two, one, two].join());
    }
  });

  test("have names of their own, and those that are pending exist", () => {
    const names = ALL_CASES.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    expect(Object.keys(PENDING).filter((name) => !names.includes(name))).toEqual([]);
  });
});
