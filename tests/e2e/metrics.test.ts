import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Client } from "pg";
import { FAMILY_TABLE, parseExposition } from "../../src/metrics/index.ts";
import type { MetricFamily } from "../../src/metrics/index.ts";
import { oneBlockConfig, startGatewayd, startPostgres, waitFor } from "../kit/index.ts";
import type { GatewaydProcess, PostgresServer } from "../kit/index.ts";
import { metricValue, readMetrics } from "./metrics-page.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "gatewayd-0.10.3");
const POOLED = { pool: { mode: "transaction" }, server: { auth: { method: "trust" } } };

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function connected(gateway: GatewaydProcess): Promise<Client> {
  const { host, port } = gateway;
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

test("a client's work shows in the figures, in every mode", async () => {
  for (const options of [{}, POOLED, { ...POOLED, pool: { mode: "session" } }]) {
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address, options),
    });
    const url = await gateway.metricsUrl();
    const client = await connected(gateway);
    const before = await readMetrics(url);
    expect(metricValue(before, "gatewayd_client_connections", { block: "writes" })).toBe(1);
    await client.query("select 1");
    await client.query("begin");
    await client.query("selec").catch(() => {});
    await client.query("rollback");
    const families = await waitFor("the figures", () => readMetrics(url), {
      until: (page) => metricValue(page, "gatewayd_units_total") === 4,
    });
    const value = (name: string, labels = {}): number => metricValue(families, name, labels);
    expect(value("gatewayd_transactions_total", { group: "default", block: "writes" })).toBe(2);
    expect(value("gatewayd_errors_total", { sqlstate: "42601" })).toBe(1);
    expect(value("gatewayd_query_duration_seconds_count")).toBe(4);
    expect(value("gatewayd_login_duration_seconds_count")).toBe(1);
    expect(value("gatewayd_backend_wait_duration_seconds_count")).toBeGreaterThan(0);
    expect(value("gatewayd_bytes_received_from_client_sum")).toBeGreaterThan(40);
    expect(value("gatewayd_bytes_received_from_server_sum")).toBeGreaterThan(40);
    expect(value("gatewayd_pool_size")).toBe(4);
    await client.end();
    await waitFor("the client to be gone", () => readMetrics(url), {
      until: (page) =>
        metricValue(page, "gatewayd_connection_duration_seconds_count") === 1 &&
        metricValue(page, "gatewayd_client_connections") === 0,
    });
    await gateway.stop();
  }
}, 60_000);

test("every family that GatewayD has is there, with its type and its labels", async () => {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, { server: { enableTicker: true } }),
  });
  const url = await gateway.metricsUrl();
  const client = await connected(gateway);
  const families = await readMetrics(url);
  const lines = (file: string): readonly string[] =>
    readFileSync(join(FIXTURES, file), "utf8").trim().split("\n");
  // The admin API counts its requests when there are any.
  const isOfApi = (line: string): boolean => line.startsWith("gatewayd_api_");
  for (const line of lines("metric-families.txt")) {
    const [name = ""] = line.split(" ");
    expect<object>(FAMILY_TABLE).toHaveProperty(name);
    if (isOfApi(line)) continue;
    expect(families.map((family) => `${family.name} ${family.type}`)).toContain(line);
  }
  const series = families.flatMap(({ samples }) =>
    samples.map(({ name, labels }) => {
      const pairs = labels.map(([label, value]) => `${label}="${value}"`).sort();
      return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
    }),
  );
  for (const line of lines("metric-series.txt")) {
    // Where it counts down what it had counted up under other labels.
    const isDefect = line.includes('block=""');
    if (!isOfApi(line) && !isDefect) expect(series).toContain(line);
  }
  await client.end();
  await gateway.stop();
}, 30_000);

test("each family is there once, and every one is in the table with its labels", async () => {
  await using gateway = await startGatewayd({ config: oneBlockConfig(postgres.address, POOLED) });
  const url = await gateway.metricsUrl();
  const client = await connected(gateway);
  await client.query("selec").catch(() => {});
  await client.end();
  await waitFor("the client to be gone", () => readMetrics(url), {
    until: (page) => metricValue(page, "gatewayd_connection_duration_seconds_count") === 1,
  });
  const text = await (await fetch(url)).text();
  for (const name of ["gatewayd_errors_total", "gatewayd_query_duration_seconds_bucket"]) {
    expect(text).toContain(`\n${name}{`);
  }
  const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(types).size).toBe(types.length);
  const table: Readonly<Record<string, { readonly labels: readonly string[] }>> = FAMILY_TABLE;
  for (const { name, type, samples } of parseExposition(text)) {
    if (type === "histogram") expectCumulative(name, samples);
    for (const { labels } of samples) {
      const own = labels.map(([label]) => label).filter((label) => label !== "le");
      expect([name, own]).toEqual([name, [...(table[name]?.labels ?? [])]]);
    }
  }
  await gateway.stop();
}, 30_000);

/** Of each series: bounds that rise to +Inf, counts that never fall, and the last of them is `_count`. */
function expectCumulative(name: string, samples: MetricFamily["samples"]): void {
  const series = Map.groupBy(samples, ({ labels }) =>
    JSON.stringify(labels.filter(([label]) => label !== "le")),
  );
  for (const ofSeries of series.values()) {
    const buckets = ofSeries.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => labels.find(([label]) => label === "le")?.[1]);
    const numbers = bounds.map((bound) => Number(bound?.replace("+Inf", "Infinity")));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(bounds.at(-1)).toBe("+Inf");
    const counts = buckets.map(({ value }) => Number(value));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    const count = ofSeries.find((sample) => sample.name === `${name}_count`)?.value;
    expect(`${name} ${counts.at(-1)}`).toBe(`${name} ${count}`);
    expect(ofSeries).toHaveLength(buckets.length + 2);
  }
}

test("clients that are refused, that wait in vain and that are cancelled are counted", async () => {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      server: { auth: { method: "trust" }, maxConnections: 3 },
      pool: { mode: "transaction", size: 1, queueTimeout: "300ms" },
    }),
  });
  const url = await gateway.metricsUrl();
  const [blocker, waiter, other] = [
    await connected(gateway),
    await connected(gateway),
    await connected(gateway),
  ];
  await expect(connected(gateway)).rejects.toMatchObject({ code: "53300" });
  await other.end();
  await waitFor("room for another client", () => readMetrics(url), {
    until: (page) => metricValue(page, "gatewayd_sessions") === 2,
  });
  await blocker.query("begin");
  await expect(waiter.query("select 1")).rejects.toMatchObject({ code: "53300" });
  await blocker.query("set statement_timeout = 50");
  await blocker.query("select pg_sleep(10)").catch(() => {});
  const page = await readMetrics(url);
  expect(metricValue(page, "gatewayd_refusals_total", { code: "ERR_TOO_MANY_CLIENTS" })).toBe(1);
  expect(metricValue(page, "gatewayd_refusals_total", { sqlstate: "53300" })).toBe(1);
  const inVain = { code: "ERR_POOL_EXHAUSTED", block: "writes" };
  expect(metricValue(page, "gatewayd_backend_wait_failures_total", inVain)).toBe(1);
  expect(
    metricValue(page, "gatewayd_connections_ended_total", { code: "ERR_POOL_EXHAUSTED" }),
  ).toBe(1);
  expect(metricValue(page, "gatewayd_units_cut_off_total")).toBe(1);
  expect(metricValue(page, "gatewayd_errors_total", { sqlstate: "57014" })).toBe(1);
  await blocker.end();
  await gateway.stop();
}, 30_000);

test("each group has a page of its own, and what belongs to none is with the default one", async () => {
  const { clients, pools, proxies, servers } = JSON.parse(oneBlockConfig(postgres.address));
  const twice = (value: { default: unknown }) => ({ default: value.default, other: value.default });
  const config = JSON.stringify({
    clients: twice(clients),
    pools: twice(pools),
    proxies: twice(proxies),
    servers: { ...twice(servers), third: servers.default },
    metrics: {
      default: { address: "127.0.0.1:0" },
      other: { address: "localhost:0", path: "/of-other" },
    },
  });
  const withThird = JSON.parse(config);
  withThird.clients.third = clients.default;
  withThird.pools.third = pools.default;
  withThird.proxies.third = proxies.default;
  await using gateway = await startGatewayd({ config: JSON.stringify(withThird), listeners: 3 });
  const urls = gateway.process
    .lines()
    .flatMap(({ text }) => /exposed.*address=(\S+)/.exec(Bun.stripANSI(text))?.[1] ?? []);
  expect(urls).toHaveLength(2);
  const groupsAt = async (part: string): Promise<readonly string[]> => {
    const families = await readMetrics(urls.find((url) => url.includes(part)) ?? "");
    const groups = families.flatMap(({ samples }) =>
      samples.flatMap(({ labels }) => labels.filter(([label]) => label === "group")),
    );
    const isOfProcess = families.some(({ name }) => name === "process_open_fds");
    const names = [...new Set(groups.map(([, group]) => group))].sort();
    return isOfProcess ? [...names, "process"] : names;
  };
  expect(await groupsAt("/metrics")).toEqual(["default", "third", "process"]);
  expect(await groupsAt("/of-other")).toEqual(["other"]);
  await gateway.stop();
}, 30_000);

test("a group whose metrics are off is not counted", async () => {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    env: { GATEWAYD_METRICS_DEFAULT_ENABLED: "false" },
  });
  const client = await connected(gateway);
  await client.query("select 1");
  await client.end();
  await gateway.stop();
  expect(gateway.process.output(1_000)).not.toContain("Metrics are exposed");
}, 30_000);

test("it answers in the format that is asked for, at its path, and has a page at /", async () => {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0", GATEWAYD_METRICS_DEFAULT_PATH: "/m" },
  });
  const url = await gateway.metricsUrl();
  expect(new URL(url).pathname).toBe("/m");
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
  const response = await fetch(url, { headers: { accept } });
  expect(response.headers.get("content-type")).toStartWith("application/openmetrics-text");
  expect(await response.text()).toEndWith("# EOF\n");
  const packed = await fetch(url, { headers: { "accept-encoding": "gzip" }, decompress: false });
  expect(packed.headers.get("content-encoding")).toBe("gzip");
  const unpacked = gunzipSync(Buffer.from(await packed.arrayBuffer())).toString();
  expect(parseExposition(unpacked).map(({ name }) => name)).toContain("process_open_fds");
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  const start = await fetch(new URL("/", url));
  expect(await start.text()).toContain('<a href="/m">');
  expect((await fetch(new URL("/nowhere", url))).status).toBe(404);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
  await gateway.stop();
}, 30_000);

test("a reader that does not send its headers is let go, and holds up no other", async () => {
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    env: {
      GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0",
      GATEWAYD_METRICS_DEFAULT_READHEADERTIMEOUT: "1s",
    },
  });
  const url = await gateway.metricsUrl();
  const slow = connect(Number(new URL(url).port), "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<void>();
  slow.on("close", () => resolve());
  slow.on("error", () => {});
  slow.resume();
  slow.write("GET /metrics HTTP/1.1\r\nHost: x\r\n");
  expect((await fetch(url)).status).toBe(200);
  await promise;
  await gateway.stop();
}, 30_000);

test("an address that is taken is served as soon as it is free, and clients are served meanwhile", async () => {
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("taken") });
  const address = `127.0.0.1:${taken.port}`;
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: address },
  });
  const client = await connected(gateway);
  await client.query("select 1");
  await gateway.process.waitForLine("The metrics page cannot be served");
  await taken.stop(true);
  await gateway.process.waitForLine("Metrics are exposed", { deadlineMs: 20_000 });
  expect(metricValue(await readMetrics(`http://${address}/metrics`), "gatewayd_units_total")).toBe(
    1,
  );
  await client.end();
  await gateway.stop();
}, 60_000);

test("over HTTPS, with tracing on, the buckets of latencies name a trace in OpenMetrics alone", async () => {
  const tls = join(import.meta.dir, "..", "fixtures", "tls");
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, POOLED),
    // Nobody is there: traces are made all the same.
    args: ["--tracing", "--collector-url", "127.0.0.1:1"],
    env: {
      GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0",
      GATEWAYD_METRICS_DEFAULT_CERTFILE: join(tls, "server.crt"),
      GATEWAYD_METRICS_DEFAULT_KEYFILE: join(tls, "server.key"),
    },
  });
  const url = await gateway.metricsUrl();
  expect(url).toStartWith("https://");
  const client = await connected(gateway);
  await client.query("select 1");
  const page = async (accept: string): Promise<string> => {
    const response = await fetch(url, { headers: { accept }, tls: { rejectUnauthorized: false } });
    return await response.text();
  };
  expect(await page("application/openmetrics-text")).toMatch(
    /^gatewayd_query_duration_seconds_bucket\{.*\} 1 # \{trace_id="[0-9a-f]{32}"\} [\d.e-]+ \d+\.\d{3}$/m,
  );
  expect(await page("text/plain")).not.toContain("trace_id");
  await client.end();
  await gateway.stop();
}, 30_000);
