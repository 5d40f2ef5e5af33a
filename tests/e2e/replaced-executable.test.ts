/** An upgrade puts another executable in the place of the one that runs: what runs goes on with what it was started with. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, copyFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { sha256Of } from "../fixtures/plugins/built-plugins.ts";
import {
  GATEWAYD_BINARY,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";
import { adminConfig, freeAddress, OPEN_POOL } from "./admin-doors.ts";

const PLUGIN = `import { definePlugin } from "gatewayd/sdk";
export default definePlugin({
  name: "watcher",
  version: "1.0.0",
  description: "Sees requests.",
  setup: () => ({ onTrafficFromClient() {} }),
});
`;

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-replaced-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("pages, the grammar and workers that were not needed before are there all the same", async () => {
  const [binary, next] = [join(directory, "gatewayd"), join(directory, "next")];
  await copyFile(GATEWAYD_BINARY, binary);
  const api = await freeAddress();
  const configWith = (logger: Readonly<Record<string, unknown>>): string =>
    adminConfig(postgres.address, { ...OPEN_POOL, logger, api: { httpAddress: api } });
  await using gatewayd = await startGatewayd({
    binary,
    config: configWith({}),
    env: { HOME: directory },
  });
  await gatewayd.process.waitForLine("GatewayD is running");

  // As package managers do it. Nobody could run this one.
  await writeFile(next, "not a program\n");
  await chmod(next, 0o755);
  await rename(next, binary);

  for (const path of ["/", "/swagger-ui/", "/swagger-ui/swagger-ui-bundle.js"]) {
    const response = await fetch(`http://${api}${path}`);
    expect([path, response.status]).toEqual([path, 200]);
    expect((await response.text()).length).toBeGreaterThan(100);
  }
  const localPath = join(directory, "watcher.ts");
  await writeFile(localPath, PLUGIN);
  const entry = { name: "watcher", localPath, checksum: await sha256Of(localPath) };
  const plugins = { plugins: [{ ...entry, isolation: "worker" }] };
  await writeFile(join(gatewayd.directory, "gatewayd_plugins.yaml"), JSON.stringify(plugins));
  await writeFile(
    join(gatewayd.directory, "gatewayd.yaml"),
    configWith({ slowQueryThreshold: "1ms" }),
  );
  const reloaded = await fetch(`http://${api}/api/v1/reload`, { method: "POST" });
  expect(await reloaded.json()).toMatchObject({
    changed: ["loggers.default.slowQueryThreshold", "plugins.watcher"],
    warnings: [],
  });
  const { host, port } = gatewayd;
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  await client.connect();
  await client.query("select pg_sleep(0.01)");
  // Only the grammar knows where values are.
  await gatewayd.process.waitForLine(/Slow query .*select pg_sleep\(\$1\)/);
  await client.end();
  await gatewayd.stop();
}, 60_000);
