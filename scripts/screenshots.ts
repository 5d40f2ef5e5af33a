/**
 * Takes the pictures of the web page for docs/: `bun run screenshots [--minutes 5]`.
 *
 * What they show has happened: a PostgreSQL, the executable in front of it with two groups, and programs that ask it,
 * more and less, for as long as it is said. Needs chromium and pgbench.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "pg";
import {
  freePort,
  type GatewaydProcess,
  type PostgresServer,
  runToEnd,
  startBrowser,
  startGatewayd,
  startPostgres,
  startProcess,
} from "../tests/kit/index.ts";
import { build } from "./build.ts";
import { root, runScript } from "./repository.ts";

const PICTURES = [
  { name: "web-page-light", colorScheme: "light", viewport: { width: 1440, height: 1180 } },
  { name: "web-page-dark", colorScheme: "dark", viewport: { width: 1440, height: 1180 } },
  { name: "web-page-narrow", colorScheme: "light", viewport: { width: 400, height: 1180 } },
] as const;

const PLUGIN = `import { definePlugin, normalize } from "gatewayd/sdk";
export default definePlugin({
  name: "audit",
  version: "1.4.0",
  setup: () => ({
    onTrafficFromClient(event) {
      if (event.query !== undefined) normalize(event.query);
    },
    onTrafficFromServer() {},
  }),
});
`;

const ROLES = ["checkout", "catalogue", "analyst"] as const;

/** Programs that ask, each on its own way in. Rates are transactions a second; they change from phase to phase. */
const LOADS = [
  { role: "checkout", server: 0, clients: 6, rates: [40, 60, 95, 70, 50], script: "tpcb-like" },
  {
    role: "catalogue",
    server: 0,
    clients: 12,
    rates: [140, 190, 260, 170, 120],
    script: "select-only",
  },
] as const;

/** What is asked by programs that keep what they have. */
const REPORT = `select b.bid, count(*), sum(a.abalance)
from pgbench_accounts a join pgbench_branches b on b.bid = a.bid, pg_sleep(0.15 + random() * 0.35)
where a.aid > :first group by b.bid;
`;

const PHASE_S = 20;
const MISTYPE_MS = 1_700;

function configOf(postgres: PostgresServer, httpAddress: string): string {
  const block = { address: postgres.address };
  const server = { address: "127.0.0.1:0", auth: { method: "trust" } };
  return JSON.stringify({
    clients: { default: { writes: block }, analytics: { reports: block } },
    pools: {
      default: { writes: { size: 12, mode: "transaction" } },
      analytics: { reports: { size: 3, mode: "transaction" } },
    },
    proxies: { default: { writes: {} }, analytics: { reports: {} } },
    servers: { default: server, analytics: server },
    metrics: { default: { address: "127.0.0.1:0", statements: 500 } },
    api: { httpAddress, grpcAddress: "127.0.0.1:0" },
  });
}

/** pgbench against one of the gateway's addresses, to its end. */
async function ask(
  gatewayd: GatewaydProcess,
  role: string,
  server: number,
  flags: readonly string[],
): Promise<void> {
  const [host = "", port = ""] = (gatewayd.addresses[server] ?? "").split(":");
  const env = { PATH: process.env["PATH"], PGSSLMODE: "disable", PGAPPNAME: role };
  const command = [
    "pgbench",
    "-n",
    "-h",
    host,
    "-p",
    port,
    "-U",
    role,
    ...flags,
    "postgres",
  ] as const;
  const { code, stderr } = await runToEnd(command, { env });
  if (code !== 0) throw new Error(`pgbench has failed: ${stderr}`);
}

/** All programs at once, phase after phase, until it is over. */
async function runLoads(
  gatewayd: GatewaydProcess,
  report: string,
  over: AbortSignal,
): Promise<void> {
  const seconds = ["-T", String(PHASE_S)];
  const loads = LOADS.map(async ({ role, server, clients, rates, script }) => {
    for (let phase = 0; !over.aborted; phase++) {
      const rate = String(rates[phase % rates.length]);
      const flags = ["-c", String(clients), "-R", rate, "-b", script, "-M", "prepared"];
      await ask(gatewayd, role, server, [...flags, ...seconds]);
    }
  });
  const reports = async (): Promise<void> => {
    while (!over.aborted) await ask(gatewayd, "analyst", 1, ["-c", "4", "-f", report, ...seconds]);
  };
  await Promise.all([...loads, reports(), mistype(gatewayd, over)]);
}

/** Somebody mistypes now and then. */
async function mistype(gatewayd: GatewaydProcess, over: AbortSignal): Promise<void> {
  const { host, port } = gatewayd;
  const client = new Client({ host, port, user: "catalogue", database: "postgres" });
  await client.connect();
  while (!over.aborted) {
    // What is refused is what is to be seen.
    await client.query("select * from pgbench_account where aid = 7").catch(() => {});
    await Bun.sleep(MISTYPE_MS);
  }
  await client.end();
}

async function takePictures(url: string): Promise<void> {
  const folder = join(root, "docs", "images");
  await mkdir(folder, { recursive: true });
  await using browser = await startBrowser();
  for (const { name, colorScheme, viewport } of PICTURES) {
    await using opened = await browser.open(url, {
      colorScheme,
      viewport,
      reducedMotion: "reduce",
    });
    const { page } = opened;
    await page.locator("body[data-live=live]").waitFor();
    // Two answers: rates are differences.
    await page.waitForResponse(/hooks/);
    await page.locator("#hooks-table tbody tr").first().waitFor();
    await page.screenshot({ path: join(folder, `${name}.png`) });
    console.log(`docs/images/${name}.png`);
  }
}

await runScript(async () => {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "5" } } });
  await using postgres = await startPostgres();
  const connection = ["-h", postgres.host, "-p", String(postgres.port), "-U", postgres.user];
  await using init = await startProcess([
    "pgbench",
    "-i",
    "-q",
    "-s",
    "2",
    ...connection,
    "postgres",
  ]);
  await init.waitForExit(60_000);
  for (const role of ROLES) await postgres.query(`create role ${role} login superuser`);
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-screenshots-"));
  try {
    const report = join(directory, "report.sql");
    await writeFile(report, `\\set first random(1, 200000)\n${REPORT}`);
    const plugin = join(directory, "audit.ts");
    await writeFile(plugin, PLUGIN);
    const httpAddress = `127.0.0.1:${await freePort()}`;
    await using gatewayd = await startGatewayd({
      binary: await build(),
      config: configOf(postgres, httpAddress),
      plugins: JSON.stringify({ plugins: [{ name: "audit", localPath: plugin, enabled: true }] }),
      args: ["--dev"],
      listeners: 2,
    });
    const over = new AbortController();
    const loads = runLoads(gatewayd, report, over.signal);
    await Bun.sleep(Number(values.minutes) * 60_000);
    await takePictures(`http://${httpAddress}/`);
    over.abort();
    await loads;
    await gatewayd.stop();
  } finally {
    await rm(directory, { recursive: true });
  }
  return 0;
});
