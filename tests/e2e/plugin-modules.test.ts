import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";
import { connect, seenUntil, trail } from "./trail.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-modules-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A module that adds its name to the trail, hangs or throws when a query says so, and may require others. */
function moduleText(name: string, requires: string): string {
  return `
    import { definePlugin } from "gatewayd/sdk";
    export default definePlugin({
      name: "${name}", version: "1.2.0", requires: ${requires},
      setup: () => ({
        onTrafficFromClient(event) {
          const { query = "" } = event;
          while (query.includes("hang ${name}"));
          if (query.includes("throw ${name}")) throw new Error("it was asked to");
          if (query.includes("'trail:")) event.rewrite(query.replace(/'trail:(\\w*)'/, "'trail:$1${name}'"));
        },
      }),
    });`;
}

interface ModuleKeys {
  readonly name: string;
  readonly requires?: string;
  readonly [key: string]: unknown;
}

/** A gateway with modules that add their names to a trail. */
async function start(entries: readonly ModuleKeys[]): Promise<GatewaydProcess> {
  const plugins = await Promise.all(
    entries.map(async ({ name, requires = "[]", ...entry }) => {
      const localPath = join(directory, `${name}.ts`);
      await writeFile(localPath, moduleText(name, requires));
      return { name, localPath, ...entry };
    }),
  );
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: 2 } }),
    plugins: JSON.stringify({ healthCheckPeriod: "200ms", plugins }),
  });
}

test.each([
  ["continue", "ac"],
  ["terminate", "42000"],
] as const)(
  "a worker in an endless loop is killed and comes back in its place; with onError %s queries meanwhile get %s",
  async (onError, meanwhile) => {
    await using gatewayd = await start([
      { name: "a" },
      { name: "b", isolation: "worker", timeout: "500ms", onError },
      { name: "c" },
    ]);
    const [victim, client] = [await connect(gatewayd), await connect(gatewayd)];
    expect(await trail(client)).toBe("abc");
    const answer = victim.query("select 'hang b'").then(
      () => "ac",
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );
    await gatewayd.process.waitForLine(/Plugin is lost.* name=b/);
    expect(await trail(client)).toBe(meanwhile);
    expect(await answer).toBe(meanwhile);
    const others = [...(await seenUntil(client, "abc"))].filter((seen) => seen !== meanwhile);
    expect(others).toEqual([]);
    await Promise.all([victim.end(), client.end()]);
    await gatewayd.stop();
  },
);

test.each([
  ["continue", "thrown"],
  ["terminate", "42000"],
] as const)(
  "a handler that throws with onError %s comes to %s, and the plugin stays",
  async (onError, outcome) => {
    await using gatewayd = await start([{ name: "a", onError }]);
    const client = await connect(gatewayd);
    const answer = await client.query("select 'thrown' as seen, 'throw a'").then(
      ({ rows }) => String(rows[0]?.seen),
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );
    expect(answer).toBe(outcome);
    await gatewayd.process.waitForLine(/ERR A hook's handler failed .*it was asked to/);
    expect(await trail(client)).toBe("a");
    await client.end();
    await gatewayd.stop();
  },
);

test("a module that lacks another is not called, and one that comes later in the list will do", async () => {
  await using gatewayd = await start([
    { name: "lonely", requires: "[{ name: 'nobody', version: '^1.0' }]" },
    { name: "early", requires: "[{ name: 'late', version: '1.2.0' }]" },
    { name: "late" },
  ]);
  const client = await connect(gatewayd);
  expect(await trail(client)).toBe("earlylate");
  expect(gatewayd.process.output()).toMatch(
    /ERR Plugin is not registered .*name=lonely reason="it requires nobody \^1\.0: no such plugin is running"/,
  );
  await client.end();
  await gatewayd.stop();
});

test("nothing gets by a module with onError terminate that cannot start", async () => {
  await using gatewayd = await start([
    { name: "a", onError: "terminate", localPath: join(directory, "nowhere.ts") },
  ]);
  expect(await connect(gatewayd).catch((error: unknown) => error)).toMatchObject({
    code: "42000",
  });
  expect(gatewayd.process.output()).toMatch(/ERR Failed to start plugin .*name=a/);
  await gatewayd.stop();
});
