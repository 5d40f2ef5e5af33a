/** Runs plugins that are TypeScript or JavaScript files, in this program. */
import { resolve } from "node:path";
import type { Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import { StartedPlugin } from "../../sdk/index.ts";
import type { PluginHost, RunningPlugin } from "../plugin-host.ts";
import { InlinePlugin } from "./inline-plugin.ts";
import { filesOfModule, loadModule } from "./load-module.ts";
import { answerForErrors } from "./stray-errors.ts";
import { watchFiles } from "./watch-files.ts";
import { WorkerPlugin } from "./worker-plugin.ts";

/** What the configuration says of a module. */
export interface ModuleEntry {
  readonly name: string;
  /** Its file, from the directory that the gateway was started in. */
  readonly localPath: string;
  /** SHA-256 of the file; empty: it may be any. */
  readonly checksum: string;
  /** `inline`: among everything else of the gateway; `worker`: in a thread that can be killed. */
  readonly isolation: "inline" | "worker";
  /** Its settings. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Milliseconds that one call may take; 0 = as long as the chain. */
  readonly timeout: number;
}

export interface ModuleSurroundings {
  readonly logger: Logger;
  readonly schedule: Schedule;
  /** Deadline of a whole chain, for calls of a plugin that has none of its own; 0 = none. */
  readonly chainTimeoutMs: number;
  /** Told that a file of the running module has changed. Given: the files are watched. */
  readonly onChange?: () => void;
}

/** A host for one entry. Its plugins run until they are stopped; a worker also until it is killed. */
export function createModuleHost(entry: ModuleEntry, surroundings: ModuleSurroundings): PluginHost {
  const start: ModuleStart = {
    ...surroundings,
    module: { path: resolve(entry.localPath), checksum: entry.checksum, config: entry.config },
    logger: surroundings.logger.child({ plugin: entry.name }),
    callTimeoutMs: entry.timeout > 0 ? entry.timeout : surroundings.chainTimeoutMs,
  };
  const startOne = entry.isolation === "worker" ? startWorker : startInline;
  return { start: (signal) => startOne(start, signal) };
}

interface ModuleStart extends ModuleSurroundings {
  readonly module: {
    readonly path: string;
    readonly checksum: string;
    readonly config: Readonly<Record<string, unknown>>;
  };
  readonly callTimeoutMs: number;
}

async function startInline(
  { module: { path, checksum, config }, logger, schedule, callTimeoutMs, onChange }: ModuleStart,
  signal: AbortSignal,
): Promise<RunningPlugin> {
  signal.throwIfAborted();
  const exported = await loadModule(path, checksum);
  signal.throwIfAborted();
  const plugin = await StartedPlugin.start(exported, { config, logger });
  if (signal.aborted) {
    await plugin.stop();
    throw signal.reason;
  }
  const files = filesOfModule(path);
  const ends = [answerForErrors(files, logger)];
  if (onChange !== undefined) ends.push(watchFiles(files, onChange));
  const onStop = (): void => ends.forEach((end) => end());
  return new InlinePlugin(plugin, { logger, schedule, callTimeoutMs, onStop });
}

async function startWorker(
  { module, logger, schedule, callTimeoutMs, onChange }: ModuleStart,
  signal: AbortSignal,
): Promise<RunningPlugin> {
  let stopWatching = (): void => {};
  const onEnd = (): void => stopWatching();
  const options = { logger, schedule, callTimeoutMs, onEnd };
  const plugin = await WorkerPlugin.start(module, options, signal);
  if (onChange !== undefined) stopWatching = watchFiles(plugin.files, onChange);
  return plugin;
}
