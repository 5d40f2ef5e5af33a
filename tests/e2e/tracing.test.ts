import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { OtlpCollector } from "../fixtures/otlp/otlp-collector.ts";
import {
  freePort,
  GATEWAYD_BINARY,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

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
  readonly url: string;
  readonly tracing?: object;
  readonly env?: Readonly<Record<string, string>>;
}

/** A gateway that traces, and does not wait long before it sends. */
async function start({ url, tracing = {}, env = {} }: TracedOptions): Promise<GatewaydProcess> {
  const config: object = JSON.parse(oneBlockConfig(postgres.address, { pool: { size: 2 } }));
  return await startGatewayd({
    binary,
    config: JSON.stringify({ ...config, tracing }),
    args: ["--tracing", "--collector-url", url],
    env: { OTEL_BSP_SCHEDULE_DELAY: "50", ...env },
  });
}

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
  for (const span of collector.spans) {
    expect(span.traceId).toBe(root.traceId);
    expect(span.endNs >= span.startNs).toBe(true);
    if (span !== root) expect(span.parentSpanId).toBe(root.spanId);
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
