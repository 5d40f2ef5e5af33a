/** The page for people, in a real browser, in front of a real PostgreSQL with real load. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { barriersIn } from "../fixtures/accessibility.ts";
import {
  connectWire,
  type GatewaydProcess,
  HAS_BROWSER,
  type PostgresServer,
  type RunningProcess,
  startBrowser,
  startGatewayd,
  startPostgres,
  startProcess,
  type TestBrowser,
  testInBrowser,
  testNeeding,
  waitFor,
  type WireClient,
} from "../kit/index.ts";
import { adminConfig, doorsOf, OPEN_POOL } from "./admin-doors.ts";

/** All of the page together: it is to be small. */
const MAX_BYTES = 60_000;
const NARROW = { width: 400, height: 800 };

const PLUGIN = `import { definePlugin } from "gatewayd/sdk";
export default definePlugin({
  name: "looker",
  version: "1.2.3",
  setup: () => ({ onTrafficFromClient(event) { event.query; } }),
});
`;

/** Whatever a client may call itself, in the form that would do most harm. */
const HOSTILE = {
  user: `"><img src=x onerror="document.title='owned'">`,
  application: `<script>document.title='owned'</script>`,
  column: `</button><img src=x onerror=document.title='owned'>`,
} as const;

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let browser: TestBrowser | undefined;
let directory: string;
let url: string;

const testUnderLoad = Bun.which("pgbench") === null ? testNeeding("pgbench") : testInBrowser;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query(`create role ${quoted(HOSTILE.user)} login superuser`);
  directory = await mkdtemp(join(tmpdir(), "gatewayd-page-"));
  await writeFile(join(directory, "looker.ts"), PLUGIN);
  gatewayd = await startGatewayd({
    config: adminConfig(postgres.address, { ...OPEN_POOL, pool: { ...OPEN_POOL.pool, size: 3 } }),
    plugins: JSON.stringify({
      plugins: [{ name: "looker", localPath: join(directory, "looker.ts"), enabled: true }],
    }),
    args: ["--dev"],
  });
  url = `http://${doorsOf(gatewayd).rest}/`;
  if (HAS_BROWSER) browser = await startBrowser();
}, 90_000);

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A name as SQL writes it. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function openPage(options: Parameters<TestBrowser["open"]>[1] = {}) {
  if (browser === undefined) throw new Error("there is no browser on this machine");
  const opened = await browser.open(url, { viewport: { width: 1440, height: 900 }, ...options });
  await opened.page.locator("body[data-live=live]").waitFor();
  return opened;
}

async function clientOf(parameters: Readonly<Record<string, string>>): Promise<WireClient> {
  const client = await connectWire(gatewayd);
  await client.login({ user: "postgres", database: "postgres", ...parameters });
  return client;
}

/** A client for each server connection, which keeps it, and one that waits for it. */
async function startCrowd(): Promise<AsyncDisposable> {
  const clients = await Promise.all([0, 1, 2, 3].map(() => clientOf({ application_name: "held" })));
  for (const client of clients.slice(0, 3)) {
    client.query("begin");
    await client.messagesUntil("Z");
  }
  clients[3]?.query("select 1");
  return {
    [Symbol.asyncDispose]: async () => {
      for (const client of clients.splice(0)) await client[Symbol.asyncDispose]();
    },
  };
}

/** Several clients that ask as often as they can. */
async function startLoad(): Promise<RunningProcess> {
  const connection = ["-h", gatewayd.host, "-p", String(gatewayd.port), "-U", "postgres"];
  const env = { PATH: process.env["PATH"], PGSSLMODE: "disable", PGAPPNAME: "load" };
  const script = join(directory, "load.sql");
  await writeFile(script, "select count(*) from pg_class where relname <> 'none';\n");
  const load = ["-n", "-f", script, "-c", "6", "-T", "60", "postgres"];
  return await startProcess(["pgbench", ...connection, ...load], { env });
}

describe("the files of the page", () => {
  test("are small, bound to themselves, and only to be read", async () => {
    const bodies = await Promise.all(
      ["", "page/page.js", "page/page.css", "page/icon.svg"].map(async (path) => {
        const { status, headers, ...response } = await get(path);
        expect([path, status]).toEqual([path, 200]);
        expect(headers.get("x-content-type-options")).toBe("nosniff");
        expect(headers.get("x-frame-options")).toBe("DENY");
        expect(headers.get("referrer-policy")).toBe("no-referrer");
        const policy = headers.get("content-security-policy") ?? "";
        expect(policy).toStartWith("default-src 'none'; script-src 'self'; style-src 'self';");
        expect(policy).toContain("frame-ancestors 'none'");
        expect(policy).not.toContain("unsafe");
        return response.body;
      }),
    );
    const bytes = bodies.reduce((total, body) => total + Buffer.byteLength(body), 0);
    expect(bytes).toBeLessThan(MAX_BYTES);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
    expect((await get("page/none.js")).status).toBe(404);
  });

  async function get(path: string) {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, headers: response.headers, body: await response.text() };
  }
});

describe("the page", () => {
  testUnderLoad("shows what the gateway is at, and goes on by itself", async () => {
    await using load = await startLoad();
    await using opened = await openPage();
    const { page, requested, complaints } = opened;
    const text = async (selector: string) => (await page.locator(selector).textContent()) ?? "";
    expect(await text("#state")).toBe("serving");
    expect(await text("#facts")).toContain(`pid ${gatewayd.process.pid}`);
    expect(await page.title()).toContain("gatewayd");
    await page.locator("#sessions-table tbody tr:nth-child(6)").waitFor();
    expect(await text("#sessions-table")).toContain("load");
    const card = await text("#pools .card");
    expect(card).toContain("default / writes");
    expect(card).toContain(postgres.address);
    const plugin = await text("#plugins-table tbody tr");
    expect(plugin).toContain("looker");
    expect(plugin).toContain("running");
    // What is counted comes in steps of seconds.
    const deadlineMs = 30_000;
    const throughput = () => text("#tiles .tile:first-child dd:not(.note)");
    await waitFor("figures of throughput", throughput, {
      until: (it) => /^\d/.test(it),
      deadlineMs,
    });
    const first = await page.locator("#latency .plot path.line").first().getAttribute("d");
    await waitFor(
      "the lines to go on",
      () => page.locator("#latency .plot path.line").first().getAttribute("d"),
      { until: (it) => it !== "" && it !== first, deadlineMs },
    );
    expect(await text("#latency .legend")).toMatch(/p50 \d.* p95 \d.* p99 \d/);
    await waitFor("the calls of a hook", () => text("#hooks-table tbody"), {
      until: (it) => it.includes("looker") && it.includes("OnTrafficFromClient"),
      deadlineMs,
    });
    await waitFor("the statement", () => text("#statements-table tbody"), {
      until: (it) => it.includes("select count(*) from pg_class where relname <> $1"),
      deadlineMs,
    });
    load.kill("SIGINT");
    await waitFor("the clients to be gone from the page", () => text("#sessions-table tbody"), {
      until: (it) => !it.includes("load"),
      deadlineMs,
    });
    expect(complaints).toEqual([]);
    expect(requested.filter((address) => !address.startsWith(url))).toEqual([]);
  });

  testInBrowser("shows who waits, and for how long", async () => {
    await using opened = await openPage();
    const { page } = opened;
    await using crowd = await startCrowd();
    await page.locator("#waiters-table tbody tr").waitFor();
    expect(await page.locator("#waiters-table tbody tr").textContent()).toContain("postgres");
    expect(await page.locator("#pools .card .pill").textContent()).toBe("busy");
    expect(await page.locator("#pools .card .bar").getAttribute("aria-label")).toBe(
      "3 of 3 server connections in use, 0 idle",
    );
    await crowd[Symbol.asyncDispose]();
    await page.locator("#waiters-table .empty").waitFor();
  });

  for (const colorScheme of ["light", "dark"] as const) {
    testInBrowser(
      `can be read by everybody, in ${colorScheme} colours, wide and narrow`,
      async () => {
        await using crowd = await startCrowd();
        await using opened = await openPage({ colorScheme, bypassCSP: true });
        const { page } = opened;
        for (const table of ["waiters", "sessions", "statements", "plugins", "hooks"]) {
          await page.locator(`#${table}-table tbody tr`).first().waitFor();
        }
        for (const width of [1440, NARROW.width]) {
          await page.setViewportSize({ width, height: 900 });
          expect(await barriersIn(page)).toEqual([]);
        }
        await crowd[Symbol.asyncDispose]();
      },
    );
  }

  testInBrowser("shows hostile names as they are, and does nothing that they say", async () => {
    await using client = await clientOf({
      user: HOSTILE.user,
      application_name: HOSTILE.application,
    });
    client.query(`select 1 as ${quoted(HOSTILE.column)}`);
    await client.messagesUntil("Z");
    await using opened = await openPage();
    const { page, complaints, requested } = opened;
    const row = page.locator("#sessions-table tbody tr");
    await row.waitFor();
    const shown = await row.textContent();
    expect(shown).toContain(HOSTILE.user);
    expect(shown).toContain(HOSTILE.application);
    await page.getByText(HOSTILE.column).first().waitFor();
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.title()).not.toContain("owned");
    expect(complaints).toEqual([]);
    expect(requested.some((address) => address.endsWith("/x"))).toBe(false);
  });

  testInBrowser("is light or dark as the system is, or as the reader says", async () => {
    await using opened = await openPage({ colorScheme: "dark" });
    const { page } = opened;
    const ground = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const dark = await ground();
    await page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    expect(light).not.toBe(dark);
    await page.getByRole("radio", { name: "Dark" }).check();
    expect(await ground()).toBe(dark);
    await page.reload();
    await page.locator("body[data-live=live]").waitFor();
    expect(await ground()).toBe(dark);
    await page.getByRole("radio", { name: "Auto" }).check();
    expect(await ground()).toBe(light);
  });

  testInBrowser("is used by keyboard alone", async () => {
    await using client = await clientOf({ application_name: "b" });
    await using other = await clientOf({ application_name: "a" });
    for (const one of [client, other]) {
      one.query("select 1");
      await one.messagesUntil("Z");
    }
    await using opened = await openPage();
    const { page } = opened;
    await page.keyboard.press("Tab");
    expect(await page.evaluate<string>("document.activeElement.className")).toBe("skip");
    await page.keyboard.press("Enter");
    expect(await page.evaluate<string>("document.activeElement.id")).toBe("main");

    const heading = page.locator("#sessions-table th", { hasText: "Application" });
    const order = async () =>
      (await page.locator("#sessions-table tbody td:nth-child(4)").allTextContents()).join();
    await heading.getByRole("button").focus();
    await page.keyboard.press("Enter");
    expect(await heading.getAttribute("aria-sort")).toBe("ascending");
    expect(await order()).toBe("a,b");
    await page.keyboard.press("Space");
    expect(await heading.getAttribute("aria-sort")).toBe("descending");
    expect(await order()).toBe("b,a");

    await page.locator("#session-filter").focus();
    await page.keyboard.type("postgres a");
    expect(await order()).toBe("b,a");
    await page.keyboard.type(" idle b");
    await page.locator("#session-filter").fill("nobody");
    expect(await page.locator("#sessions-table .empty").textContent()).toBe(
      "No session matches the filter.",
    );

    const statement = page.locator(".statement").first();
    await statement.waitFor();
    await statement.focus();
    await page.keyboard.press("Enter");
    expect(await statement.getAttribute("aria-expanded")).toBe("true");

    const plot = page.locator("#throughput .plot");
    await waitFor("two moments", async () => Number(await plot.getAttribute("aria-valuemax")) > 0, {
      deadlineMs: 30_000,
    });
    await plot.focus();
    await page.keyboard.press("Home");
    expect(await plot.getAttribute("aria-valuenow")).toBe("0");
    expect(await plot.getAttribute("aria-valuetext")).toMatch(/^\d\d:\d\d:\d\d: transactions /);
    await page.keyboard.press("ArrowRight");
    expect(await plot.getAttribute("aria-valuenow")).toBe("1");
  });

  testInBrowser("fits a narrow window", async () => {
    await using opened = await openPage({ viewport: NARROW });
    const { page } = opened;
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(NARROW.width);
    for (const id of ["tiles", "charts", "pools", "sessions-table"]) {
      expect(await page.locator(`#${id}`).isVisible()).toBe(true);
    }
  });

  testInBrowser("asks for nothing while nobody sees it", async () => {
    await using opened = await openPage();
    const { page, requested } = opened;
    // From here on the page's time passes when the test says so.
    await page.clock.install();
    await page.reload();
    await page.locator("body[data-live=live]").waitFor();
    await page.clock.pauseAt(Date.now() + 10_000);
    const lastOfOne = page.waitForResponse(/history/);
    await page.clock.runFor(3_000);
    await lastOfOne;
    const setHidden = (isHidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { configurable: true, value: ${isHidden} });
         document.dispatchEvent(new Event("visibilitychange"));`,
      );
    await setHidden(true);
    await page.locator("body[data-live=hidden]").waitFor();
    const before = requested.length;
    await page.clock.runFor(60_000);
    expect(requested.length).toBe(before);
    const next = page.waitForResponse(/history/);
    await setHidden(false);
    await next;
    await page.locator("body[data-live=live]").waitFor();
  });
});
