/** Who may see the page's figures, and what it says when the gateway is away. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { barriersIn } from "../fixtures/accessibility.ts";
import {
  type GatewaydProcess,
  HAS_BROWSER,
  type PostgresServer,
  startBrowser,
  startGatewayd,
  startPostgres,
  type TestBrowser,
  testInBrowser,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, freeAddress, withToken } from "./admin-doors.ts";

const TOKEN = "looking-glass-7";

let postgres: PostgresServer;
let browser: TestBrowser | undefined;

beforeAll(async () => {
  postgres = await startPostgres();
  if (HAS_BROWSER) browser = await startBrowser();
}, 90_000);

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function open(url: string, options: Parameters<TestBrowser["open"]>[1] = {}) {
  if (browser === undefined) throw new Error("there is no browser on this machine");
  return await browser.open(url, { viewport: { width: 1440, height: 900 }, ...options });
}

async function start(httpAddress: string, api: Readonly<Record<string, unknown>> = {}) {
  const options = { pool: { size: 2 }, api: { httpAddress, ...api } };
  return await startGatewayd({ config: adminConfig(postgres.address, options) });
}

async function end(gatewayd: GatewaydProcess): Promise<void> {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
}

describe("where the gateway wants a token", () => {
  let gatewayd: GatewaydProcess;
  let url: string;

  beforeAll(async () => {
    const address = await freeAddress();
    const auth = { tokens: [withToken(TOKEN, "me", "viewer")] };
    gatewayd = await start(address, { auth });
    url = `http://${address}/`;
  });

  afterAll(() => end(gatewayd));

  testInBrowser(
    "the page asks for it, and keeps it out of addresses and of the next visit",
    async () => {
      await using opened = await open(url);
      const { page, requested, complaints } = opened;
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      expect(await page.locator("#sign-in-error").textContent()).toBe("");
      expect(await page.locator("#facts").textContent()).toBe("");

      const field = page.getByLabel("Token");
      await field.fill("no such token");
      await field.press("Enter");
      expect(await page.locator("#sign-in-error").textContent()).toContain("without spaces");
      await field.fill("wrong");
      await field.press("Enter");
      await page.getByText("The gateway says: a token or a certificate").waitFor();

      await page.keyboard.press("Escape");
      expect(await dialog.isVisible()).toBe(false);
      await page.getByRole("button", { name: "Enter token" }).click();

      const authorized = page.waitForRequest(async (request) => {
        return (await request.allHeaders())["authorization"] === `Bearer ${TOKEN}`;
      });
      await field.fill(TOKEN);
      await field.press("Enter");
      await authorized;
      await page.locator("body[data-live=live]").waitFor();
      expect(await dialog.isVisible()).toBe(false);
      expect(await page.locator("#facts").textContent()).toContain(`pid ${gatewayd.process.pid}`);
      expect(requested.filter((address) => address.includes(TOKEN))).toEqual([]);
      expect(await page.evaluate<string>("JSON.stringify(localStorage)")).not.toContain(TOKEN);
      // The browser itself notes each refusal, and nothing else.
      expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);

      await page.reload();
      await page.locator("body[data-live=live]").waitFor();
      await page.getByRole("button", { name: "Forget token" }).click();
      await dialog.waitFor();
      expect(await page.evaluate<string>("JSON.stringify(sessionStorage)")).not.toContain(TOKEN);
      expect(gatewayd.process.output()).not.toContain(TOKEN);
    },
  );

  testInBrowser("everybody can read what it asks", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await using opened = await open(url, { colorScheme, bypassCSP: true });
      await opened.page.getByRole("dialog").waitFor();
      expect(await barriersIn(opened.page)).toEqual([]);
    }
  });
});

testInBrowser("the page comes over TLS, too", async () => {
  const address = await freeAddress();
  const file = (name: string): string => join(import.meta.dir, "..", "fixtures", "tls", name);
  const gatewayd = await start(address, {
    certFile: file("server.crt"),
    keyFile: file("server.key"),
  });
  const url = `https://${address}/`;
  await using opened = await open(url, { ignoreHTTPSErrors: true });
  const { page, requested, complaints } = opened;
  await page.locator("body[data-live=live]").waitFor();
  expect(await page.locator("#facts").textContent()).toContain(`pid ${gatewayd.process.pid}`);
  expect(requested.filter((one) => !one.startsWith(url))).toEqual([]);
  expect(complaints).toEqual([]);
  await end(gatewayd);
});

testInBrowser("the description of the API is a page, too, and calls it", async () => {
  const address = await freeAddress();
  const gatewayd = await start(address);
  const url = `http://${address}/`;
  await using opened = await open(`${url}swagger-ui/`);
  const { page, requested, complaints } = opened;
  const operation = page.locator("#operations-AdminService-AdminService_GetStatus");
  await operation.click();
  await operation.getByText("Needs the role viewer").first().waitFor();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  const answer = operation.locator(".live-responses-table .response-col_description");
  await answer.getByText("PHASE_SERVING").waitFor();
  expect(requested.filter((one) => !one.startsWith(url))).toEqual([]);
  expect(complaints).toEqual([]);
  await end(gatewayd);
});

testInBrowser("the page says that the gateway is lost, and goes on when it is back", async () => {
  const address = await freeAddress();
  const first = await start(address);
  await using opened = await open(`http://${address}/`, { bypassCSP: true });
  const { page } = opened;
  await page.locator("body[data-live=live]").waitFor();
  const facts = () => page.locator("#facts").textContent();
  expect(await facts()).toContain(`pid ${first.process.pid}`);
  await end(first);
  await page.getByText("The gateway does not answer").waitFor();
  expect(await page.locator("#live-word").textContent()).toBe("Connection lost");
  expect(await facts()).toContain(`pid ${first.process.pid}`);
  expect(await barriersIn(page)).toEqual([]);

  const second = await start(address);
  await page.locator("body[data-live=live]").waitFor();
  await waitFor("the new gateway", facts, {
    until: (text) => text?.includes(`pid ${second.process.pid}`) ?? false,
  });
  expect(await page.locator("#notice").isVisible()).toBe(false);
  await end(second);
});
