import { expect, test } from "bun:test";
import { labelOf } from "../scenarios/index.ts";
import type { BenchResult, LoadResult, LoadSample, Missing } from "../result.ts";
import { modesSuite } from "../suites/modes.ts";
import { parseOptions } from "../options.ts";
import type { Unjudged } from "./goals.ts";
import { judge } from "./judge.ts";
import { renderReport } from "./tables.ts";

/** One sample: throughput, CPU, and a 99th percentile. */
function sample(transactionsPerSecond: number, cpuMicrosPerTransaction = 20, p99 = 2): LoadSample {
  return {
    transactions: transactionsPerSecond,
    failed: 0,
    transactionsPerSecond,
    latencyMs: 1,
    percentilesMs: { p50: 1, p95: 1.5, p99 },
    cpuMicrosPerTransaction,
  };
}

function load(
  clients: number,
  protocol: "simple" | "prepared",
  samples: Readonly<Record<string, LoadSample>>,
): LoadResult {
  const load = { script: "select", protocol, clients, seconds: 5, isReconnecting: false } as const;
  return {
    label: labelOf(load),
    load,
    samples: Object.fromEntries(Object.entries(samples).map(([name, each]) => [name, [each]])),
  };
}

function unjudged(loads: readonly LoadResult[], missing: readonly Missing[] = []): Unjudged {
  return {
    suite: "modes",
    startedAt: "2026-01-02T03:04:05.000Z",
    durationMinutes: 1,
    settings: { rounds: 1, seconds: 5 },
    machine: { cores: 2, processor: "one", memoryGiB: 4, kernel: "Linux", system: "Debian" },
    versions: { PostgreSQL: "15" },
    entries: ["direct", "pgbouncer", "gatewayd", "gatewayd-depth4", "multiplexed"],
    control: { entry: "gatewayd", twin: "gatewayd, again" },
    loads,
    copies: [],
    idle: [],
    stalls: [],
    missing,
  };
}

const verdicts = (result: Unjudged, floors: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    judge(result, floors).map(({ text, target, measured, isReached }) => [
      text,
      [target, measured, isReached],
    ]),
  );

test("shares are judged by their targets, and those of loads that were not run are left out", () => {
  const result = unjudged([
    load(100, "simple", {
      direct: sample(1000),
      pgbouncer: sample(1000, 20, 2),
      gatewayd: sample(940, 23),
      "gatewayd-depth4": sample(1400, 17.5, 2),
      multiplexed: sample(1500),
    }),
  ]);
  expect(verdicts(result, ["multiplexed"])).toEqual({
    "no transaction and no connection fails": [undefined, "0 kinds of failure", true],
    "simple, 100 clients: throughput of gatewayd to pgbouncer": [">= 0.95x", "0.94x", false],
    "simple, 100 clients: CPU of gatewayd to pgbouncer": ["<= 1.15x", "1.15x", true],
    "simple, 100 clients: throughput of gatewayd-depth4 to pgbouncer": [">= 1.3x", "1.40x", true],
    "simple, 100 clients: throughput of gatewayd-depth4 to direct": [">= 1.4x", "1.40x", true],
    "simple, 100 clients: CPU of gatewayd-depth4 to pgbouncer": ["<= 0.85x", "0.88x", false],
    "simple, 100 clients: p99 of gatewayd-depth4 to pgbouncer": ["<= 1x", "1.00x", true],
    "simple, 100 clients: throughput of gatewayd-depth4 to multiplexed": [">= 0.9x", "0.93x", true],
  });
});

test("what could not be measured has its goal, its cell and its reason", () => {
  const reason = "it has no prepared statements";
  const result = unjudged(
    [load(100, "prepared", { direct: sample(1000), gatewayd: sample(500) })],
    [
      { entry: "pgbouncer", load: "prepared, 100 clients", reason },
      { entry: "gatewayd-depth4", reason: "this build refuses multiplexDepth" },
    ],
  );
  const goals = judge(result, []);
  expect(goals.at(-1)).toEqual({
    text: "prepared, 100 clients: throughput of gatewayd-depth4 to direct",
    target: ">= 1.15x",
    measured: "not measured",
  });
  const columns = { ...result, entries: ["direct", "pgbouncer", "gatewayd"] };
  const loads = [...columns.loads, load(100, "simple", { pgbouncer: sample(1000) })];
  const report = renderReport({ ...columns, loads, goals } satisfies BenchResult);
  expect(report).toContain(`- pgbouncer: ${reason} (prepared, 100 clients)`);
  expect(report).toContain("- gatewayd-depth4: this build refuses multiplexDepth");
  expect(report).toMatch(/\| prepared, 100 clients \| +1,000 \| +n\/a \| +500 \|/);
  expect(report).toMatch(/not measured \| +\| +- \|/);
});

test("a load that came to nothing misses its goal, and has no numbers", () => {
  const result = unjudged([
    load(16, "simple", { pgbouncer: sample(1000), gatewayd: sample(1000) }),
    load(100, "simple", { pgbouncer: sample(1000), gatewayd: { ...sample(0), latencyMs: 60_000 } }),
  ]);
  const goals = judge(result, []);
  expect(goals.filter(({ measured }) => measured === "failed")).toMatchObject([
    { text: "simple, 100 clients: throughput of gatewayd to pgbouncer", isReached: false },
    { text: "simple, 100 clients: CPU of gatewayd to pgbouncer", isReached: false },
  ]);
  const report = renderReport({ ...result, goals });
  expect(report).toMatch(/\| simple, 100 clients \| +1,000 \| +failed \|/);
  expect(report).not.toContain("60000");
});

test("ten times the clients are compared with a tenth of them", () => {
  const result = unjudged([
    load(100, "simple", { gatewayd: sample(1000) }),
    load(1000, "simple", { gatewayd: sample(840) }),
  ]);
  expect(verdicts(result)).toMatchObject({
    "simple, 1000 clients: throughput of gatewayd to its own with 100": [
      ">= 0.85x",
      "0.84x",
      false,
    ],
  });
});

test("a full run measures every load that a goal names", () => {
  const request = parseOptions(["modes"]);
  if (request.kind !== "run") throw new Error(`a ${request.kind}, not a run`);
  const everything = modesSuite
    .plan(request.options)
    .map((planned) => ({ label: labelOf(planned.load), load: planned.load, samples: {} }));
  expect(everything.map(({ label }) => label)).toEqual([
    "simple, 16 clients",
    "simple, 100 clients",
    "simple, 1000 clients",
    "extended, 16 clients",
    "extended, 100 clients",
    "prepared, 16 clients",
    "prepared, 100 clients",
    "reconnecting, 16 clients",
    "writes, 100 clients",
  ]);
  expect(judge(unjudged(everything), [])).toHaveLength(17);
});
