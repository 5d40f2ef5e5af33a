/** A gateway whose configuration is changed while pgbench works through it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  GATEWAYD_BINARY,
  type CompletedProcess,
  type GatewaydProcess,
  type RunningProcess,
  freePort,
  runToEnd,
  startGatewayd,
  startProcess,
} from "../kit/index.ts";

export type Tree = Record<string, unknown>;

/** The parts of a gatewayd.yaml that tests change. */
export interface StageConfig {
  loggers: Record<string, Tree>;
  clients: Record<string, Record<string, Tree>>;
  pools: Record<string, Record<string, Tree>>;
  proxies: Record<string, Record<string, Tree>>;
  servers: Record<string, Tree>;
  [section: string]: unknown;
}

/** What `gatewayd reload --json` prints. */
export interface ReloadAnswer {
  readonly changed: readonly string[];
  readonly needsRestart: readonly string[];
  readonly warnings: readonly string[];
}

export interface StageOptions {
  /** Default: one block `writes` in mode transaction, whose clients are trusted. */
  readonly server?: Tree;
  readonly client?: Tree;
  readonly pool?: Tree;
}

export class ReloadStage implements AsyncDisposable {
  readonly gatewayd: GatewaydProcess;
  readonly apiAddress: string;
  /** What stands in the file. */
  config: StageConfig;

  private constructor(gatewayd: GatewaydProcess, apiAddress: string, config: StageConfig) {
    this.gatewayd = gatewayd;
    this.apiAddress = apiAddress;
    this.config = config;
  }

  static async start(address: string, options: StageOptions = {}): Promise<ReloadStage> {
    const apiAddress = `127.0.0.1:${await freePort()}`;
    const config: StageConfig = {
      loggers: { default: { level: "info", noColor: true } },
      clients: { default: { writes: { address, ...options.client } } },
      pools: { default: { writes: { size: 8, mode: "transaction", ...options.pool } } },
      proxies: {},
      servers: {
        default: { address: "127.0.0.1:0", auth: { method: "trust" }, ...options.server },
      },
      api: { httpAddress: apiAddress, grpcAddress: "127.0.0.1:0" },
    };
    const gatewayd = await startGatewayd({ config: textOf(config) });
    return new ReloadStage(gatewayd, apiAddress, config);
  }

  get path(): string {
    return join(this.gatewayd.directory, "gatewayd.yaml");
  }

  /** Changes the file, and has it read. @throws unless that works */
  async change(change: (config: StageConfig) => void): Promise<ReloadAnswer> {
    change(this.config);
    await writeFile(this.path, textOf(this.config));
    const done = await this.type("reload", "--json");
    if (done.code !== 0) throw new Error(`the reload was refused: ${done.stderr}`);
    return JSON.parse(done.stdout) as ReloadAnswer; // Its shape is that of proto/gatewayd/admin/v1.
  }

  /** The same for the file with plugins, policies and rules, which had none. */
  async changePlugins(plugins: object): Promise<ReloadAnswer> {
    await writeFile(
      join(this.gatewayd.directory, "gatewayd_plugins.yaml"),
      JSON.stringify(plugins),
    );
    return await this.change(() => {});
  }

  /** Runs a command that asks the gateway. */
  async type(...words: readonly string[]): Promise<CompletedProcess> {
    return await runToEnd([GATEWAYD_BINARY, ...words, "--address", this.apiAddress], {
      cwd: "/",
      env: {},
    });
  }

  /** The row of a block in the list of pools. */
  async pool(block = "writes", group = "default"): Promise<Tree | undefined> {
    const { stdout } = await this.type("pools", "--json");
    const { pools } = JSON.parse(stdout) as { pools: Tree[] }; // As above.
    return pools.find((pool) => pool["block"] === block && pool["group"] === group);
  }

  async load(options: LoadOptions = {}): Promise<Load> {
    const script = join(this.gatewayd.directory, "load.sql");
    await writeFile(script, SCRIPT);
    const { clients = 4, args = [], port = this.gatewayd.port } = options;
    const { user = "postgres", env = {} } = options;
    const pgbench = await startProcess(
      [
        "pgbench",
        ...["-n", "-P", "1", "-T", "300", "-f", script, "-c", String(clients)],
        ...args,
        ...["-h", this.gatewayd.host, "-p", String(port), "-U", user, "postgres"],
      ],
      { env: { PATH: process.env["PATH"], PGSSLMODE: "disable", LC_ALL: "C", ...env } },
    );
    const load = new Load(pgbench);
    await load.proceeds();
    return load;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { status } = this.gatewayd.process;
    if (status === undefined) await this.gatewayd.stop();
    else if (status.code !== 0) throw new Error(`gatewayd has ended by itself: ${status.code}`);
    await this.gatewayd[Symbol.asyncDispose]();
  }
}

interface LoadOptions {
  readonly clients?: number;
  readonly args?: readonly string[];
  readonly port?: number;
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Long enough that there always are transactions in the middle of it. */
const SCRIPT = "begin;\nselect pg_sleep(0.003);\nselect 1;\nend;\n";

/** pgbench at work, until it is ended. */
export class Load implements AsyncDisposable {
  readonly #process: RunningProcess;

  constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Waits until transactions were made in two more seconds. @throws when pgbench gives up */
  async proceeds(): Promise<void> {
    for (let line = 0; line < 2; line++) {
      const since = this.#process.lineCount;
      await this.#process.waitForLine(/^progress: .* [1-9]\d*\.\d tps/, { since });
    }
  }

  /** @throws unless every transaction was made, to the last */
  async end(): Promise<void> {
    await this.proceeds();
    const output = this.#process.output();
    const isFaulty = /error|abort|fatal|\b[1-9]\d* failed/i.test(output);
    if (this.#process.status !== undefined || isFaulty) {
      throw new Error(`pgbench was not served throughout:\n${output}`);
    }
    await this.#process.end("SIGINT", 5_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Takes a block out of all sections; a group without blocks is left out of them. */
export function removeBlock(config: StageConfig, group: string, block: string): void {
  for (const section of [config.clients, config.pools, config.proxies]) {
    const blocks = section[group];
    if (blocks === undefined) continue;
    delete blocks[block];
    if (Object.keys(blocks).length === 0) delete section[group];
  }
}

function textOf(config: StageConfig): string {
  return JSON.stringify(config, undefined, 2);
}
