import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningProcess, startProcess } from "./processes.ts";

/** The compiled program that `bun run build` makes. */
export const GATEWAYD_BINARY = join(import.meta.dir, "..", "..", "dist", "gatewayd");

/** How to run the binary. */
export interface GatewaydOptions {
  /** Text of gatewayd.yaml. Servers should listen on `127.0.0.1:0`: the kernel chooses. */
  readonly config: string;
  /** Text of gatewayd_plugins.yaml. Default: no plugins. */
  readonly plugins?: string;
  /** Added to an otherwise empty environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `run`. */
  readonly args?: readonly string[];
  /** Groups to wait for: one "is listening" line each. Default 1. */
  readonly listeners?: number;
  /** Where another build of the program is. Default {@link GATEWAYD_BINARY}. */
  readonly binary?: string;
  /** Time for the boot. Default 15 s. */
  readonly deadlineMs?: number;
}

/** Everything is counted, as it is by default, and several may run at once. */
const METRICS_ANYWHERE = { GATEWAYD_METRICS_DEFAULT_ADDRESS: "127.0.0.1:0" };

/** A running binary: started from `/`, with its configuration in a temporary directory. */
export class GatewaydProcess implements AsyncDisposable {
  readonly process: RunningProcess;
  /** Holds gatewayd.yaml and gatewayd_plugins.yaml. */
  readonly directory: string;
  /** Listening addresses in the order they were opened, as the log names them. */
  readonly addresses: readonly string[];

  /** Takes over a running binary; {@link startGatewayd} makes one. */
  constructor(process: RunningProcess, directory: string, addresses: readonly string[]) {
    this.process = process;
    this.directory = directory;
    this.addresses = addresses;
  }

  /** Host of the first listener. */
  get host(): string {
    return this.#first().host;
  }

  /** TCP port of the first listener. */
  get port(): number {
    return this.#first().port;
  }

  /** Where the metrics page is, as the log says. */
  async metricsUrl(): Promise<string> {
    const line = await this.process.waitForLine("Metrics are exposed");
    const [, url] = /\baddress=(\S+)/.exec(Bun.stripANSI(line)) ?? [];
    if (url === undefined) throw new Error(`no address in the line: ${line}`);
    return url;
  }

  /** Asks for an orderly end and waits for it. @throws unless the exit code is 0. */
  async stop(signal: NodeJS.Signals = "SIGTERM", deadlineMs = 40_000): Promise<void> {
    this.process.kill(signal);
    const status = await this.process.waitForExit(deadlineMs);
    if (status.code !== 0) {
      throw new Error(
        `gatewayd ended with ${status.signal ?? `exit code ${status.code}`} after ${signal}:\n` +
          this.process.output(100),
      );
    }
  }

  /** Kills what still runs, removes the directory, and proves that both are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await removeDirectory(this.directory);
  }

  #first(): { readonly host: string; readonly port: number } {
    const address = this.addresses[0] ?? "";
    const match = /^\[?(.+?)\]?:(\d+)$/.exec(address);
    if (!match?.[1]) throw new Error(`gatewayd does not listen on TCP but on "${address}"`);
    return { host: match[1], port: Number(match[2]) };
  }
}

/** Writes the configuration, starts the binary from `/` and waits until it listens. */
export async function startGatewayd(options: GatewaydOptions): Promise<GatewaydProcess> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-run-"));
  const configPath = join(directory, "gatewayd.yaml");
  const pluginsPath = join(directory, "gatewayd_plugins.yaml");
  await writeFile(configPath, options.config);
  await writeFile(pluginsPath, options.plugins ?? "plugins: []\n");
  const child = await startProcess(
    [
      options.binary ?? GATEWAYD_BINARY,
      "run",
      "--config",
      configPath,
      "--plugin-config",
      pluginsPath,
      ...(options.args ?? []),
    ],
    { cwd: "/", env: { ...METRICS_ANYWHERE, ...withoutDoors(options.config), ...options.env } },
  );
  try {
    const addresses = await listeningAddresses(child, options);
    return new GatewaydProcess(child, directory, addresses);
  } catch (error) {
    await child[Symbol.asyncDispose]();
    await removeDirectory(directory);
    throw error;
  }
}

/** In a line for people, or in one for programs. */
const ADDRESS = /\baddress(?:=|":)(?:"([^"]*)"|(\S+))/;

/** Many gateways run at a time: those that say nothing of the API's addresses do without it. */
function withoutDoors(config: string): Readonly<Record<string, string>> {
  return /(^|[{,\s])"?api"?:/.test(config) ? {} : { GATEWAYD_API_ENABLED: "false" };
}

async function listeningAddresses(
  child: RunningProcess,
  options: GatewaydOptions,
): Promise<readonly string[]> {
  const addresses: string[] = [];
  const { listeners = 1, deadlineMs = 15_000 } = options;
  let since = 0;
  while (addresses.length < listeners) {
    const line = await child.waitForLine("GatewayD is listening", { since, deadlineMs });
    const address = ADDRESS.exec(Bun.stripANSI(line));
    if (!address) throw new Error(`no address in the line: ${line}`);
    addresses.push(address[1] ?? address[2] ?? "");
    since = child.lines().findIndex((kept, index) => index >= since && kept.text === line) + 1;
  }
  return addresses;
}

async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true });
  if (existsSync(directory)) throw new Error(`${directory} is still there`);
}
