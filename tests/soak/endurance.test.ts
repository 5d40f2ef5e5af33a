/**
 * One gateway under load for as long as it takes, while everything happens to it that happens in years: reloads,
 * rotated logs, plugins that start again, a collector that comes and goes, a database that is restarted.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metricSum, readMetrics } from "../e2e/metrics-page.ts";
import { OtlpCollector } from "../fixtures/otlp/otlp-collector.ts";
import { sha256Of } from "../fixtures/plugins/built-plugins.ts";
import { times } from "../fixtures/test-size.ts";
import {
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  residentMiB,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { EnduranceLoad } from "./endurance-load.ts";
import { SOAK_TABLES } from "./operations.ts";

const MINUTE_MS = 60_000;
/** Shorter or longer where somebody says so. */
const SOAK_MINUTES = Number(process.env["GATEWAYD_SOAK_MINUTES"] ?? 30);
const DURATION_MS = times(40_000, SOAK_MINUTES * MINUTE_MS);
const CLIENTS = 16;
const POOL_SIZE = 8;
/** Its connections to a collector, and ours to its pages. */
const OTHER_SOCKETS = 4;
const ROUNDS = times(8, 2 * SOAK_MINUTES);
/** Before it is known what is kept for good: compiled code, buffers, the allocator's arenas. */
const WARM_ROUNDS = ROUNDS / 4;
/** After a restart of the database connections are made again, and what waited may have waited too long. */
const RECOVERY_MS = 5_000;
/** Of the lowest points, right after garbage was collected; more than this is no scatter. */
const MAX_GROWTH_MIB = times(48, 24);
/**
 * The engine collects garbage as if the machine had little memory. Else there may be several hundred MiB of it before it is
 * collected for the first time, which in the short form is growth, and nothing but garbage.
 */
const COLLECTS_EARLY = times<Record<string, string>>(
  { BUN_JSC_forceRAMSize: String(128 * 1024 ** 2) },
  {},
);
/** How often the memory is looked at. */
const LOOK_MS = 500;

const TRAIL_PLUGIN = join(import.meta.dir, "..", "fixtures", "plugins", "trail-plugin.ts");
const MODULE_PLUGIN = `import { definePlugin } from "gatewayd/sdk";
export default definePlugin({
  name: "watcher",
  version: "1.0.0",
  description: "Sees everything and does nothing.",
  setup: () => ({ onTrafficFromClient() {}, onTrafficFromServer() {} }),
});
`;

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  for (const sql of SOAK_TABLES) await postgres.query(sql);
  directory = await mkdtemp(join(tmpdir(), "gatewayd-endurance-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** What is seen of the gateway at one moment. */
interface Sample {
  readonly minutes: number;
  /** Since the sample before: garbage gathers, and is collected from time to time. */
  readonly lowestMiB: number;
  readonly highestMiB: number;
  readonly descriptors: number;
  readonly answered: number;
  readonly failedInside: number;
  readonly failedOutside: number;
  readonly recordsLost: number;
  readonly spansSent: number;
  readonly spansLost: number;
}

async function start(collectorPort: number): Promise<GatewaydProcess> {
  const modulePath = join(directory, "watcher.ts");
  await writeFile(modulePath, MODULE_PLUGIN);
  const config = oneBlockConfig(postgres.address, {
    pool: { size: POOL_SIZE, mode: "transaction" },
    server: { auth: { method: "trust" } },
    logger: {
      output: ["console", "file"],
      fileName: join(directory, "gatewayd.log"),
      maxSize: 1,
      maxBackups: 3,
      slowQueryThreshold: "5ms",
      slowQuerySampling: 0.2,
    },
    parts: {
      api: { httpAddress: "127.0.0.1:0", grpcAddress: "127.0.0.1:0" },
      tracing: { ratio: 0.01 },
    },
  });
  const trail = {
    name: "trail",
    localPath: process.execPath,
    args: [TRAIL_PLUGIN, "trail"],
    checksum: await sha256Of(process.execPath),
  };
  const watcher = { name: "watcher", localPath: modulePath, checksum: await sha256Of(modulePath) };
  return await startGatewayd({
    config,
    plugins: JSON.stringify({ plugins: [watcher, trail] }),
    args: ["--tracing", "--collector-url", `127.0.0.1:${collectorPort}`],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: directory,
      OTEL_BSP_SCHEDULE_DELAY: "500",
      ...COLLECTS_EARLY,
    },
    deadlineMs: 60_000,
  });
}

async function apiOf(gatewayd: GatewaydProcess): Promise<string> {
  const line = await gatewayd.process.waitForLine("Started the HTTP API");
  return `http://${/\baddress=(\S+)/.exec(line)?.[1]}/api/v1`;
}

test(
  `${CLIENTS} clients are served all along, and nothing grows`,
  async () => {
    const port = await freePort();
    let collector: OtlpCollector | undefined = await OtlpCollector.start({ port });
    await using gatewayd = await start(port);
    const { pid } = gatewayd.process;
    const [metrics, api] = [await gatewayd.metricsUrl(), await apiOf(gatewayd)];
    const atRest = openDescriptors(pid).total;
    const load = new EnduranceLoad(gatewayd, CLIENTS);
    const samples: Sample[] = [];
    using memory = new MemoryWatch(pid);
    const beganMs = performance.now();

    const incidents: readonly (() => Promise<void>)[] = [
      async () => await rotateLog(gatewayd),
      async () => await reloadPlugin(api, "trail"),
      async () => {
        await collector?.[Symbol.asyncDispose]();
        collector = undefined;
      },
      async () => await reload(api, gatewayd),
      async () => await reloadPlugin(api, "watcher"),
      async () => {
        collector ??= await OtlpCollector.start({ port });
      },
    ];
    for (let round = 0; round < ROUNDS; round++) {
      const endMs = beganMs + (DURATION_MS * (round + 1)) / ROUNDS;
      const pauseMs = (endMs - performance.now()) / (incidents.length + 1);
      for (const incident of incidents) {
        await Bun.sleep(pauseMs);
        await incident();
      }
      if (round === Math.floor(ROUNDS / 2)) await restartDatabase(load);
      await Bun.sleep(Math.max(0, endMs - performance.now()));
      const minutes = (performance.now() - beganMs) / MINUTE_MS;
      samples.push({ minutes, ...memory.take(), ...(await look(gatewayd, metrics, load)) });
      // Of no use any more; it is this process that would grow.
      collector?.spans.splice(0);
    }
    console.log(tableOf(samples));

    await load.end();
    expect(load.failedOutside).toEqual([]);
    expect(load.answered).toBeGreaterThan(0);
    const warm = samples.slice(WARM_ROUNDS);
    const half = Math.ceil(warm.length / 2);
    const lowestOf = (some: readonly Sample[]): number =>
      Math.min(...some.map(({ lowestMiB }) => lowestMiB));
    const growth = lowestOf(warm.slice(half)) - lowestOf(warm.slice(0, half));
    expect(growth).toBeLessThan(MAX_GROWTH_MIB);
    await waitFor("nothing to be open but what stays", () => openDescriptors(pid).total, {
      until: (total) => total <= atRest + POOL_SIZE + OTHER_SOCKETS,
    });
    await gatewayd.stop();
    await collector?.[Symbol.asyncDispose]();
  },
  DURATION_MS + 2 * MINUTE_MS,
);

/** As a program that rotates logs does it. */
async function rotateLog(gatewayd: GatewaydProcess): Promise<void> {
  const file = join(directory, "gatewayd.log");
  await waitFor("the log", () => existsSync(file));
  await rename(file, `${file}.moved`);
  gatewayd.process.kill("SIGUSR1");
  await waitFor("the log to be begun anew", () => existsSync(file));
  await rm(`${file}.moved`);
}

/** Another size of the pool, and another level of the log. */
async function reload(api: string, { directory: home }: GatewaydProcess): Promise<void> {
  const path = join(home, "gatewayd.yaml");
  const config = JSON.parse(await readFile(path, "utf8"));
  const { writes } = config.pools.default;
  writes.size = writes.size === POOL_SIZE ? POOL_SIZE - 2 : POOL_SIZE;
  config.loggers.default.level = config.loggers.default.level === "info" ? "warn" : "info";
  await writeFile(path, JSON.stringify(config));
  const response = await fetch(`${api}/reload`, { method: "POST" });
  expect(await response.json()).toMatchObject({
    changed: ["loggers.default.level", "pools.default.writes.size"],
  });
}

async function reloadPlugin(api: string, name: string): Promise<void> {
  const response = await fetch(`${api}/plugins/${name}/reload`, { method: "POST" });
  expect(await response.json()).toMatchObject({ plugin: { state: "running" } });
}

async function restartDatabase(load: EnduranceLoad): Promise<void> {
  const over = load.outage();
  await postgres.restart();
  await Bun.sleep(RECOVERY_MS);
  over();
}

async function look(
  gatewayd: GatewaydProcess,
  metrics: string,
  load: EnduranceLoad,
): Promise<Omit<Sample, "minutes" | "lowestMiB" | "highestMiB">> {
  const families = await readMetrics(metrics);
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    metricSum(families, name, labels);
  return {
    descriptors: openDescriptors(gatewayd.process.pid).total,
    answered: load.answered,
    failedInside: load.failedInside,
    failedOutside: load.failedOutside.length,
    recordsLost: sum("gatewayd_log_records_dropped_total"),
    spansSent: sum("gatewayd_spans_total", { fate: "exported" }),
    spansLost:
      sum("gatewayd_spans_total", { fate: "dropped" }) +
      sum("gatewayd_spans_total", { fate: "failed" }),
  };
}

/** In Markdown, for docs/operations.md. */
function tableOf(samples: readonly Sample[]): string {
  const heads = [
    "minute",
    "memory, MiB",
    "descriptors",
    "answers",
    "failed in the restart",
    "failed otherwise",
    "log records lost",
    "spans sent",
    "spans lost",
  ];
  const rows = samples.map((sample) => [
    sample.minutes.toFixed(1),
    `${sample.lowestMiB.toFixed(0)} to ${sample.highestMiB.toFixed(0)}`,
    ...[sample.descriptors, sample.answered, sample.failedInside, sample.failedOutside],
    ...[sample.recordsLost, sample.spansSent, sample.spansLost],
  ]);
  const lines = [heads, heads.map(() => "---:"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

class MemoryWatch implements Disposable {
  readonly #pid: number;
  readonly #timer: Timer;
  #seenMiB: number[] = [];

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** What was seen since it was asked last. */
  take(): { readonly lowestMiB: number; readonly highestMiB: number } {
    this.#look();
    const seen = this.#seenMiB;
    this.#seenMiB = [];
    return { lowestMiB: Math.min(...seen), highestMiB: Math.max(...seen) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#seenMiB.push(residentMiB(this.#pid));
  }
}
