import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import {
  GATEWAYD_BINARY,
  oneBlockConfig,
  type OneBlockOptions,
  runToEnd,
  startGatewayd,
} from "../../tests/kit/index.ts";
import type { BenchContext } from "../context.ts";
import type { AbsentEndpoint, EndpointKind, StartOptions } from "./endpoint.ts";
import { SpanSink } from "./span-sink.ts";

/** The executable that `bun run build` makes, with one block. */
function gatewaydWith(
  kind: Pick<EndpointKind, "name" | "version" | "refuses">,
  { pool, server }: Pick<OneBlockOptions, "pool" | "server">,
  plugins: readonly Readonly<Record<string, unknown>>[] = [],
  run?: RunWith,
): EndpointKind & { readonly config: (options: ConfigOptions) => string } {
  const config = (options: ConfigOptions): string => {
    const patience = `${options.patienceSeconds}s`;
    return oneBlockConfig(`127.0.0.1:${options.serverPort}`, {
      pool: { size: options.poolSize, queueTimeout: patience, ...pool },
      server: { maxConnections: options.maxClients, startupTimeout: patience, ...server },
    });
  };
  return {
    ...kind,
    isPooling: true,
    config,
    async start(options) {
      const gateway = await startGatewayd({
        config: config(options),
        plugins: JSON.stringify({ plugins }),
        args: run?.args ?? [],
        env: { ...DOORS, ...run?.env },
      });
      return {
        host: gateway.host,
        port: gateway.port,
        pid: gateway.process.pid,
        [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
      };
    },
  };
}

/** What a configuration of defaults has beside: the admin API, on ports that are free. */
const DOORS = {
  GATEWAYD_API_ENABLED: "true",
  GATEWAYD_API_HTTPADDRESS: "127.0.0.1:0",
  GATEWAYD_API_GRPCADDRESS: "127.0.0.1:0",
} as const;

/** How the program is told what the configuration does not say. */
interface RunWith {
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type ConfigOptions = Omit<StartOptions, "context" | "expectsSilentClients">;

/** The mode that the tables are about; of another mode's column the version is the same, and not repeated. */
const PLAIN = { name: "gatewayd", version: packageJson.version } as const;

/** In passthrough mode: a server connection for each client, which the database logs in. */
export const passthrough: EndpointKind = gatewaydWith(PLAIN, {});

/** The same with a plugin, which is an entry of gatewayd_plugins.yaml. */
export function passthroughWith(
  name: string,
  plugin: Readonly<Record<string, unknown>>,
): EndpointKind {
  return gatewaydWith({ name, version: "" }, {}, [plugin]);
}

/** Clients are trusted, as everywhere in a run. */
const TRUST = { auth: { method: "trust" } } as const;

/** In transaction mode. */
export const transaction: EndpointKind = gatewaydWith(PLAIN, {
  pool: { mode: "transaction" },
  server: TRUST,
});

/** In transaction mode, with this share of the units recorded, and somebody who takes them. */
export function tracedAt(name: string, ratio: number): EndpointKind {
  const tracedTo = (collector: string): EndpointKind =>
    gatewaydWith({ name, version: "" }, { pool: { mode: "transaction" }, server: TRUST }, [], {
      args: ["--tracing", "--collector-url", collector],
      env: { GATEWAYD_TRACING_RATIO: String(ratio) },
    });
  return {
    name,
    version: "",
    isPooling: true,
    async start(options) {
      await using started = new AsyncDisposableStack();
      const sink = started.use(await SpanSink.start());
      const gateway = started.use(await tracedTo(sink.address).start(options));
      const all = started.move();
      const { host, port, pid } = gateway;
      return { host, port, pid, [Symbol.asyncDispose]: () => all.disposeAsync() };
    },
  };
}

/** In transaction mode without metrics: nothing is counted. */
export const uncounted: EndpointKind = gatewaydWith(
  { name: "gatewayd-uncounted", version: "" },
  { pool: { mode: "transaction" }, server: TRUST },
  [],
  { env: { GATEWAYD_METRICS_DEFAULT_ENABLED: "false" } },
);

/** In session mode: a client keeps its server connection, which another client had before. */
export const session: EndpointKind = gatewaydWith(
  {
    name: "gatewayd-session",
    version: "",
    refuses: ({ clients }, poolSize) =>
      clients > poolSize
        ? `in session mode no more clients are served than there are server connections (${poolSize})`
        : undefined,
  },
  { pool: { mode: "session" }, server: TRUST },
);

const DEPTH = 4;

const multiplexing = gatewaydWith(
  {
    name: `gatewayd-depth${DEPTH}`,
    version: "",
    refuses: ({ clients, isReconnecting, script }, poolSize) => {
      if (clients <= poolSize) return "nothing is multiplexed while server connections are idle";
      if (isReconnecting || script !== "select") return "it is about what is never multiplexed";
      return undefined;
    },
  },
  { pool: { mode: "transaction", multiplexDepth: DEPTH }, server: TRUST },
);

/** In transaction mode with units of up to four clients on a connection, or why this build cannot do that. */
export async function depth4(context: BenchContext): Promise<EndpointKind | AbsentEndpoint> {
  const file = join(context.directory, "depth.yaml");
  const options = { serverPort: 5432, poolSize: 20, maxClients: 1000, patienceSeconds: 60 };
  await writeFile(file, multiplexing.config(options));
  const lint = await runToEnd([GATEWAYD_BINARY, "config", "lint", "--config", file]);
  if (lint.code === 0) return multiplexing;
  const output = `${lint.stderr}${lint.stdout}`;
  const said = /multiplexDepth: .+/.exec(output)?.[0] ?? `exit code ${lint.code} of config lint`;
  return { name: multiplexing.name, reason: `this build cannot do it: ${said}` };
}
