import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

let directory: string;
/** Accepts every connection and says nothing. */
let database: Bun.TCPSocketListener;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-signals-"));
  database = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
});

afterEach(async () => {
  database.stop(true);
  await rm(directory, { recursive: true });
});

/** `gatewayd run` in a process of its own, which alone can take signals. */
class Running implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #chunks: AsyncIterator<string, void>;
  log = "";

  constructor(configPath: string, flags: readonly string[]) {
    const main = join(import.meta.dir, "..", "main.ts");
    this.#child = Bun.spawn([process.execPath, main, "run", "--config", configPath, ...flags], {
      cwd: directory,
      // Many gateways run at a time.
      env: { NO_COLOR: "1", GATEWAYD_API_ENABLED: "false" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#chunks = textOf(this.#child.stderr);
  }

  /** What follows `text` in the log, as far as it is known. */
  async logged(text: string): Promise<string> {
    while (!this.log.includes(text)) {
      const chunk = await this.#chunks.next();
      if (chunk.done) throw new Error(`the log ended without "${text}":\n${this.log}`);
      this.log += chunk.value;
    }
    return this.log.slice(this.log.indexOf(text) + text.length);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async exitCode(): Promise<number> {
    for (;;) {
      const chunk = await this.#chunks.next();
      if (chunk.done) return await this.#child.exited;
      this.log += chunk.value;
    }
  }

  /** How often plugins were told of a signal. */
  get signalEvents(): number {
    return this.log.split("hook=OnSignal").length - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

async function* textOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) yield decoder.decode(bytes, { stream: true });
}

/** A slow boot when the database is down, a long drain while there are clients. */
async function start(...flags: string[]): Promise<Running> {
  const configPath = join(directory, "gatewayd.yaml");
  const writes = { address: `127.0.0.1:${database.port}`, retries: 100, backoff: "1m" };
  const config = {
    loggers: { default: { level: "trace" } },
    clients: { default: { writes } },
    pools: { default: { writes: { size: 1 } } },
    servers: { default: { address: "127.0.0.1:0", protocol: "raw", drainTimeout: "10m" } },
  };
  await writeFile(configPath, JSON.stringify(config));
  return new Running(configPath, flags);
}

/** A client that is served, and so is waited for by a drain. */
async function connectTo(running: Running): Promise<Bun.Socket> {
  await running.logged("GatewayD is running");
  const port = Number(/GatewayD is listening.* address=127\.0\.0\.1:(\d+)/.exec(running.log)?.[1]);
  const client = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => {} } });
  client.write("hello");
  await running.logged("hook=OnTrafficFromClient");
  return client;
}

test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
  "%s ends a boot that waits for the database",
  async (signal) => {
    database.stop(true);
    await using running = await start();
    await running.logged("Failed to connect to the server, trying again");
    running.signal(signal);
    expect(await running.exitCode()).toBe(0);
    expect(running.signalEvents).toBe(1);
    expect(running.log).not.toContain("Stopped the server");
    expect(running.log).toContain("GatewayD is shutdown");
  },
);

test("a second signal ends the waiting for clients, and plugins are told of both", async () => {
  await using running = await start();
  const client = await connectTo(running);
  running.signal("SIGTERM");
  await running.logged("GatewayD is shutting down");
  running.signal("SIGINT");
  expect(await running.exitCode()).toBe(0);
  expect(running.signalEvents).toBe(2);
  client.terminate();
});

test("signals that come when all has stopped do not cut off the handing on of spans and log", async () => {
  // A collector that says nothing is waited for.
  const collector = `127.0.0.1:${database.port}`;
  await using running = await start("--tracing", "--collector-url", collector);
  await running.logged("GatewayD is running");
  running.signal("SIGTERM");
  await running.logged("GatewayD is shutdown");
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const) running.signal(signal);
  expect(await running.exitCode()).toBe(0);
});

test.each(["SIGQUIT", "SIGABRT"] as const)("%s does not wait for clients", async (signal) => {
  await using running = await start();
  const client = await connectTo(running);
  running.signal(signal);
  expect(await running.exitCode()).toBe(0);
  expect(running.signalEvents).toBe(1);
  expect(running.log).not.toContain("GatewayD is shutting down");
  client.terminate();
});

test("SIGHUP has the configuration read again", async () => {
  await using running = await start();
  await running.logged("GatewayD is running");
  running.signal("SIGHUP");
  const rest = await running.logged("Reloaded the configuration");
  expect(rest).toMatch(/^ .*changed=\[\]/);
  expect(running.signalEvents).toBe(1);
  running.signal("SIGTERM");
  expect(await running.exitCode()).toBe(0);
});

test("a plugin without a checksum stops the start, and without lint is only left out", async () => {
  const plugins = "plugins: [{name: unchecked, localPath: ./plugin}]";
  await writeFile(join(directory, "gatewayd_plugins.yaml"), plugins);
  await using strict = await start();
  expect(await strict.exitCode()).not.toBe(0);
  expect(strict.log).toContain("plugins.0.checksum: must be the SHA-256 of ./plugin");
  await using lenient = await start("--lint=false");
  await lenient.logged("GatewayD is running");
  expect(lenient.log).toMatch(
    /ERR Failed to start plugin .*name=unchecked reason="its checksum is not a SHA-256"/,
  );
  lenient.signal("SIGTERM");
  expect(await lenient.exitCode()).toBe(0);
});

test("the log names the version at the start", async () => {
  await using running = await start();
  await running.logged("GatewayD is running");
  const { version } = await import("../../package.json");
  expect(running.log).toContain(`version=${version}`);
  running.signal("SIGTERM");
  expect(await running.exitCode()).toBe(0);
});
