/** What the families count is what happens: each is made to happen, and compared with what others know of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serialize } from "pg-protocol";
import { servedPlugin } from "../fixtures/plugins/served-plugin.ts";
import {
  childrenOf,
  connectionsToPort,
  connectWire,
  cpuTimeMs,
  oneBlockConfig,
  residentMiB,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import type { GatewaydProcess, OneBlockOptions, PostgresServer } from "../kit/index.ts";
import { expectMetrics, metricValue, readMetrics } from "./metrics-page.ts";
import { openSession, query } from "./rules/rule-session.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
const BLOCK = { group: "default", block: "writes" };

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-values-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A gateway whose sessions share connections, unless the options say otherwise. */
async function start(
  { pool, server, ...options }: OneBlockOptions = {},
  plugins: readonly object[] = [],
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 1, ...pool },
      server: { auth: { method: "trust" }, ...server },
      ...options,
    }),
    plugins: JSON.stringify({ healthCheckPeriod: "200ms", plugins }),
  });
}

describe.each(["passthrough", "transaction"])("in mode %s", (mode) => {
  const server = { auth: { method: mode === "passthrough" ? "relay" : "trust" } };

  test("encrypted clients are counted apart, and none is counted down twice", async () => {
    const files = { certFile: join(TLS, "server.crt"), keyFile: join(TLS, "server.key") };
    const encrypting = { ...server, enableTLS: true, ...files };
    await using gateway = await start({ pool: { mode, size: 4 }, server: encrypting });
    const url = await gateway.metricsUrl();
    const encrypted = await connectWire(gateway);
    await encrypted.requestTls();
    await encrypted.login();
    const plain = await connectWire(gateway);
    await plain.login();
    const [all, tls] = ["gatewayd_client_connections", "gatewayd_tls_connections"];
    await expectMetrics(url, { [all]: 2, [tls]: 1 }, BLOCK);
    await plain[Symbol.asyncDispose]();
    await expectMetrics(url, { [all]: 1, [tls]: 1 }, BLOCK);
    await encrypted[Symbol.asyncDispose]();
    await expectMetrics(url, { [all]: 0, [tls]: 0, gatewayd_sessions: 0 }, { group: "default" });
    await gateway.stop();
  });

  test("bytes are those that the client has sent and received", async () => {
    await using gateway = await start({ pool: { mode, size: 1 }, server });
    const url = await gateway.metricsUrl();
    const before = await readMetrics(url);
    const session = await openSession(gateway);
    const sum = (page: typeof before, of: string): number =>
      metricValue(page, `gatewayd_bytes_${of}_sum`, BLOCK);
    const loggedIn = await waitFor("the login", () => readMetrics(url), {
      until: (page) => metricValue(page, "gatewayd_login_duration_seconds_count") === 1,
    });
    const request = "select repeat('x', 100000)";
    const answer = await session.ask(request);
    expect(answer.rows[0]?.[0]).toHaveLength(100_000);
    const page = await waitFor("the unit", () => readMetrics(url), {
      until: (one) => metricValue(one, "gatewayd_units_total") === 1,
    });
    // A Query; RowDescription, DataRow, CommandComplete, ReadyForQuery.
    const requestBytes = 1 + 4 + request.length + 1;
    const answerBytes = 5 + 2 + "repeat\0".length + 18 + (5 + 2 + 4 + 100_000) + 14 + 6;
    expect(sum(page, "received_from_client") - sum(loggedIn, "received_from_client")).toBe(
      requestBytes,
    );
    expect(sum(page, "sent_to_client") - sum(loggedIn, "sent_to_client")).toBe(answerBytes);
    expect(sum(page, "sent_to_server") - sum(loggedIn, "sent_to_server")).toBe(requestBytes);
    expect(sum(page, "received_from_server") - sum(loggedIn, "received_from_server")).toBe(
      answerBytes,
    );
    const parts = [
      "received_from_client",
      "sent_to_client",
      "sent_to_server",
      "received_from_server",
    ];
    const total = parts.reduce((all, part) => all + sum(page, part), 0);
    expect(metricValue(page, "gatewayd_traffic_bytes_sum", BLOCK)).toBe(total);
    const passed = metricValue(page, "gatewayd_proxy_passthroughs_to_client_total", BLOCK);
    expect(passed).toBe(metricValue(page, "gatewayd_bytes_sent_to_client_count", BLOCK));
    expect(passed).toBeGreaterThan(0);
    await session[Symbol.asyncDispose]();
    await gateway.stop();
  });

  test("server connections are as many as the server has, also when it ends one", async () => {
    await using gateway = await start({ pool: { mode, size: 2 }, server });
    const url = await gateway.metricsUrl();
    const session = await openSession(gateway);
    const backend = await session.backend();
    // In a pool it is given back at once.
    const proxied = mode === "passthrough" ? 1 : 0;
    await expectMetrics(url, { gatewayd_proxied_connections: proxied }, BLOCK);
    await using other = await connectWire(postgres);
    await other.login();
    other.query(`select pg_terminate_backend(${backend})`);
    await other.messagesUntil("Z");
    await waitFor("both to agree", async () => {
      const gauge = metricValue(await readMetrics(url), "gatewayd_server_connections", BLOCK);
      return gauge === connectionsToPort(gateway.process.pid, postgres.port);
    });
    const page = await readMetrics(url);
    const names = page
      .find(({ name }) => name === "gatewayd_server_connections")
      ?.samples.map(({ labels }) => Object.fromEntries(labels));
    expect(names).toEqual([BLOCK]);
    await session[Symbol.asyncDispose]();
    await gateway.stop();
  });
});

test("prepared statements that were there, and those that were not", async () => {
  await using gateway = await start({ pool: { size: 2 } });
  const url = await gateway.metricsUrl();
  await using one = await openSession(gateway);
  await using other = await openSession(gateway);
  const [hits, misses] = [
    "gatewayd_prepared_statement_hits_total",
    "gatewayd_prepared_statement_misses_total",
  ];
  const run = Buffer.concat([
    serialize.bind({ statement: "s" }),
    serialize.execute(),
    serialize.sync(),
  ]);
  await one.ask(serialize.parse({ name: "s", text: "select 1" }), run);
  await one.ask(run);
  await expectMetrics(url, { [hits]: 2, [misses]: 0 }, BLOCK);
  // Now on another connection, which has not seen it.
  await other.ask("begin");
  await one.ask(run);
  await expectMetrics(url, { [hits]: 2, [misses]: 1 }, BLOCK);
  await one.ask(run);
  await expectMetrics(url, { [hits]: 3, [misses]: 1, gatewayd_units_total: 5 }, BLOCK);
  await gateway.stop();
});

test("sessions that keep a connection, those that may not, and cancel requests", async () => {
  await using gateway = await start({ pool: { size: 2, maxPinned: 1 } });
  const url = await gateway.metricsUrl();
  await using one = await openSession(gateway);
  await using two = await openSession(gateway);
  expect((await one.ask("listen news")).error).toBeUndefined();
  expect((await two.ask("listen news")).error).toBe("53300");
  const pins = { gatewayd_pins_total: 1, gatewayd_pin_refusals_total: 1 };
  await expectMetrics(url, { ...pins, gatewayd_pinned_sessions: 1 }, BLOCK);
  await one.ask("unlisten *");
  await expectMetrics(url, { ...pins, gatewayd_pinned_sessions: 0 }, BLOCK);

  one.send(query("select pg_sleep(60)"));
  await waitFor("it to run", async () => {
    const page = await readMetrics(url);
    return metricValue(page, "gatewayd_pool_connections", { state: "leased" }) === 1;
  });
  await one.cancel();
  expect((await one.answer()).error).toBe("57014");
  await expectMetrics(url, { gatewayd_cancels_total: 1 }, BLOCK);
  await expectMetrics(url, { gatewayd_errors_total: 1 }, { ...BLOCK, sqlstate: "57014" });
  await gateway.stop();
});

test("a pool is shown by its states, and who waits for it", async () => {
  await using gateway = await start();
  const url = await gateway.metricsUrl();
  await using holder = await openSession(gateway);
  await using waiter = await openSession(gateway);
  const state = (name: string, count: number): Promise<void> =>
    expectMetrics(url, { gatewayd_pool_connections: count }, { ...BLOCK, state: name });
  await holder.ask("begin");
  await state("leased", 1);
  waiter.send(query("select 1"));
  await expectMetrics(url, { gatewayd_pool_waiting: 1, gatewayd_proxied_connections: 1 }, BLOCK);
  await waitFor("it to have waited", async () => {
    const page = await readMetrics(url);
    return metricValue(page, "gatewayd_pool_oldest_wait_seconds", BLOCK) > 0.05;
  });
  await holder.ask("commit");
  await waiter.answer();
  const none = { gatewayd_pool_waiting: 0, gatewayd_pool_oldest_wait_seconds: 0 };
  await expectMetrics(url, { ...none, gatewayd_proxied_connections: 0 }, BLOCK);
  await state("idle", 1);
  const page = await readMetrics(url);
  const waited = metricValue(page, "gatewayd_backend_wait_duration_seconds_sum", BLOCK);
  expect(waited).toBeWithin(0.05, 10);
  // The BEGIN, the unit that waited and the COMMIT, which needs to ask for nothing.
  const slow = { ...BLOCK, le: "0.05" };
  const all = metricValue(page, "gatewayd_backend_wait_duration_seconds_count", BLOCK);
  expect(metricValue(page, "gatewayd_backend_wait_duration_seconds_bucket", slow)).toBe(all - 1);
  await gateway.stop();
});

test("units that share a connection, health checks and ticks", async () => {
  await using gateway = await start({
    pool: { multiplexDepth: 4 },
    server: { enableTicker: true, tickInterval: "50ms" },
    proxy: { healthCheckPeriod: "100ms" },
  });
  const url = await gateway.metricsUrl();
  const sessions = await Promise.all([1, 2, 3, 4].map(() => openSession(gateway)));
  await waitFor("units that share", async () => {
    for (const session of sessions) session.send(query("select 1"));
    await Promise.all(sessions.map((session) => session.answer()));
    return metricValue(await readMetrics(url), "gatewayd_multiplexed_units_total", BLOCK) > 0;
  });
  const page = await readMetrics(url);
  expect(metricValue(page, "gatewayd_multiplexed_units_total", BLOCK)).toBeLessThan(
    metricValue(page, "gatewayd_units_total", BLOCK),
  );
  await waitFor("health checks and ticks", async () => {
    const now = await readMetrics(url);
    const checks = metricValue(now, "gatewayd_proxy_health_checks_total", BLOCK);
    return checks > 0 && metricValue(now, "gatewayd_server_ticks_fired_total") > 2;
  });
  for (const session of sessions) await session[Symbol.asyncDispose]();
  await gateway.stop();
});

const PLUGIN = `import { definePlugin, errorResponse } from "gatewayd/sdk";
  export default definePlugin({
    name: "my-judge",
    version: "1.0.0",
    setup: () => ({
      onTrafficFromClient(event) {
        const sql = event.query;
        if (sql === "select 'wait'") Bun.sleepSync(60);
        if (sql === "select 'fail'") throw new Error("no");
        if (sql === "select 'end'") event.respond(errorResponse({ message: "not allowed" }));
      },
      onTrafficFromServer() {},
    }),
  });`;

test("calls of plugins: how long, how many failed, what they ended, and their starts", async () => {
  const path = join(directory, "judge.ts");
  await writeFile(path, PLUGIN);
  const plugin = {
    name: "my-judge",
    ...(await servedPlugin(path)),
    onError: "continue",
  };
  // What the log shows of hooks at this level is no plugin.
  await using gateway = await start({ level: "trace" }, [plugin]);
  const url = await gateway.metricsUrl();
  const of = { plugin: "my_judge" };
  await expectMetrics(url, { gatewayd_plugin_up: 1, gatewayd_plugin_restarts_total: 0 }, of);
  const line = await gateway.process.waitForLine("Registering plugin hooks");
  const hooks = (JSON.parse(/hooks=(\[[^\]]*\])/.exec(line)?.[1] ?? "[]") as unknown[]).length;
  await expectMetrics(url, {
    gatewayd_plugins_loaded_total: 1,
    gatewayd_plugin_hooks_registered_total: hooks,
  });
  const labels = { ...of, hook: "OnTrafficFromClient" };
  const calls = "gatewayd_hook_duration_seconds_count";
  await using session = await openSession(gateway);
  const before = metricValue(await readMetrics(url), calls, labels);
  for (const word of ["wait", "fail", "end", "none"]) await session.ask(`select '${word}'`);
  await expectMetrics(url, { [calls]: before + 4, gatewayd_hook_failures_total: 1 }, labels);
  await expectMetrics(url, { gatewayd_proxy_passthrough_terminations_total: 1 }, BLOCK);
  const page = await readMetrics(url);
  expect(metricValue(page, "gatewayd_hook_duration_seconds_sum", labels)).toBeWithin(0.06, 5);
  const slow = { ...labels, le: "0.05" };
  expect(metricValue(page, "gatewayd_hook_duration_seconds_bucket", slow)).toBeLessThan(before + 4);
  expect(metricValue(page, "gatewayd_plugin_hooks_executed_total")).toBeGreaterThanOrEqual(
    before + 4,
  );

  const plugins = page
    .filter(({ name }) => name.startsWith("gatewayd_hook_"))
    .flatMap(({ samples }) => samples.flatMap(({ labels }) => labels))
    .filter(([label]) => label === "plugin");
  expect(new Set(plugins.map(([, name]) => name))).toEqual(new Set(["my_judge"]));

  const [child = 0] = childrenOf(gateway.process.pid);
  process.kill(child, "SIGKILL");
  await expectMetrics(url, { gatewayd_plugin_up: 1, gatewayd_plugin_restarts_total: 1 }, of);
  await expectMetrics(url, {
    gatewayd_plugins_loaded_total: 2,
    gatewayd_plugin_hooks_registered_total: 2 * hooks,
  });
  await gateway.stop();
});

test("what the process says of itself is what the system says of it", async () => {
  await using gateway = await start();
  const { pid } = gateway.process;
  const page = await readMetrics(await gateway.metricsUrl());
  const value = (name: string): number => metricValue(page, name);
  const usedMs = cpuTimeMs(pid);
  expect(value("process_cpu_seconds_total") * 1000).toBeWithin(usedMs - 200, usedMs + 50);
  expect(value("process_cpu_seconds_total")).toBeCloseTo(
    value("process_cpu_user_seconds_total") + value("process_cpu_system_seconds_total"),
    6,
  );
  const mebibytes = value("process_resident_memory_bytes") / 1024 ** 2;
  expect(mebibytes).toBeWithin(residentMiB(pid) - 30, residentMiB(pid) + 30);
  expect(value("gatewayd_heap_size_bytes")).toBeWithin(1024 ** 2, 200 * 1024 ** 2);
  expect(value("gatewayd_heap_capacity_bytes")).toBeGreaterThanOrEqual(
    value("gatewayd_heap_size_bytes"),
  );
  const open = (await readdir(`/proc/${pid}/fd`)).length;
  expect(value("process_open_fds")).toBeWithin(open - 3, open + 4);
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  expect(value("process_max_fds")).toBe(Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]));
  expect(value("process_start_time_seconds")).toBeWithin(Date.now() / 1000 - 60, Date.now() / 1000);
  expect(value("gatewayd_build_info")).toBe(1);
  await gateway.stop();
});
