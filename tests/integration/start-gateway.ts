import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  formatIssue,
  type GlobalConfig,
  loadConfig,
  type LoadOptions,
} from "../../src/config/index.ts";
import { Gateway } from "../../src/gateway/index.ts";
import { HOOK_NUMBERS, type HookName, type HookPayload } from "../../src/hooks/index.ts";
import { createLogger, jsonOutput, type Logger, silentLogger } from "../../src/logging/index.ts";
import { newTranscript } from "../kit/transcripts.ts";

/** One event of a gateway, as a handler saw it. */
export interface SeenEvent {
  readonly hook: HookName;
  readonly payload: HookPayload;
}

/** Everything that such a gateway logs is searched for secrets at the end, as what others write is. */
function writtenDown(): Logger {
  const write = newTranscript();
  if (write === undefined) return silentLogger;
  const outputs = [jsonOutput({ timeFormat: "unix", write })];
  // Not below: a gateway that logs every event has a handler for each.
  return createLogger({ group: "default", level: "debug", outputs });
}

/** A gateway inside the process of the test, where its hooks can be reached. */
export class GatewayInProcess implements AsyncDisposable {
  readonly gateway: Gateway;
  /** What a handler saw that is registered on every hook; empty unless asked for. */
  readonly events: SeenEvent[] = [];
  /** Errors that were logged, with their reason. */
  readonly errors: string[] = [];
  /** The settings of the loggers, if plugins have changed the configuration. */
  loggers: GlobalConfig["loggers"] | undefined;
  /** Warnings that were logged. */
  readonly warnings: string[] = [];

  readonly #directory: string;

  /** @param options where the files are, in a directory of their own, which goes with the gateway */
  constructor(directory: string, options: LoadOptions) {
    this.#directory = directory;
    const result = loadConfig(options);
    if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
    const written = writtenDown();
    const log: Logger["log"] = (level, message, fields = {}) => {
      written.log(level, message, fields);
      const { error } = fields;
      if (level === "warn") this.warnings.push(message);
      if (level !== "error") return;
      this.errors.push(error instanceof Error ? `${message}: ${error.message}` : message);
    };
    const logger: Logger = {
      isEnabled: (level) => written.isEnabled(level),
      log,
      insist: log,
      trace: (...record) => log("trace", ...record),
      debug: (...record) => log("debug", ...record),
      info: (...record) => log("info", ...record),
      warn: (...record) => log("warn", ...record),
      error: (...record) => log("error", ...record),
      fatal: (...record) => log("fatal", ...record),
      child: (fields) => written.child(fields),
    };
    const loggers = {
      main: logger,
      of: () => logger,
      setLevel: () => false,
      reconfigure: (settings: GlobalConfig["loggers"]) => {
        this.loggers = settings;
      },
      sinks: () => [],
    };
    this.gateway = new Gateway(
      result.config,
      loggers,
      { dev: false, version: "0.0.0" },
      (overrides) => loadConfig({ ...options, overrides }),
    );
  }

  /** Registers a handler on every hook, before all others, that keeps what it sees. */
  recordAll(): void {
    for (const hook of Object.keys(HOOK_NUMBERS) as HookName[]) {
      this.gateway.hooks.register(hook, {
        name: "recorder",
        priority: 1,
        onError: "continue",
        handler: (payload) => {
          this.events.push({ hook, payload });
        },
      });
    }
  }

  /** Where the first group listens. */
  get target(): { readonly host: string; readonly port: number } {
    const [address = ""] = this.gateway.snapshot()[0]?.addresses ?? [];
    const [host = "", port = ""] = address.split(":");
    return { host, port: Number(port) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stopNow();
    await rm(this.#directory, { recursive: true });
  }
}

/**
 * Makes a gateway from the text of a gatewayd.yaml, and of a gatewayd_plugins.yaml. It is booted by the test, after
 * registering handlers.
 */
export async function makeGateway(
  yaml: string,
  plugins = "plugins: []\n",
): Promise<GatewayInProcess> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-inside-"));
  const configPath = join(directory, "gatewayd.yaml");
  const pluginConfigPath = join(directory, "gatewayd_plugins.yaml");
  await writeFile(configPath, yaml);
  await writeFile(pluginConfigPath, plugins);
  return new GatewayInProcess(directory, {
    configPath,
    pluginConfigPath,
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0" },
  });
}
