import { expect, test } from "bun:test";
import { FakeClock } from "../../../tests/fixtures/fake-clock.ts";
import { description, FakePlugin } from "../../../tests/fixtures/fake-plugin.ts";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { parseExposition, writeText } from "../../metrics/index.ts";
import { PluginMetrics } from "../index.ts";

const LEFT_OUT = "The metrics of a plugin are left out";

/** What there is, in Prometheus' text format. */
function page(metrics: PluginMetrics, own = ""): string {
  return writeText(metrics.collect(parseExposition(own)));
}

/** Plugins with these metrics, read every 5 s. */
async function setUp(texts: Readonly<Record<string, FakePlugin["metrics"]>>) {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const plugins = Object.entries(texts).map(([name, text]) => {
    const plugin = new FakePlugin(description(name), 1);
    plugin.metrics = text;
    return plugin;
  });
  const metrics = new PluginMetrics({
    running: () => plugins,
    periodMs: 5_000,
    schedule: (delayMs, callback) => {
      const timer = clock.setTimeout(callback, delayMs);
      return () => clock.clearTimeout(timer);
    },
    logger,
  });
  metrics.start();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  return {
    metrics,
    plugins,
    clock,
    logger,
    say: (index: number, text: FakePlugin["metrics"]): void => {
      const plugin = plugins[index];
      if (plugin === undefined) throw new Error(`no plugin ${index}`);
      plugin.metrics = text;
    },
    pass: async (ms: number) => {
      clock.advance(ms);
      await settle();
    },
  };
}

const COUNTER = "# HELP hooks_total Hooks.\n# TYPE hooks_total counter\nhooks_total";

test("each family is there once, sorted, with the label of each plugin", async () => {
  const { metrics } = await setUp({
    "my-cache": `${COUNTER}{hook="a"} 1\n# TYPE go_threads gauge\ngo_threads 7\n`,
    none: undefined,
    js: `${COUNTER}{plugin="x\\"y"} 2\nawake 1\n`,
  });
  expect(page(metrics)).toBe(`# TYPE awake untyped
awake{plugin="js"} 1
# TYPE go_threads gauge
go_threads{plugin="my_cache"} 7
# HELP hooks_total Hooks.
# TYPE hooks_total counter
hooks_total{hook="a",plugin="my_cache"} 1
hooks_total{exported_plugin="x\\"y",plugin="js"} 2
`);
});

test("nothing comes of no plugins", async () => {
  const { metrics } = await setUp({});
  expect(page(metrics)).toBe("");
});

test("metrics are read every so often until the end", async () => {
  const { metrics, say, pass, clock } = await setUp({ a: "x 1\n" });
  say(0, "x 2\n");
  await pass(4_999);
  expect(page(metrics)).toContain('x{plugin="a"} 1\n');
  await pass(1);
  expect(page(metrics)).toContain('x{plugin="a"} 2\n');
  metrics.stop();
  expect(clock.timerCount).toBe(0);
});

test.each<[what: string, broken: FakePlugin["metrics"], reason: string]>([
  ["fails", () => Promise.reject(new Error("no such socket")), "no such socket"],
  ["is not in order", "x one\n", 'line 1: "one" is no value'],
  ["hangs", () => new Promise(() => {}), "reading its metrics took longer than 5000 ms"],
])(
  "a plugin whose text %s is left out, is told of once, and spoils no other",
  async (_, broken, reason) => {
    const { metrics, say, pass, logger } = await setUp({ a: "x 1\n", b: "x 2\n" });
    say(0, broken);
    // In steps: reading again begins when every plugin has answered or had its time.
    for (let round = 0; round < 5; round++) await pass(5_000);
    expect(page(metrics)).toBe('# TYPE x untyped\nx{plugin="b"} 2\n');
    const told = logger.records.filter(({ message }) => message === LEFT_OUT);
    expect(told.map(({ fields }) => fields)).toEqual([{ name: "a", reason }]);
    say(0, "x 3\n");
    for (let round = 0; round < 2; round++) await pass(5_000);
    expect(page(metrics)).toContain('x{plugin="a"} 3\n');
  },
);

test("a family of another type than that of a plugin before is left out, and told of once", async () => {
  const { metrics, logger } = await setUp({
    a: "# TYPE x gauge\nx 1\n",
    b: "# TYPE x counter\nx 2\ny 1\n",
  });
  const expected = '# TYPE x gauge\nx{plugin="a"} 1\n# TYPE y untyped\ny{plugin="b"} 1\n';
  expect([page(metrics), page(metrics)]).toEqual([expected, expected]);
  expect(logger.records.map(({ fields }) => fields)).toEqual([
    { name: "b", metric: "x", reason: "is a counter, and a gauge of another plugin" },
  ]);
});

test("a family without a type makes way for those that have one", async () => {
  const { metrics, logger } = await setUp({
    a: "x 1\ny 1\n",
    b: "# TYPE x counter\nx 2\n",
    c: "# TYPE x counter\nx 3\n",
  });
  expect(page(metrics)).toBe(
    '# TYPE x counter\nx{plugin="b"} 2\nx{plugin="c"} 3\n# TYPE y untyped\ny{plugin="a"} 1\n',
  );
  expect(logger.records.map(({ fields }) => fields)).toEqual([
    { name: "a", metric: "x", reason: "is an untyped, and a counter of another plugin" },
  ]);
});

test("no label is there twice, and no samples become the same", async () => {
  const { metrics } = await setUp({
    a: 'x{plugin="1",exported_plugin="2"} 1\nx{plugin="2"} 2\nx{exported_plugin="2"} 3\n',
  });
  expect(page(metrics)).toBe(`# TYPE x untyped
x{exported_exported_plugin="1",exported_plugin="2",plugin="a"} 1
x{exported_exported_plugin="2",plugin="a"} 2
x{exported_plugin="2",plugin="a"} 3
`);
});

test("a conflict that was gone is told of again", async () => {
  const { metrics, say, pass, logger } = await setUp({
    a: "# TYPE x gauge\nx 1\n",
    b: "# TYPE x counter\nx 2\n",
  });
  page(metrics);
  for (const text of ["y 1\n", "# TYPE x counter\nx 2\n"]) {
    say(1, text);
    await pass(5_000);
    for (let round = 0; round < 2; round++) page(metrics);
  }
  expect(logger.count(LEFT_OUT)).toBe(2);
});

test("a plugin that does not serve any more has no metrics", async () => {
  const { metrics, plugins, say, pass } = await setUp({ a: "x 1\n", b: "x 2\n" });
  plugins.shift();
  expect(page(metrics)).toBe('# TYPE x untyped\nx{plugin="b"} 2\n');
  plugins.push(new FakePlugin(description("c"), 1));
  say(1, "x 4\n");
  await pass(5_000);
  expect(page(metrics)).toContain('x{plugin="c"} 4\n');
});

test("what the gateway has to tell stands beside the plugins' own, without a label", async () => {
  const { metrics, logger } = await setUp({
    a: "# TYPE process_open_fds gauge\nprocess_open_fds 3\n# TYPE up counter\nup 1\nwaits_count 4\n",
  });
  const own =
    "# HELP process_open_fds Open.\n# TYPE process_open_fds gauge\nprocess_open_fds 9\n" +
    "# TYPE up gauge\nup 1\n" +
    "# TYPE waits summary\nwaits_sum 1\nwaits_count 2\n";
  expect(page(metrics, own)).toBe(
    '# HELP process_open_fds Open.\n# TYPE process_open_fds gauge\nprocess_open_fds 9\nprocess_open_fds{plugin="a"} 3\n' +
      "# TYPE up gauge\nup 1\n# TYPE waits summary\nwaits_sum 1\nwaits_count 2\n",
  );
  expect(logger.records.map(({ fields }) => fields)).toEqual([
    { name: "a", metric: "up", reason: "is a counter, and a gauge of the gateway" },
    { name: "a", metric: "waits_count", reason: "is the name of a sample of waits" },
  ]);
});
