import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { goRecorder, sha256Of, testGo } from "../fixtures/plugins/built-plugins.ts";
import {
  childrenOf,
  expectSameDescriptors,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { makeGateway } from "./start-gateway.ts";

const PLUGIN = join(import.meta.dir, "..", "fixtures", "plugins", "trail-plugin.ts");

let postgres: PostgresServer;
let directory: string;
let checksum: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-reload-"));
  checksum = await sha256Of(process.execPath);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A booted gateway with two plugins, `a` and `b`, that have metrics. */
async function boot(): Promise<Awaited<ReturnType<typeof makeGateway>>> {
  const plugins = ["a", "b"].map((name) => ({
    name,
    localPath: process.execPath,
    args: [PLUGIN, name],
    env: [`TRAIL_METRICS=${join(directory, `${name}.sock`)}`],
    checksum,
    onError: "terminate",
  }));
  const keys = { healthCheckPeriod: "200ms", metricsMergerPeriod: "100ms", plugins };
  const inside = await makeGateway(oneBlockConfig(postgres.address), JSON.stringify(keys));
  await inside.gateway.boot();
  return inside;
}

async function trail(client: Client): Promise<string> {
  const { rows } = await client.query<{ seen: string }>("select 'trail:' as seen");
  return rows[0]?.seen ?? "nothing";
}

test("twenty reloads fail no query, and leave no process and no descriptor", async () => {
  await using inside = await boot();
  const { plugins } = inside.gateway;
  const client = new Client({ ...inside.target, user: "postgres", database: "postgres" });
  await client.connect();
  await plugins.reload("a");
  const children = childrenOf(process.pid).length;
  const descriptors = openDescriptors(process.pid);
  const load = { isOn: true, trails: new Set<string>() };
  const loading = (async () => {
    while (load.isOn) load.trails.add(await trail(client));
  })();
  for (let round = 0; round < 20; round++) {
    expect(await plugins.reload("a")).toMatchObject({ ok: true });
  }
  load.isOn = false;
  await loading;
  expect([...load.trails]).toEqual(["trail:ab"]);
  expect(inside.errors).toEqual([]);
  expect(plugins.snapshot().map(({ priority }) => priority)).toEqual([1000, 1001]);
  await waitFor("the old processes to be gone", () => childrenOf(process.pid).length, {
    until: (count) => count === children,
  });
  await expectSameDescriptors(process.pid, descriptors);
  await client.end();
}, 120_000);

test("a reload lets calls end that take long, and sends on to the new run what is with another plugin", async () => {
  await using inside = await boot();
  const { plugins } = inside.gateway;
  const clients = ["a", "b"].map(() => new Client({ ...inside.target, user: "postgres" }));
  await Promise.all(clients.map((client) => client.connect()));
  const rows = clients.map(async (client, index) => {
    const wait = `wait ${"ab".charAt(index)} 4500`;
    const answer = await client.query<{ seen: string }>(`select 'trail:' as seen -- ${wait}`);
    return answer.rows;
  });
  expect(await plugins.reload("b")).toMatchObject({ ok: true });
  expect(await Promise.all(rows)).toEqual([[{ seen: "trail:ab" }], [{ seen: "trail:ab" }]]);
  expect(inside.errors).toEqual([]);
  await Promise.all(clients.map((client) => client.end()));
}, 60_000);

test("a plugin that is killed leaves the metrics, and comes back to them", async () => {
  await using inside = await boot();
  const { gateway } = inside;
  const client = new Client({ ...inside.target, user: "postgres", database: "postgres" });
  await client.connect();
  await trail(client);
  const untilMetrics = (what: string, isThere: boolean): Promise<unknown> =>
    waitFor(`metrics ${isThere ? "with" : "without"} ${what}`, () => gateway.metricsText(), {
      until: (text) => text.includes(what) === isThere,
    });
  await untilMetrics('trail_calls_total{plugin="a"} ', true);
  await untilMetrics('trail_calls_total{plugin="b"} ', true);
  expect(gateway.metricsText().match(/# TYPE trail_calls_total/g)).toHaveLength(1);
  const [, before] = gateway.plugins.snapshot();
  await client.query("select 'exit b'").catch(() => {});
  await untilMetrics('trail_calls_total{plugin="b"}', false);
  await untilMetrics('trail_calls_total{plugin="b"} ', true);
  expect(gateway.plugins.snapshot()[1]).toMatchObject({
    priority: before?.priority,
    restarts: 1,
    state: { kind: "running" },
  });
  expect(await trail(client)).toBe("trail:ab");
  await client.end();
}, 60_000);

testGo("the metrics of a plugin in Go outlast a reload", async () => {
  const plugin = {
    name: "recorder",
    env: ["METRICS_ENABLED=true", `METRICS_UNIX_DOMAIN_SOCKET=${join(directory, "go.sock")}`],
    ...(await goRecorder()),
  };
  const plugins = JSON.stringify({ plugins: [plugin] });
  await using inside = await makeGateway(oneBlockConfig(postgres.address), plugins);
  const { gateway } = inside;
  await gateway.boot();
  const before = childrenOf(process.pid);
  expect(await gateway.plugins.reload("recorder")).toMatchObject({ ok: true });
  await waitFor("the old process to be gone", () => childrenOf(process.pid), {
    until: (children) => before.filter((pid) => children.includes(pid)).length < before.length,
  });
  const [running] = gateway.plugins.running();
  expect(await running?.scrape(new AbortController().signal)).toContain("go_goroutines");
});
