/** The life of the process: boot in the original's order, serve, stop on a signal. */
import type { About, GatewayPhase } from "../admin/index.ts";
import { effectiveTracing, formatIssue } from "../config/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { Administration } from "./administration.ts";
import { BootTrace } from "./boot-trace.ts";
import { createLoggers } from "./create-loggers.ts";
import type { Loggers } from "./create-loggers.ts";
import { ExitCode } from "./exit-codes.ts";
import type { GatewayTracing } from "./gateway-tracing.ts";
import { Gateway } from "./gateway.ts";
import type { EvaluateConfig } from "./reload.ts";
import { keepLastWords } from "./last-words.ts";
import { ReloadRequests } from "./reload-requests.ts";
import { ServiceNotices } from "./service-notices.ts";
import type { StopSignals } from "./stop-signals.ts";

export interface RunOptions {
  readonly config: LoadedConfig;
  /** Makes it again, with what plugins have set. */
  readonly evaluate: EvaluateConfig;
  /** Reads its files again. */
  readonly reread: () => EvaluateConfig;
  /** Checksums of plugins are not required. */
  readonly dev: boolean;
  /** This executable. */
  readonly about: About;
  /** Flags that were given and have no effect, e.g. `--sentry`. */
  readonly accepted: readonly string[];
  /** Where the service manager is told of the start and the end (systemd's NOTIFY_SOCKET). Default: nowhere. */
  readonly notifySocket?: string | undefined;
  /** Heard until the process has ended: one that comes late must not keep the log from being written out. */
  readonly signals: StopSignals;
  /** Says that there is no plugins file, when that is so. */
  readonly pluginsFileNote?: string;
  /** Undefined: nothing is traced. */
  readonly tracing?: GatewayTracing | undefined;
}

/** Do not wait for clients, nor for what plugins have to say about the signal. */
const STOPS_AT_ONCE: readonly NodeJS.Signals[] = ["SIGQUIT", "SIGABRT"];

/**
 * Runs until stopped; resolves with the exit code. A signal during the boot ends it there and then;
 * later the first one lets clients finish (see {@link STOPS_AT_ONCE}), and the second ends the waiting. SIGHUP has
 * the configuration read again, SIGUSR1 log files opened anew.
 */
export async function runGateway(options: RunOptions): Promise<number> {
  const { config, tracing } = options;
  // The runtime ends a process by those that nobody listens for: too early, or too late, for the gateway to do anything.
  for (const name of ["SIGHUP", "SIGUSR1"] as const) process.on(name, () => {});
  const trace = tracing?.boot ?? new BootTrace();
  const loggers = await trace.step("Create new logger", () => createLoggers(config.global.loggers));
  using _lastWords = keepLastWords(loggers);
  try {
    tracing?.configure(effectiveTracing(config.global), loggers.main);
    return await runLogged(options, loggers, trace);
  } finally {
    await tracing?.close();
    await loggers.close();
  }
}

async function runLogged(options: RunOptions, loggers: Loggers, trace: BootTrace): Promise<number> {
  const { config, dev, evaluate, reread, about, signals, tracing } = options;
  const startedAtMs = Date.now();
  const logger = loggers.main;
  announce(options, logger);
  const notices = new ServiceNotices(options.notifySocket, logger);
  const gateway = await trace.step(
    "Create new registry",
    () => new Gateway(config, loggers, { dev, version: about.version, tracing, reread }, evaluate),
  );
  let phase: GatewayPhase = "booting";
  const reloads = new ReloadRequests({
    reload: () => gateway.reload(),
    phase: () => phase,
    began: () => notices.reloading(),
    ended: (refusal) => {
      if (phase === "serving") notices.ready(refusal);
    },
    logger,
  });
  using _reloading = onSignal("SIGHUP", () => {
    void gateway.signalled("SIGHUP");
    reloads.signalled();
  });
  using _reopening = onSignal("SIGUSR1", () => {
    loggers.reopen();
    logger.info("Log files are opened anew");
    void gateway.signalled("SIGUSR1");
  });
  const signal = signals.next();
  const admin = new Administration({
    gateway,
    loggers,
    about,
    startedAtMs,
    phase: () => phase,
    reload: () => reloads.asked(),
    drain: () => signals.raise("SIGTERM"),
    tracer: tracing?.tracer,
  });
  gateway.follow(admin);
  try {
    const booted = gateway
      .boot(() => admin.openUnlessTakingOver())
      .then(async () => {
        if (phase === "booting") {
          phase = "serving";
          await admin.open();
        }
        logger.info("GatewayD is running", { pid: process.pid, version: about.version });
        notices.ready();
        trace.end();
        void reloads.followSignal();
      });
    await Promise.race([booted, signal]);
  } catch (thrown) {
    const error = GatewayError.from(thrown);
    logger.fatal(error.message, { code: error.code });
    trace.fail(error.message);
    trace.end();
    await trace.step("Shutdown server", () => gateway.stopNow());
    await admin.close();
    return exitCodeOf(error);
  }
  const first = await signal;
  trace.end();
  logger.info("Notifying the plugins that the server is shutting down", { signal: first });
  // Before anything is done about it, as in GatewayD.
  const told = gateway.signalled(first);
  const isLeft = !STOPS_AT_ONCE.includes(first) && (await gateway.leave());
  // Whoever asks for this gateway's health, or its figures, means the one that serves clients now.
  const closed = isLeft ? Promise.allSettled([admin.leave(), gateway.leavePages()]) : undefined;
  phase = "draining";
  notices.stopping(gateway.longestDrainMs);
  using _telling = isLeft ? notices.tellingOf(() => gateway.clients) : undefined;
  const hurried = signals.next().then((second) => void gateway.signalled(second));
  const stop = async (): Promise<void> => {
    if (!STOPS_AT_ONCE.includes(first)) {
      await Promise.race([told.then(() => gateway.drain()), hurried]);
    }
    await gateway.stopNow();
    await closed;
    await admin.close();
  };
  await trace.step("Shutdown server", stop, { signal: first });
  logger.info("GatewayD is shutdown");
  return ExitCode.Stopped;
}

function onSignal(signal: NodeJS.Signals, listener: () => void): Disposable {
  process.on(signal, listener);
  return { [Symbol.dispose]: () => void process.off(signal, listener) };
}

function exitCodeOf({ code }: GatewayError): number {
  if (code === "ERR_CONFIG_OVERRIDE") return ExitCode.FailedToApplyOverrides;
  if (code === "ERR_POOL_BOOT_FAILED") return ExitCode.FailedToCreatePoolAndClients;
  return ExitCode.FailedToStartServer;
}

function announce(options: RunOptions, logger: Logger): void {
  const { config, dev, accepted, pluginsFileNote } = options;
  if (dev) {
    logger.warn("Running GatewayD in development mode (not recommended for production)");
  }
  for (const issue of config.warnings) logger.warn(formatIssue(issue));
  if (accepted.length > 0) {
    logger.debug("These flags are accepted and have no effect: nothing is sent anywhere", {
      flags: accepted,
    });
  }
  if (pluginsFileNote !== undefined) logger.info(pluginsFileNote);
}
