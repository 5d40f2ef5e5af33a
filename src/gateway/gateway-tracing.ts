/** Tracing of one run of the gateway, from before its configuration is read to its end. */
import { effectiveTracing, readCertificates, readKeyPair } from "../config/index.ts";
import type { TracingConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { silentLogger } from "../logging/index.ts";
import { FIRST_PLUGIN_PRIORITY } from "../hooks/index.ts";
import type { HandlerRegistration, HookHandler, HookName } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import { normalize } from "../sql/index.ts";
import { NormalTexts } from "../statements/index.ts";
import type { Tracer, TracingCounts } from "../tracing/index.ts";
import {
  collectorUrlProblem,
  HookTraces,
  ServerTraces,
  startTracing,
  TrafficTraces,
} from "../tracing/recorder/index.ts";
import type { CollectorOptions, Tracing } from "../tracing/recorder/index.ts";
import type { GroupListener, TraceIdOf } from "../watch/index.ts";
import { BootTrace } from "./boot-trace.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";

export interface GatewayTracingOptions {
  readonly version: string;
  /** Of the collector. */
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class GatewayTracing implements ReloadPart {
  readonly name = "tracing";
  readonly #tracing: Tracing;
  readonly #url: string;
  /** Until it is known who logs, nothing is sent that could fail. */
  #logger: Logger = silentLogger;
  readonly #traffic: TrafficTraces;
  /** Of the boot, and later of the stop. */
  readonly boot: BootTrace;
  /** Hears of the calls of handlers. */
  readonly hooks: HookTraces;

  private constructor(tracing: Tracing, url: string) {
    this.#tracing = tracing;
    this.#url = url;
    this.boot = new BootTrace(tracing.begin("GatewayD"));
    const texts = new NormalTexts(normalize);
    this.#traffic = new TrafficTraces({
      tracer: tracing,
      normalize: (sql) => texts.of(sql),
    });
    this.hooks = new HookTraces(tracing, this.#traffic);
    this.tellsOf(this.boot);
  }

  /** For spans that are of no session. */
  get tracer(): Tracer {
    return this.#tracing;
  }

  /** From here on spans are recorded, and kept until {@link configure}. */
  static async start({ version, url, env }: GatewayTracingOptions): Promise<GatewayTracing> {
    const report: { to?: GatewayTracing } = {};
    const tracing = await startTracing({
      version,
      env,
      onFailing: (error) => report.to?.tell("warn", "Traces do not reach the collector", { error }),
      onRecovered: () => report.to?.tell("info", "Traces reach the collector again"),
    });
    return (report.to = new GatewayTracing(tracing, url));
  }

  /** For the log. */
  readonly traceIdOf: TraceIdOf = (session) => this.#traffic.of(session)?.traceId;

  /** Hears of the sessions of a group. Needs `loadSql` done. */
  watchOf(group: string): GroupListener {
    return this.#traffic.group(group);
  }

  /** Hears of the connections to the server of a block. */
  serversOf(group: string, block: string): ServerTraces {
    return new ServerTraces(this.#tracing, group, block);
  }

  /** The handler, called with the trace that it is called for; what is none of a plugin's is left alone. */
  traced(
    hook: HookName,
    { name, priority }: HandlerRegistration,
    handler: HookHandler,
  ): HookHandler {
    return priority < FIRST_PLUGIN_PRIORITY ? handler : this.hooks.traced(hook, name, handler);
  }

  /** What plugins are told from now on outside of sessions is a part of this step; undefined: of nothing. */
  tellsOf(step: BootTrace | undefined): void {
    this.hooks.base = step?.context;
  }

  /** For metrics. */
  counts(): TracingCounts {
    return this.#tracing.counts;
  }

  /**
   * Spans go out as the configuration says.
   * @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used any more
   */
  configure(config: TracingConfig, logger: Logger): void {
    this.#logger = logger;
    this.#sendTo(collectorOf(config, this.#url));
  }

  /** Spans go out as the new configuration says, those that wait as well. */
  prepare({ after, touches }: Pick<ReloadPlan, "after" | "touches">): PreparedPart | undefined {
    const config = effectiveTracing(after.global);
    const hasFiles = config.caFile !== undefined || config.certFile !== undefined;
    if (!touches("tracing") && !hasFiles) return undefined;
    const problem = collectorUrlProblem(this.#url, config.tls);
    if (problem !== undefined) {
      throw new GatewayError(
        "ERR_CONFIG_INVALID",
        `tracing: the address of the collector ${problem}`,
      );
    }
    const collector = collectorOf(config, this.#url);
    return { apply: () => this.#sendTo(collector) };
  }

  #sendTo(collector: CollectorOptions): void {
    this.#tracing.sendTo(collector);
    const { ratio } = collector;
    this.#logger.info("Tracing is enabled", { collector: this.#url, ratio });
  }

  /** The end: what is left is sent, as far as that takes no time worth mentioning. */
  async close(): Promise<void> {
    await this.#tracing.close();
    const { exported, dropped, failed } = this.counts();
    this.#logger.debug("Tracing has ended", { exported, dropped, failed });
  }

  tell(
    level: "warn" | "info",
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#logger.log(level, message, { collector: this.#url, ...fields });
  }
}

/** @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used */
function collectorOf(config: TracingConfig, url: string): CollectorOptions {
  const { ratio, headers, tls: isEncrypted, caFile, certFile, keyFile } = config;
  return {
    url,
    ratio,
    headers,
    isEncrypted,
    ...(caFile !== undefined && { ca: readCertificates(caFile) }),
    ...(certFile !== undefined &&
      keyFile !== undefined && { pair: readKeyPair(certFile, keyFile) }),
  };
}
