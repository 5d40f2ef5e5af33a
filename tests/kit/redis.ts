import { freePort } from "./free-port.ts";
import { type RunningProcess, startProcess } from "./processes.ts";

/** A Redis that keeps nothing, on a port of its own. Needs redis-server, see `testNeeding`. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  #process: RunningProcess | undefined;

  /** Not started yet; {@link startRedis} makes one that is. */
  constructor(port: number) {
    this.port = port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it, after {@link stop} again at the same place. */
  async start(): Promise<void> {
    const process = await startProcess([
      "redis-server",
      ...["--port", String(this.port), "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--dir", "/tmp"],
    ]);
    this.#process = process;
    await process.waitForLine("Ready to accept connections");
  }

  async stop(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }

  /** It keeps its connections and answers nothing, until it is woken up. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  wake(): void {
    this.#process?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wake();
    await this.stop();
  }
}

/** A started Redis. */
export async function startRedis(): Promise<RedisServer> {
  const redis = new RedisServer(await freePort());
  await redis.start();
  return redis;
}
