import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { Client } from "pg";
import { OtlpCollector } from "../fixtures/otlp/otlp-collector.ts";
import {
  freePort,
  GATEWAYD_BINARY,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { doorsOf } from "./admin-doors.ts";
import { metricValue, readMetrics } from "./metrics-page.ts";

const tlsFile = (name: string): string => join(import.meta.dir, "..", "fixtures", "tls", name);
const pem = (name: string): string => readFileSync(tlsFile(name), "utf8");

let postgres: PostgresServer;
let directory: string;
/** Where no folder above it has node_modules. */
let binary: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-tracing-"));
  binary = join(directory, "gatewayd");
  await copyFile(GATEWAYD_BINARY, binary);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface TracedOptions {
  /** None: the environment says it. */
  readonly url?: string;
  readonly tracing?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Further parts of the configuration. */
  readonly more?: object;
}

/** A gateway that traces, and does not wait long before it sends. */
async function start({
  url,
  tracing = {},
  env = {},
  more = {},
}: TracedOptions): Promise<GatewaydProcess> {
  return await startGatewayd({
    binary,
    config: oneBlockConfig(postgres.address, { pool: { size: 2 }, parts: { tracing, ...more } }),
    args: ["--tracing", ...(url === undefined ? [] : ["--collector-url", url])],
    env: { OTEL_BSP_SCHEDULE_DELAY: "50", ...env },
  });
}

/** Server connections are traces of their own. */
const isOfBoot = ({ name }: { readonly name: string }): boolean =>
  name !== "server connection" && name !== "connect to the server";

test("the steps of a boot and of a stop are spans under their old names", async () => {
  await using collector = await OtlpCollector.start();
  await using gateway = await start({ url: collector.address });
  const root = await collector.span("the boot", ({ name }) => name === "GatewayD");
  await gateway.stop();
  const names = collector.spans.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      "Initialize config",
      "Create new logger",
      "Create new registry",
      "Load plugins",
      "Merge global config from plugins",
      "Create pools and clients",
      "Create proxies",
      "Create servers",
      "Start servers",
      "Shutdown server",
    ]),
  );
  expect(root.parentSpanId).toBe("");
  const [initialize] = collector.named("Initialize config");
  const ofConfig = collector.spans.filter(
    ({ parentSpanId }) => parentSpanId === initialize?.spanId,
  );
  expect(ofConfig.map(({ name }) => name)).toEqual([
    "Load global config file",
    "Load plugin config file",
    "Validate global config",
    "Load global environment variables",
    "Unmarshal global config",
    "Lint configuration files",
    "Load plugin environment variables",
    "Unmarshal plugin config",
  ]);
  for (const span of collector.spans.filter(isOfBoot)) {
    expect(span.traceId).toBe(root.traceId);
    expect(span.endNs >= span.startNs).toBe(true);
    const parent = ofConfig.includes(span) ? initialize : root;
    if (span !== root) expect(span.parentSpanId).toBe(parent?.spanId ?? "");
  }
  const [pools] = collector.named("Create pools and clients");
  expect(pools?.events).toEqual([
    { name: "Create pool", attributes: { group: "default", name: "writes", size: 2 } },
  ]);
  expect(collector.named("Shutdown server")[0]?.attributes).toEqual({ signal: "SIGTERM" });
});

test("the resource is what the variables of OpenTelemetry say", async () => {
  await using collector = await OtlpCollector.start();
  await using gateway = await start({
    url: `http://${collector.address}`,
    env: {
      OTEL_SERVICE_NAME: "orders gateway",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=staging,service.name=other",
    },
  });
  const { resource } = await collector.span("the boot", ({ name }) => name === "GatewayD");
  expect(resource).toMatchObject({
    "service.name": "orders gateway",
    "service.version": expect.stringMatching(/^\d+\.\d+\.\d+/),
    "deployment.environment.name": "staging",
    "telemetry.sdk.name": "opentelemetry",
  });
  await gateway.stop();
});

test("headers go along, those of the configuration and those of the environment", async () => {
  await using collector = await OtlpCollector.start();
  await using gateway = await start({
    url: collector.address,
    tracing: { headers: { authorization: "${TOKEN}" } },
    env: { TOKEN: "Bearer s3cret", OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=orders" },
  });
  await collector.span("the boot", ({ name }) => name === "GatewayD");
  expect(collector.headers[0]?.get("authorization")).toBe("Bearer s3cret");
  expect(collector.headers[0]?.get("x-tenant")).toBe("orders");
  await gateway.stop();
  expect(gateway.process.output(1000)).not.toContain("s3cret");
});

test("a collector is told apart by its certificate, and gets one shown", async () => {
  const tls = { cert: pem("server.crt"), key: pem("server.key"), clientCa: pem("ca.crt") };
  await using collector = await OtlpCollector.start({ tls });
  const files = {
    tls: true,
    caFile: tlsFile("ca.crt"),
    certFile: tlsFile("client.crt"),
    keyFile: tlsFile("client.key"),
  };
  await using gateway = await start({ url: `localhost:${collector.port}`, tracing: files });
  await collector.span("the boot", ({ name }) => name === "GatewayD");
  await gateway.stop();

  const sent = collector.spans.length;
  await using wary = await start({ url: `https://localhost:${collector.port}` });
  await wary.process.waitForLine("Traces do not reach the collector");
  await wary.stop();
  expect(collector.spans).toHaveLength(sent);
});

test("the environment names the collector, its certificate and ours, and how exports are packed", async () => {
  const tls = { cert: pem("server.crt"), key: pem("server.key"), clientCa: pem("ca.crt") };
  await using collector = await OtlpCollector.start({ tls });
  await using gateway = await start({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${collector.port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: tlsFile("ca.crt"),
      OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: tlsFile("client.crt"),
      OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: tlsFile("client.key"),
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    },
  });
  await collector.span("the boot", ({ name }) => name === "GatewayD");
  expect(collector.headers[0]?.get("grpc-encoding")).toBe("gzip");
  await gateway.stop();
});

test("a collector may listen on a Unix socket", async () => {
  const path = join(directory, "otlp.sock");
  await using collector = await OtlpCollector.start({ path });
  await using gateway = await start({ url: `unix:${path}` });
  await collector.span("the boot", ({ name }) => name === "GatewayD");
  await gateway.stop();
});

/** How long a query takes, milliseconds. */
async function timed(client: Client): Promise<number> {
  const began = performance.now();
  await client.query("select 1");
  return performance.now() - began;
}

async function connected({ host, port }: GatewaydProcess): Promise<Client> {
  const client = new Client({ host, port, user: postgres.user, database: postgres.database });
  await client.connect();
  return client;
}

test.each([
  ["refuses", () => Promise.reject(new ConnectError("no", Code.Unauthenticated)), "no"],
  ["never answers", () => new Promise<void>(() => {}), "Deadline"],
])("a collector that %s costs one line of the log, and counters", async (_, answer, reason) => {
  await using collector = await OtlpCollector.start({ beforeAnswer: answer });
  await using gateway = await start({
    url: collector.address,
    env: { OTEL_EXPORTER_OTLP_TIMEOUT: "300" },
  });
  const line = await gateway.process.waitForLine("Traces do not reach the collector");
  expect(line).toContain(reason);
  const client = await connected(gateway);
  const url = await gateway.metricsUrl();
  const failed = async (): Promise<number> =>
    metricValue(await readMetrics(url), "gatewayd_spans_total", { fate: "failed" });
  const before = await failed();
  await waitFor("spans to be lost", async () => {
    expect(await timed(client)).toBeLessThan(2_000);
    return (await failed()) > before;
  });
  await client.end();
  await gateway.stop();
  expect(gateway.process.lines().filter(({ text }) => text.includes("Traces"))).toHaveLength(1);
});

test("spans that a collector refuses out of those that it takes are told and counted", async () => {
  const refusal = { count: 1n, reason: "too old" };
  await using collector = await OtlpCollector.start({ refusal });
  await using gateway = await start({ url: collector.address });
  const line = await gateway.process.waitForLine("Traces do not reach the collector");
  expect(line).toMatch(/1 of \d+ were refused: too old/);
  const client = await connected(gateway);
  const url = await gateway.metricsUrl();
  const counts = async (): Promise<readonly number[]> => {
    const page = await readMetrics(url);
    return ["exported", "failed"].map((fate) =>
      metricValue(page, "gatewayd_spans_total", { fate }),
    );
  };
  // The page may be read before the exporter has heard of the last answer, but not before the batch has come.
  await waitFor("both counts to be those of the collector", async () => {
    const { length: batches } = collector.batches;
    const { length: received } = collector.spans;
    return Bun.deepEquals(await counts(), [received - batches, batches]);
  });
  await client.end();
  await gateway.stop();
  expect(gateway.process.lines().filter(({ text }) => text.includes("Traces"))).toHaveLength(1);
});

test("what a slow collector has no time for is dropped, and nothing waits", async () => {
  const answer = Promise.withResolvers<void>();
  await using collector = await OtlpCollector.start({ beforeAnswer: () => answer.promise });
  await using gateway = await start({
    url: collector.address,
    env: { OTEL_BSP_MAX_QUEUE_SIZE: "20", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "5" },
  });
  await collector.span("the first export", () => true);
  const client = await connected(gateway);
  const url = await gateway.metricsUrl();
  const count = async (fate: string): Promise<number> =>
    metricValue(await readMetrics(url), "gatewayd_spans_total", { fate });
  await waitFor("spans to be dropped", async () => {
    expect(await timed(client)).toBeLessThan(2_000);
    return (await count("dropped")) > 0;
  });
  expect(metricValue(await readMetrics(url), "gatewayd_spans_queued")).toBe(20);
  const exported = await count("exported");
  answer.resolve();
  await waitFor("those that waited", async () => (await count("exported")) >= exported + 25);
  for (const size of collector.batches) expect(size).toBeLessThanOrEqual(5);
  await client.end();
  await gateway.stop();
  expect(gateway.process.output(1_000)).not.toContain("Traces do not reach");
});

test("a collector that is away costs one line of the log, and what it missed", async () => {
  const port = await freePort();
  await using gateway = await start({ url: `127.0.0.1:${port}` });
  await gateway.process.waitForLine("Traces do not reach the collector");
  const began = performance.now();
  await gateway.stop();
  expect(performance.now() - began).toBeLessThan(5_000);
  const lines = gateway.process.lines().filter(({ text }) => text.includes("Traces"));
  expect(lines).toHaveLength(1);
});

test("tracing holds up no stop, however slow its collector is", async () => {
  // Accepts connections, and says nothing.
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  await using gateway = await start({ url: `127.0.0.1:${silent.port}` });
  const began = performance.now();
  await gateway.stop();
  expect(performance.now() - began).toBeLessThan(4_000);
});

test("a URL that names no collector is an error of the command line", async () => {
  await expect(start({ url: "ftp://somewhere:21" })).rejects.toThrow(
    "--collector-url must be host:port",
  );
});

test("a server connection is a trace from its dial to its end", async () => {
  await using collector = await OtlpCollector.start();
  await using gateway = await start({ url: collector.address });
  const connecting = await collector.span(
    "the connecting",
    ({ name }) => name === "connect to the server",
  );
  await gateway.stop();
  const life = await collector.span("its end", ({ spanId }) => spanId === connecting.parentSpanId);
  expect(life).toMatchObject({ name: "server connection", parentSpanId: "" });
  expect(life.attributes).toMatchObject({
    "gatewayd.group": "default",
    "gatewayd.block": "writes",
    "server.port": postgres.port,
  });
  expect(life.endNs > connecting.endNs).toBe(true);
});

test("an administrator's command is a span, of the trace that it names", async () => {
  await using collector = await OtlpCollector.start();
  const api = { httpAddress: "127.0.0.1:0", grpcAddress: "127.0.0.1:0" };
  await using gateway = await start({ url: collector.address, more: { api } });
  const { rest: address } = doorsOf(gateway);
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  await fetch(`http://${address}/v1/GatewayDPluginService/GetPools`, { headers });
  const asked = await collector.span("the command", ({ name }) => name === "Get Pools");
  expect(asked).toMatchObject({ traceId, parentSpanId: "00f067aa0ba902b7" });
  expect(asked.attributes).toMatchObject({
    "gatewayd.admin.door": "rest",
    "rpc.method": "GetPools",
  });
  await fetch(`http://${address}/api/v1/sessions/17/kill`, { method: "POST" });
  const refused = await collector.span("the refusal", ({ name }) => name === "Kill Session");
  expect(refused.attributes).toMatchObject({ "error.type": "ERR_ADMIN_NOT_FOUND" });
  await gateway.stop();
});
