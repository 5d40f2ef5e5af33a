import { expect, test } from "bun:test";
import type { BenchResult, LoadSample } from "../result.ts";
import { renderChart } from "./chart.ts";
import { judge } from "./judge.ts";
import { withResults } from "./publish.ts";
import { renderTable } from "./table.ts";
import { renderReport } from "./tables.ts";

function sample(transactionsPerSecond: number, cpuMicrosPerTransaction?: number): LoadSample {
  return {
    transactions: transactionsPerSecond,
    failed: 0,
    transactionsPerSecond,
    latencyMs: 1,
    ...(cpuMicrosPerTransaction === undefined ? {} : { cpuMicrosPerTransaction }),
  };
}

const SIMPLE_16 = {
  script: "select",
  protocol: "simple",
  clients: 16,
  seconds: 5,
  isReconnecting: false,
} as const;

/** Three rounds in which gatewayd reaches so much of the relay's 1,000 transactions per second. */
function resultWith(ours: number, ourCpu: number): BenchResult {
  const unjudged = {
    suite: "passthrough",
    startedAt: "2026-01-02T03:04:05.000Z",
    durationMinutes: 1,
    settings: { rounds: 3, seconds: 5 },
    machine: {
      cores: 2,
      processor: "a <fast> one",
      memoryGiB: 4,
      kernel: "Linux",
      system: "Debian",
    },
    versions: { PostgreSQL: "18" },
    entries: ["direct", "gatewayd", "relay"],
    control: { entry: "gatewayd", twin: "gatewayd, again" },
    loads: [
      {
        label: "simple, 16 clients",
        load: SIMPLE_16,
        samples: {
          direct: [sample(2000), sample(2000), sample(2000)],
          gatewayd: [sample(ours, ourCpu), sample(ours, ourCpu), sample(ours, ourCpu)],
          "gatewayd, again": [
            sample(ours * 0.95, ourCpu),
            sample(ours, ourCpu),
            sample(ours * 1.05, ourCpu),
          ],
          relay: [sample(1000, 20), sample(1000, 20), sample(1000, 20)],
        },
      },
    ],
    copies: [],
    idle: [],
    stalls: [],
    missing: [],
  } as const;
  return { ...unjudged, goals: judge(unjudged, ["relay"]) };
}

const reached = (result: BenchResult): readonly (boolean | undefined)[] =>
  result.goals.map(({ isReached }) => isReached);

test("a goal is reached when the difference is within the spread of the control", () => {
  expect(reached(resultWith(980, 20))).toEqual([true, true, true]);
  expect(reached(resultWith(960, 20))).toEqual([true, false, true]);
  expect(reached(resultWith(1200, 21))).toEqual([true, true, false]);
});

test("failed transactions are named, and miss a goal", () => {
  const result = resultWith(1000, 20);
  const [load] = result.loads;
  if (!load) throw new Error("no load");
  const broken = { ...sample(1000, 20), failed: 2, problem: "connection reset" };
  const loads = [{ ...load, samples: { ...load.samples, gatewayd: [broken] } }];
  const failing = { ...result, loads };
  const goals = judge(failing, []);
  expect(goals[0]?.isReached).toBe(false);
  expect(renderReport(failing)).toContain(
    "- gatewayd, simple, 16 clients: 2 failed transactions; connection reset",
  );
});

test("the tables show medians, ratios and the spread", () => {
  const line = renderReport(resultWith(1500, 20))
    .split("\n")
    .find((text) => text.startsWith("| simple, 16 clients |"));
  expect(line?.split("|").map((cell) => cell.trim())).toEqual([
    "",
    "simple, 16 clients",
    "2,000",
    "1,500",
    "1,000",
    "0.75x",
    "1.50x",
    "±2.5 %",
    "",
  ]);
});

test("columns of a table are aligned", () => {
  expect(
    renderTable({
      head: ["", "value"],
      rows: [
        ["a", "1"],
        ["long", "22,222"],
      ],
    }),
  ).toBe("|      |  value |\n| ---- | -----: |\n| a    |      1 |\n| long | 22,222 |");
});

test("the picture has one bar per entry and load, and escapes what it is given", () => {
  const svg = renderChart(resultWith(1500, 20));
  expect(svg).toContain("a &lt;fast&gt; one");
  expect(svg).toContain("gatewayd, simple, 16 clients: 0.75");
  expect(svg).toContain("relay, simple, 16 clients: 20");
  expect(svg).not.toContain("NaN");
});

test("results replace what stands between the markers, and nothing else", () => {
  const begin = "<!-- modes: begin, written by a full run -->";
  const end = "<!-- modes: end -->";
  const text = `before\n${begin}\nold\n${end}\nafter\n`;
  expect(withResults(text, "modes", "new")).toBe(`before\n${begin}\n\nnew\n\n${end}\nafter\n`);
  expect(() => withResults(text, "results", "new")).toThrow("missing");
});
