/** The events around start and stop: what plugins are told before and after there is traffic. */
import { configPayload, flattenPayload, formatDuration } from "../config/index.ts";
import type { ConfigOverride, LoadedConfig } from "../config/index.ts";
import {
  bootedPayload,
  bootingPayload,
  connectionCountPayload,
  connectionId,
  newClientPayload,
  newPoolPayload,
  runPayload,
  signalPayload,
} from "../hooks/index.ts";
import type { HookName, HookOutcome, HookPayload, HookRegistry } from "../hooks/index.ts";
import type { Pool } from "../pool/index.ts";
import { collectOverrides } from "./collect-overrides.ts";

export class BootHooks {
  readonly #registry: HookRegistry;
  /** What is told of. */
  config: LoadedConfig;

  constructor(registry: HookRegistry, config: LoadedConfig) {
    this.#registry = registry;
    this.config = config;
  }

  /** All keys of gatewayd.yaml, dotted. Answers what handlers have put in their place. */
  async configLoaded(config: LoadedConfig): Promise<readonly ConfigOverride[]> {
    const { chain } = this.#registry.chain("OnConfigLoaded");
    if (chain === null) return [];
    return await collectOverrides(chain, flattenPayload(configPayload(config)));
  }

  async newLogger(): Promise<void> {
    await this.#run("OnNewLogger", () => this.#subtree("loggers"));
  }

  /** One event for each backend that was opened, then one for the pool. */
  async newPool(group: string, pool: Pool): Promise<void> {
    const settings = this.config.global.clients[group]?.[pool.name];
    if (settings === undefined) return;
    for (const { connection } of pool.available) {
      const ends = { local: connection.localAddress, remote: connection.remoteAddress };
      const id = connectionId(settings.network, ends.local, sha256Hex);
      const client = { id, group, name: pool.name, address: ends.remote, ends, settings };
      await this.#run("OnNewClient", () => newClientPayload(client, formatDuration));
    }
    await this.#run("OnNewPool", () => newPoolPayload(pool.name, pool.options.size));
  }

  /** Once for each block; every time with all of them. */
  async newProxy(): Promise<void> {
    await this.#run("OnNewProxy", () => this.#subtree("proxies"));
  }

  /** Once for each group; every time with all of them. */
  async newServer(): Promise<void> {
    await this.#run("OnNewServer", () => this.#subtree("servers"));
  }

  /** Answers the group's first address to listen on: a handler may have put another in its place. */
  async run(address: string): Promise<string> {
    const outcome = await this.#run("OnRun", () => runPayload(address));
    const chosen = outcome?.kind === "continue" ? outcome.payload["address"] : undefined;
    return typeof chosen === "string" ? chosen : address;
  }

  async booting(): Promise<void> {
    await this.#run("OnBooting", bootingPayload);
  }

  async booted(): Promise<void> {
    await this.#run("OnBooted", bootedPayload);
  }

  async tick(connections: number): Promise<void> {
    await this.#run("OnTick", () => connectionCountPayload(connections));
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    await this.#run("OnSignal", () => signalPayload(name));
  }

  async shutdown(connections: number): Promise<void> {
    await this.#run("OnShutdown", () => connectionCountPayload(connections));
  }

  #subtree(object: "loggers" | "proxies" | "servers"): HookPayload {
    const subtree = configPayload(this.config)[object];
    return typeof subtree === "object" && subtree !== null ? { ...subtree } : {};
  }

  async #run(hook: HookName, payload: () => HookPayload): Promise<HookOutcome | undefined> {
    return await this.#registry.chain(hook).chain?.run(payload());
  }
}

function sha256Hex(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
