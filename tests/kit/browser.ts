import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { testWhere } from "./tests-needing.ts";

/** Debian's, or what comes from its maker. */
const PROGRAM = Bun.which("chromium") ?? Bun.which("google-chrome");

/** Whether this machine has a browser to start. */
export const HAS_BROWSER = PROGRAM !== null;

/** `test` for tests in a browser: without one they are skipped. */
export const testInBrowser = testWhere(
  HAS_BROWSER,
  "neither chromium nor google-chrome is installed",
);

/** A page that was opened, and all that it did of its own accord. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Addresses of everything it has asked for. */
  readonly requested: readonly string[];
  /** What it has complained of in the console: errors of its program, and what the browser refused it. */
  readonly complaints: readonly string[];
}

/** A headless Chromium; {@link startBrowser} starts one. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  /** Takes over one that runs. */
  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Opens an address as a visitor of its own: nothing is shared with other pages. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    const requested: string[] = [];
    const complaints: string[] = [];
    context.on("request", (request) => requested.push(request.url()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        complaints.push(message.text());
      }
    });
    await page.goto(url);
    return { page, requested, complaints, [Symbol.asyncDispose]: () => context.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** A started browser, which reaches this machine alone; for {@link testInBrowser}. */
export async function startBrowser(): Promise<TestBrowser> {
  // Only for those who want a browser: it is much to load.
  const { chromium } = await import("playwright-core");
  if (PROGRAM === null) throw new Error("there is no browser on this machine");
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
  });
  return new TestBrowser(browser);
}
