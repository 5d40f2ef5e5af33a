/**
 * A module that runs in a thread of its own, and can be killed.
 *
 *   starting   the worker loads the module
 *   running
 *   stopping   it takes no more calls; when those under way are over it is told to end, and has a moment to do so
 *   ended      the thread is gone: it was stopped, or killed, or has failed
 *
 *   starting -> running | ended;  running -> stopping | ended;  stopping -> ended
 */
import { GatewayError } from "../../errors.ts";
import type { HookHandler, HookName, Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { PluginActivity, PluginDescription, RunningPlugin } from "../plugin-host.ts";
import { CALLS_GRACE_MS, STOP_GRACE_MS } from "./stop-times.ts";
import { WorkerCalls } from "./worker-calls.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** The program of the worker: beside this file, or where the executable has it, from the top of `src`. */
function workerFile(): URL {
  const isSource = import.meta.url.endsWith("/worker-plugin.ts");
  const file = isSource ? "./plugin-worker.ts" : "./plugins/module/plugin-worker.ts";
  return new URL(file, import.meta.url);
}

/** Events that were left out are reported this often at most. */
const REPORT_PERIOD_MS = 1_000;
/** A worker that is not stuck answers a ping within this time. */
const PING_GRACE_MS = 250;

export interface WorkerOptions {
  readonly logger: Logger;
  readonly schedule: Schedule;
  /** Longest time of one call; 0 = no limit. */
  readonly callTimeoutMs: number;
  /** Called once when the thread is gone. */
  readonly onEnd: () => void;
}

/** What the worker has said when the module runs. */
interface Started {
  readonly description: PluginDescription;
  /** What the module is made of. */
  readonly files: readonly string[];
}

interface Waiting {
  readonly resolve: (text: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class WorkerPlugin implements RunningPlugin {
  readonly #worker: Worker;
  readonly #options: WorkerOptions;
  readonly #calls: WorkerCalls;
  readonly #started = Promise.withResolvers<Started>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<string>();
  /** Who has asked for a pong or for metrics. */
  readonly #waiting = new Map<number, Waiting>();
  #state: "starting" | "running" | "stopping" | "ended" = "starting";
  #running: Started | undefined;
  #nextId = 0;
  #isSuspected = false;
  /** Events since the last report. */
  #leftOut = 0;
  #nextReportAt = 0;

  private constructor(options: WorkerOptions) {
    this.#options = options;
    this.#worker = new Worker(workerFile());
    this.#calls = new WorkerCalls({
      send: (message) => this.#say(message),
      schedule: options.schedule,
      callTimeoutMs: options.callTimeoutMs,
      onLeftOut: (hook) => this.#reportLeftOut(hook),
      onOverdue: (hook) => void this.#suspect(hook),
    });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) =>
      this.#hear(data),
    );
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#finish(`an error that nothing caught: ${event.message}`);
    });
    this.#worker.addEventListener("close", () => this.#finish("its thread has ended"));
  }

  /** @throws GatewayError ERR_PLUGIN_MODULE, or the reason of the signal */
  static async start(
    module: {
      readonly path: string;
      readonly checksum: string;
      readonly config: Readonly<Record<string, unknown>>;
    },
    options: WorkerOptions,
    signal: AbortSignal,
  ): Promise<WorkerPlugin> {
    signal.throwIfAborted();
    const plugin = new WorkerPlugin(options);
    const giveUp = (): void => {
      plugin.#started.reject(signal.reason);
      plugin.#finish("its start was given up");
    };
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      plugin.#say({ kind: "start", ...module });
      plugin.#running = await plugin.#started.promise;
      plugin.#state = "running";
      return plugin;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  get description(): PluginDescription {
    return this.#known.description;
  }

  /** The files that the module is made of. */
  get files(): readonly string[] {
    return this.#known.files;
  }

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  handler(hook: HookName): HookHandler {
    return (payload, session, _leftMs, trace) => this.#calls.call(hook, payload, session, trace);
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#ask("ping", signal);
  }

  activity(): PluginActivity {
    return { callsUnderWay: this.#calls.underWay };
  }

  scrape(signal: AbortSignal): Promise<string | undefined> {
    return this.#ask("scrape", signal);
  }

  async stop(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "stopping";
      await this.#within(CALLS_GRACE_MS, this.#calls.drain(goneError("it was stopped")));
      this.#say({ kind: "stop" });
      void this.#within(STOP_GRACE_MS, this.#stopped.promise).then(() => this.#stopped.resolve());
    }
    if (this.#state !== "ended") await this.#stopped.promise;
    this.#finish("it was stopped");
  }

  /** Waits for something to happen, but not for ever. */
  async #within(limitMs: number, happening: Promise<void>): Promise<void> {
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.schedule(limitMs, resolve);
    await Promise.race([happening, isLate]);
    cancel();
  }

  get #known(): Started {
    if (this.#running === undefined) throw new Error("the worker has not started");
    return this.#running;
  }

  #say(message: ToWorker): void {
    if (this.#state !== "ended") this.#worker.postMessage(message);
  }

  #hear(message: FromWorker): void {
    if (typeof message === "string") {
      this.#calls.answered(message.split(",").map(Number), []);
      return;
    }
    switch (message.kind) {
      case "answers":
        this.#calls.answered(message.silent, message.answers);
        break;
      case "started":
        this.#started.resolve(message);
        break;
      case "failed":
        this.#started.reject(new GatewayError("ERR_PLUGIN_MODULE", message.message));
        this.#finish(message.message);
        break;
      case "told":
        this.#waiting.get(message.id)?.resolve(message.text);
        break;
      case "log":
        this.#options.logger.log(message.level, message.message, message.fields);
        break;
      case "stopped":
        this.#stopped.resolve();
        break;
    }
  }

  async #ask(kind: "ping" | "scrape", signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    if (this.#state === "ended") throw goneError("it has ended");
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const giveUp = (): void => reject(signal.reason);
    this.#waiting.set(id, { resolve, reject });
    signal.addEventListener("abort", giveUp, { once: true });
    this.#say({ kind, id });
    try {
      return await promise;
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", giveUp);
    }
  }

  #reportLeftOut(hook: HookName): void {
    this.#leftOut++;
    const now = performance.now();
    if (now < this.#nextReportAt) return;
    this.#nextReportAt = now + REPORT_PERIOD_MS;
    this.#options.logger.warn("The plugin is too slow for the traffic: it is not shown all of it", {
      hook,
      events: this.#leftOut,
    });
    this.#leftOut = 0;
  }

  /** A call took too long. A worker that waits for something answers a ping; one that does not is killed. */
  async #suspect(hook: HookName): Promise<void> {
    if (this.#isSuspected || this.#state === "ended") return;
    this.#isSuspected = true;
    const controller = new AbortController();
    const cancel = this.#options.schedule(PING_GRACE_MS, () => controller.abort());
    try {
      await this.ping(controller.signal);
    } catch {
      this.#finish(
        `killed: its handler of ${hook} took longer than ${this.#options.callTimeoutMs} ms`,
      );
    } finally {
      cancel();
      this.#isSuspected = false;
    }
  }

  /** The thread is gone from here on, whatever it was doing. */
  #finish(reason: string): void {
    if (this.#state === "ended") return;
    const wasStopped = this.#state === "stopping";
    this.#state = "ended";
    this.#worker.terminate();
    const error = goneError(reason);
    this.#started.promise.catch(() => {});
    this.#started.reject(error);
    this.#calls.end(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#stopped.resolve();
    this.#options.onEnd();
    if (!wasStopped) this.#ended.resolve(reason);
  }
}

function goneError(reason: string): GatewayError {
  return new GatewayError("ERR_PLUGIN_ENDED", `the plugin's worker does not run: ${reason}`);
}
