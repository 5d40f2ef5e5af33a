/** Runs a module as a plugin process: for this gateway, and for any other that speaks the plugin protocol. */
import { X509Certificate } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GatewayError } from "../../errors.ts";
import { GRPCController, GRPCStdio } from "../../rpc/index.ts";
import { StartedPlugin } from "../../sdk/index.ts";
import { loadModule } from "../module/index.ts";
import { APP_PROTOCOL, COOKIE_KEY, COOKIE_VALUE, makeClientCertificate } from "../process/index.ts";
import { GrpcServer, PREFIX_BYTES } from "./grpc-server.ts";
import type { UnaryMethod } from "./grpc-server.ts";
import { serveMetrics } from "./metrics-page.ts";
import { pluginLog } from "./plugin-log.ts";
import { ServedPlugin } from "./served-plugin.ts";

export interface ServeOptions {
  /** The module, from the working directory. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line to the standard output: the handshake, and nothing else. */
  readonly writeOut: (line: string) => void;
  /** Writes a line to the standard error: the log. */
  readonly writeErr: (line: string) => void;
  /** Resolves when the process is to end. */
  readonly stopped: Promise<unknown>;
}

/** Time for calls under way when the plugin is told to end. */
const END_GRACE_MS = 500;

const BROKER_PATH = "/plugin.GRPCBroker/StartStream";

/**
 * Serves until a host shuts the plugin down, or the process is told to end.
 * @throws GatewayError ERR_PLUGIN_MODULE when there is nothing to serve, or nobody to serve it to
 */
export async function serveModule(options: ServeOptions): Promise<void> {
  const { env, writeOut, writeErr, stopped } = options;
  checkHost(env);
  keepOutputClean();
  const exported = await loadModule(resolve(options.file), "");
  const logger = pluginLog(options.file, writeErr);
  const plugin = await StartedPlugin.start(exported, { config: settingsIn(env), logger });
  for (const name of plugin.unknownHooks) logger.warn("The plugin names what is no hook", { name });

  const directory = env["PLUGIN_UNIX_SOCKET_DIR"] ?? tmpdir();
  const socket = join(directory, `plugin${process.pid}${crypto.randomUUID().slice(0, 8)}`);
  const metrics = serveMetrics(plugin, env, `${socket}m`);
  const clientCert = env["PLUGIN_CLIENT_CERT"];
  const own = clientCert === undefined ? undefined : await makeClientCertificate();
  const shutDown = Promise.withResolvers<void>();
  const server = new GrpcServer({
    unary: new Map<string, UnaryMethod>([
      ...new ServedPlugin(plugin, metrics?.path).methods(),
      [
        `/${GRPCController.typeName}/Shutdown`,
        () => {
          setImmediate(shutDown.resolve);
          return Buffer.alloc(PREFIX_BYTES);
        },
      ],
    ]),
    silent: new Set([`/${GRPCStdio.typeName}/StreamStdio`, BROKER_PATH]),
    tls:
      own === undefined || clientCert === undefined
        ? undefined
        : { key: own.key, cert: own.certificate, clientCert },
  });
  await server.listen(socket);
  writeOut(handshake(socket, own?.certificate, env));
  await Promise.race([shutDown.promise, stopped]);
  await server.close(END_GRACE_MS);
  await plugin.stop();
  await metrics?.close();
  await rm(socket, { force: true });
}

/** The host reads the standard output; what the module prints there would be in its way. */
function keepOutputClean(): void {
  for (const method of ["log", "info", "debug"] as const) console[method] = console.error;
}

function checkHost(env: ServeOptions["env"]): void {
  if (env[COOKIE_KEY] !== COOKIE_VALUE) {
    throw new GatewayError(
      "ERR_PLUGIN_MODULE",
      "this serves a plugin to a gateway, which starts it; to try a plugin, name its file as localPath in gatewayd_plugins.yaml",
    );
  }
  const versions = env["PLUGIN_PROTOCOL_VERSIONS"]?.split(",") ?? [APP_PROTOCOL];
  if (!versions.includes(APP_PROTOCOL)) {
    throw new GatewayError(
      "ERR_PLUGIN_MODULE",
      `the host speaks versions ${versions.join(", ")} of the plugin protocol, and the plugin ${APP_PROTOCOL}`,
    );
  }
}

/** What `config` of an entry is to a module inside the gateway. */
function settingsIn(env: ServeOptions["env"]): unknown {
  const text = env["PLUGIN_SETTINGS"];
  if (text === undefined || text === "") return undefined;
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) {
      return settings;
    }
  } catch {
    // Said below.
  }
  throw new GatewayError("ERR_PLUGIN_MODULE", "PLUGIN_SETTINGS must be an object in JSON");
}

/** Says where the plugin listens, and by which certificate it is recognised there. */
function handshake(
  socket: string,
  certificate: string | undefined,
  env: ServeOptions["env"],
): string {
  const der =
    certificate === undefined ? "" : new X509Certificate(certificate).raw.toString("base64");
  const parts = ["1", APP_PROTOCOL, "unix", socket, "grpc", der.replaceAll("=", "")];
  // Connections are not multiplexed, whether the host could or not.
  if (env["PLUGIN_MULTIPLEX_GRPC"] !== undefined) parts.push("false");
  return parts.join("|");
}
