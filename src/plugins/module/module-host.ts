/** Runs plugins that are TypeScript or JavaScript files, in this program. */
import { resolve } from "node:path";
import type { Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import { StartedPlugin } from "../../sdk/index.ts";
import type { PluginHost, RunningPlugin } from "../plugin-host.ts";
import { InlinePlugin } from "./inline-plugin.ts";
import { importedFiles } from "./imported-files.ts";
import { checkModule, filesOfModule, loadModule } from "./load-module.ts";
import { answerForErrors } from "../stray-errors.ts";
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

/** What has been given up or closed may fail a little later. */
const STRAY_ERRORS_MS = 5_000;

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
    name: entry.name,
    module: { path: resolve(entry.localPath), checksum: entry.checksum, config: entry.config },
    logger: surroundings.logger.child({ plugin: entry.name }),
    commonLogger: surroundings.logger,
    callTimeoutMs: entry.timeout > 0 ? entry.timeout : surroundings.chainTimeoutMs,
  };
  const startOne = entry.isolation === "worker" ? startWorker : startInline;
  const { onChange } = surroundings;
  return {
    verify: () => checkModule(start.module.path, start.module.checksum),
    start:
      onChange === undefined
        ? async (signal) => (await startOne(start, signal, () => {})).plugin
        : watched(start, startOne, onChange),
  };
}

interface ModuleStart extends ModuleSurroundings {
  readonly name: string;
  readonly module: {
    readonly path: string;
    readonly checksum: string;
    readonly config: Readonly<Record<string, unknown>>;
  };
  /** `logger` logs under the plugin's name, this one does not. */
  readonly commonLogger: Logger;
  readonly callTimeoutMs: number;
}

interface StartedModule {
  readonly plugin: RunningPlugin;
  /** What it is made of. */
  readonly files: readonly string[];
}

type StartOne = (
  start: ModuleStart,
  signal: AbortSignal,
  onStop: () => void,
) => Promise<StartedModule>;

/** Watches the files of the last start, also of one that failed, as long as a run of it, or the wish for one, lasts. */
function watched(
  start: ModuleStart,
  startOne: StartOne,
  onChange: () => void,
): PluginHost["start"] {
  const { module, logger } = start;
  let endWatch = (): void => {};
  let lastRun = {};
  const watch = (files: readonly string[]): void => {
    endWatch();
    endWatch = watchFiles(files, onChange, (error) =>
      logger.warn("Changes of the plugin's files may go unnoticed", { error }),
    );
  };
  return async (signal) => {
    const run = {};
    const onStop = (): void => {
      if (run === lastRun) endWatch();
    };
    try {
      const { plugin, files } = await startOne(start, signal, onStop);
      lastRun = run;
      watch(files);
      return plugin;
    } catch (error) {
      if (!signal.aborted) {
        watch(await importedFiles(module.path));
        signal.addEventListener("abort", endWatch, { once: true });
      }
      throw error;
    }
  };
}

async function startInline(
  start: ModuleStart,
  signal: AbortSignal,
  onStop: () => void,
): Promise<StartedModule> {
  signal.throwIfAborted();
  const { name, module, logger, commonLogger, schedule, callTimeoutMs } = start;
  const { path, checksum, config } = module;
  const endAnswering = answerForErrors({ name, path, logger, commonLogger });
  const onEnd = (): void => void schedule(STRAY_ERRORS_MS, endAnswering);
  try {
    const exported = await loadModule(path, checksum);
    const files = filesOfModule(path);
    const started = await StartedPlugin.start(exported, { config, logger, signal });
    const plugin = new InlinePlugin(started, { logger, schedule, callTimeoutMs, onStop, onEnd });
    return { plugin, files };
  } catch (error) {
    onEnd();
    throw error;
  }
}

async function startWorker(
  start: ModuleStart,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<StartedModule> {
  const { module, logger, schedule, callTimeoutMs } = start;
  const options = { logger, schedule, callTimeoutMs, onEnd };
  const plugin = await WorkerPlugin.start(module, options, signal);
  return { plugin, files: plugin.files };
}
