/**
 * Makes the configuration of the files effective while the gateway runs: all of it, or nothing.
 *
 *   read      both files, the environment, and what plugins set
 *   plan      what is different, and what of that has to wait for a restart
 *   prepare   each part does what can fail
 *   apply     each part puts it into effect
 *
 * Up to the last step anything that is wrong ends the reload, with nothing changed.
 */
import { checkAgain, formatIssue } from "../config/index.ts";
import type {
  ConfigIssue,
  ConfigOverride,
  LoadedConfig,
  LoadOptions,
  LoadResult,
} from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import { planReload } from "./reload-plan.ts";
import type { ReloadPlan } from "./reload-plan.ts";

/** The configuration of the files as they were when they were read, with values that plugins have set. */
export type EvaluateConfig = (
  overrides: readonly ConfigOverride[],
  step?: LoadOptions["step"],
) => LoadResult;

/** What a reload has done. */
export interface ReloadReport {
  /** Dotted paths of the keys, groups, blocks and plugins that are different now. */
  readonly changed: readonly string[];
  /** Keys that are changed in the files, and that only a restart puts into effect. */
  readonly needsRestart: readonly string[];
  /** About the configuration, and about what could not be put into effect all the same. */
  readonly warnings: readonly string[];
}

export interface ReloadOptions {
  /** In the order in which they are prepared, and put into effect. */
  readonly parts: readonly ReloadPart[];
  /** Reads the files; undefined where that cannot be done again. */
  readonly reread: (() => EvaluateConfig) | undefined;
  readonly current: () => LoadedConfig;
  /** From now on this is what is in effect; the parts follow at once. */
  readonly adopt: (config: LoadedConfig) => void;
  /** What the plugins that run make of a configuration. */
  readonly overridesOf: (config: LoadedConfig) => Promise<readonly ConfigOverride[]>;
  /** Counts it. */
  readonly told: (outcome: "applied" | "refused") => void;
  readonly logger: Logger;
}

export class Reload {
  readonly #options: ReloadOptions;
  #isUnderWay = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
  }

  /**
   * The log tells of it, whatever comes of it.
   * @throws GatewayError ERR_RELOAD_REFUSED with everything that is wrong, a line each; ERR_RELOAD_BUSY while another
   *   one is under way
   */
  async run(): Promise<ReloadReport> {
    if (this.#isUnderWay) throw new GatewayError("ERR_RELOAD_BUSY");
    this.#isUnderWay = true;
    try {
      const report = await this.#reload();
      this.#options.told("applied");
      return report;
    } catch (thrown) {
      this.#options.told("refused");
      throw refusalOf(thrown);
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #reload(): Promise<ReloadReport> {
    const { current, adopt, logger } = this.#options;
    let plan: ReloadPlan;
    let prepared: readonly Prepared[];
    try {
      plan = this.#plan(current(), await this.#read());
      prepared = await this.#prepare(plan);
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      for (const line of refusal.message.split("\n")) logger.error(line);
      logger.error("Failed to reload the configuration, nothing is changed", {
        code: refusal.code,
      });
      throw refusal;
    }
    adopt(plan.after);
    const shortcomings: string[] = [];
    for (const each of prepared) shortcomings.push(...(await this.#apply(each)));
    return this.#report(plan, shortcomings);
  }

  /** As at boot: the files, the environment, and what plugins have set. */
  async #read(): Promise<LoadedConfig> {
    const { reread, current, overridesOf } = this.#options;
    if (reread === undefined) throw refused("this gateway has no files to read again");
    const evaluate = reread();
    const read = valid(evaluate([]));
    // A plugin that is to go has no say any more.
    const names = read.plugins.plugins.map(({ name }) => name);
    const going = current().plugins.plugins.filter(({ name }) => !names.includes(name));
    const isGoing = ({ plugin }: ConfigOverride): boolean =>
      going.some(({ name }) => name === plugin);
    const overrides = (await overridesOf(read)).filter((override) => !isGoing(override));
    return overrides.length === 0 ? read : valid(evaluate(overrides));
  }

  #plan(before: LoadedConfig, read: LoadedConfig): ReloadPlan {
    const plan = planReload(before, read);
    if (plan.needsRestart.length === 0) return plan;
    const problems = checkAgain(plan.after).filter(({ severity }) => severity === "error");
    if (problems.length === 0) return plan;
    const keys = plan.needsRestart.join(", ");
    throw refused(`${keys}: needs a restart, without which the rest is not valid`, problems);
  }

  async #prepare(plan: ReloadPlan): Promise<readonly Prepared[]> {
    const prepared: Prepared[] = [];
    try {
      for (const part of this.#options.parts) {
        const applied = await part.prepare(plan);
        if (applied !== undefined) prepared.push({ part, applied });
      }
      return prepared;
    } catch (thrown) {
      for (const { applied } of prepared.toReversed()) await applied.discard?.();
      throw thrown;
    }
  }

  /** The others are put into effect whatever becomes of one: there is no way back any more. */
  async #apply({ part, applied }: Prepared): Promise<readonly string[]> {
    const { name } = part;
    try {
      const shortcomings = await applied.apply();
      return Array.isArray(shortcomings) ? shortcomings : [];
    } catch (error) {
      this.#options.logger.error("A part of the configuration could not be put into effect", {
        name,
        error,
      });
      return [`${name}: not in effect as it should be: ${GatewayError.from(error).message}`];
    }
  }

  #report(
    { after, changes, needsRestart }: ReloadPlan,
    shortcomings: readonly string[],
  ): ReloadReport {
    const { logger } = this.#options;
    const changed = changes.map(({ path }) => path);
    const warnings = after.warnings.map(formatIssue);
    for (const warning of warnings) logger.warn(warning);
    if (needsRestart.length > 0) {
      logger.warn("Changed keys take effect after a restart only", { keys: [...needsRestart] });
    }
    logger.info("Reloaded the configuration", { changed });
    return { changed, needsRestart, warnings: [...warnings, ...shortcomings] };
  }
}

interface Prepared {
  readonly part: ReloadPart;
  readonly applied: PreparedPart;
}

function valid(result: LoadResult): LoadedConfig {
  if (result.ok) return result.config;
  throw refused(
    undefined,
    result.issues.filter(({ severity }) => severity === "error"),
  );
}

function refused(reason: string | undefined, issues: readonly ConfigIssue[] = []): GatewayError {
  const lines = [...(reason === undefined ? [] : [reason]), ...issues.map(formatIssue)];
  return new GatewayError("ERR_RELOAD_REFUSED", lines.join("\n"));
}

function refusalOf(thrown: unknown): GatewayError {
  const error = GatewayError.from(thrown);
  if (error.code === "ERR_RELOAD_REFUSED" || error.code === "ERR_RELOAD_BUSY") return error;
  return new GatewayError("ERR_RELOAD_REFUSED", error.message, { cause: thrown });
}
