/** Starts plugins that are executables. */
import { Code, ConnectError } from "@connectrpc/connect";
import { access, constants, lstat, unlink } from "node:fs/promises";
import { resolve } from "node:path";
import { GatewayError } from "../../errors.ts";
import type { Logger } from "../../logging/index.ts";
import type { PluginHost, RunningPlugin } from "../plugin-host.ts";
import { type ClientCertificate, makeClientCertificate } from "./client-certificate.ts";
import { dialPlugin } from "./dial-plugin.ts";
import { Channel } from "./grpc/index.ts";
import { type Handshake, parseHandshake } from "./handshake.ts";
import { PluginChild } from "./plugin-child.ts";
import { pluginEnvironment } from "./plugin-environment.ts";
import { PluginLog } from "./plugin-log.ts";
import { meetPlugin } from "./process-plugin.ts";
import { StartDeadline } from "./start-deadline.ts";
import { verifyChecksum } from "./verify-checksum.ts";

/** How long a process that cannot be talked to is given to end by itself. */
const LAST_CHANCE_MS = 100;

/** What the plugins file says of one plugin, as far as it matters here; an entry of it is one. */
export interface ProcessEntry {
  readonly name: string;
  /** The executable; relative to the working directory. */
  readonly localPath: string;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** SHA-256 of the executable in hexadecimal digits. */
  readonly checksum: string;
  /** Milliseconds that one call may take; 0 = as long as the chain. */
  readonly timeout: number;
  /** Names or globs of the gateway's variables that the plugin gets. */
  readonly passEnv: readonly string[];
  /** Longest message to or from the plugin. */
  readonly maxHookMessageBytes: number;
}

/** What is the same for all plugins. */
export interface ProcessSurroundings {
  /** Gets what the plugin logs, too. */
  readonly logger: Logger;
  /** The gateway's environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Time to start, from the execution to the first answer; 0 = any. */
  readonly startTimeoutMs: number;
  /** Deadline of a whole chain, for calls of a plugin that has none of its own; 0 = none. */
  readonly chainTimeoutMs: number;
  /** Whether the executable must have the checksum of its entry: always but for development. */
  readonly verifiesChecksum: boolean;
}

/** A host for one plugin that runs as a process of its own and speaks go-plugin's protocol over gRPC. */
export function createProcessHost(
  entry: ProcessEntry,
  surroundings: ProcessSurroundings,
): PluginHost {
  const executable = resolve(entry.localPath);
  let certificate: Promise<ClientCertificate> | undefined;

  async function verify(): Promise<void> {
    if (surroundings.verifiesChecksum) await verifyChecksum(executable, entry.checksum);
  }

  async function spawn(own: ClientCertificate, log: PluginLog): Promise<PluginChild> {
    await verify();
    const env = pluginEnvironment({
      host: surroundings.env,
      passEnv: entry.passEnv,
      env: entry.env,
      clientCertificate: own.certificate,
    });
    return new PluginChild({ executable, args: entry.args, env, log });
  }

  return {
    async verify() {
      await verify();
      await access(executable, constants.X_OK).catch((cause: unknown) => {
        throw new GatewayError("ERR_PLUGIN_EXEC", `${executable} cannot be executed`, { cause });
      });
    },
    async start(signal): Promise<RunningPlugin> {
      certificate ??= makeClientCertificate();
      const own = await certificate;
      const log = new PluginLog(surroundings.logger.child({ plugin: entry.name }));
      const child = await spawn(own, log);
      const deadline = new StartDeadline(signal, surroundings.startTimeoutMs);
      let handshake: Handshake | undefined;
      let channel: Channel | undefined;
      try {
        const shaken = await deadline.orAborted(shakeHands(child));
        handshake = shaken;
        channel = new Channel({ dial: () => dialPlugin(shaken, own) });
        await deadline.orAborted(connected(channel));
        const options = {
          child,
          channel,
          log,
          callTimeoutMs: entry.timeout > 0 ? entry.timeout : surroundings.chainTimeoutMs,
          maxMessageBytes: entry.maxHookMessageBytes,
          cleanUp: () => removeSocket(shaken, surroundings.logger),
        };
        return await deadline.orAborted(meetPlugin(options, deadline.signal));
      } catch (error) {
        // What is about to end by itself has a better reason than the connection that broke because of it.
        if (handshake !== undefined) await Promise.race([child.exited, Bun.sleep(LAST_CHANCE_MS)]);
        child.kill();
        const ending = await child.exited;
        channel?.close(new ConnectError("the plugin was given up", Code.Unavailable));
        if (handshake === undefined) throw error;
        await removeSocket(handshake, surroundings.logger);
        // Had it only been ended here, that would be no news.
        if (child.wasKilled) throw error;
        throw new GatewayError("ERR_PLUGIN_EXITED", `it ended while it started: ${ending}`, {
          cause: error,
        });
      } finally {
        deadline.dispose();
      }
    },
  };
}

async function shakeHands(child: PluginChild): Promise<Handshake> {
  const line = await child.firstLine;
  if (line !== undefined) return parseHandshake(line);
  const ending = await child.exited;
  throw new GatewayError(
    "ERR_PLUGIN_EXITED",
    `it ended before it said where it listens: ${ending}`,
  );
}

async function connected(channel: Channel): Promise<void> {
  try {
    await channel.connected();
  } catch (error) {
    if (error instanceof ConnectError && error.cause instanceof GatewayError) throw error.cause;
    const text =
      "the plugin ended the connection as it was opened: it may not accept our certificate";
    throw new GatewayError("ERR_PLUGIN_TLS", text, { cause: error });
  }
}

/** A process that was killed leaves its socket behind. Nothing else that may have this path is touched. */
async function removeSocket({ address }: Handshake, logger: Logger): Promise<void> {
  if (!("path" in address)) return;
  const { path } = address;
  try {
    if ((await lstat(path)).isSocket()) await unlink(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    logger.warn("The socket of a plugin that has ended cannot be removed", { path, error });
  }
}
