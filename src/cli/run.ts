import { effectiveTracing, loadConfig } from "../config/index.ts";
import type { LoadOptions, LoadResult } from "../config/index.ts";
import {
  BootTrace,
  ExitCode,
  GatewayTracing,
  collectorUrlProblem,
  runGateway,
  StopSignals,
} from "../gateway/index.ts";
import type { EvaluateConfig } from "../gateway/index.ts";
import type { Flag, Invocation, RunnableCommand, SwitchFlag, TextFlag } from "./command.ts";
import { configFlag, devFlag, pluginConfigFlag, sentryFlag } from "./flags.ts";
import { GatewayFiles } from "./gateway-files.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure } from "./report-load-failure.ts";
import { reportUsageError } from "./report-usage-error.ts";
import { versionInfo, versionLine } from "./version-info.ts";

const DEFAULT_COLLECTOR = "localhost:4317";

const tracingFlag: SwitchFlag = {
  type: "switch",
  name: "tracing",
  description: "Record traces and send them to the collector",
  isOnByDefault: false,
};

const collectorUrlFlag: TextFlag = {
  type: "text",
  name: "collector-url",
  description:
    "Address of the OpenTelemetry collector (OTLP over gRPC), for --tracing; before OTEL_EXPORTER_OTLP_ENDPOINT",
  defaultText: DEFAULT_COLLECTOR,
  valueKind: "text",
};

const usageReportFlag: SwitchFlag = {
  type: "switch",
  name: "usage-report",
  description: "Accepted without effect: no usage report is sent anywhere",
  isOnByDefault: true,
};

const lintFlag: SwitchFlag = {
  type: "switch",
  name: "lint",
  description:
    "Log the warnings about the configuration. Its errors stop the start either way, except that without lint a plugin without a valid checksum is left out",
  isOnByDefault: true,
};

const flagsWithoutEffect: readonly Flag[] = [sentryFlag, usageReportFlag];

/** `gatewayd run`: the gateway itself, until it is told to stop. */
export const runCommand: RunnableCommand = {
  kind: "runnable",
  name: "run",
  summary: "Run the gateway",
  description: `Runs the gateway until it gets SIGTERM or SIGINT.

Without --plugin-config and without a plugins configuration file in ./ or /etc/ it runs without
plugins.`,
  flags: [
    configFlag,
    pluginConfigFlag,
    devFlag,
    tracingFlag,
    collectorUrlFlag,
    sentryFlag,
    usageReportFlag,
    lintFlag,
  ],
  async run(invocation) {
    const { arguments: given, terminal, env, path } = invocation;
    const { version } = versionInfo;
    const url = collectorUrlOf(invocation);
    const tracing = given.isOn(tracingFlag)
      ? await GatewayTracing.start({ version, url, env })
      : undefined;
    const trace = tracing?.boot ?? new BootTrace();
    const lint = given.isOn(lintFlag);
    const asked = { ...loadOptions(invocation), lint };
    const files = new GatewayFiles(asked);
    const reread = (step?: LoadOptions["step"]): EvaluateConfig => {
      const read = files.read(step);
      return (overrides, inner) => {
        const result = loadConfig({ ...read, overrides, step: inner });
        return result.ok && !lint ? withoutWarnings(result) : result;
      };
    };
    const [evaluate, result] = await trace.step(
      "Initialize config",
      ({ stepAtOnce: step }) => {
        const read = reread(step);
        return [read, read([], step)] as const;
      },
      { GlobalConfigFile: asked.configPath, PluginConfigFile: asked.pluginConfigPath },
    );
    if (!result.ok) {
      const code = await reportLoadFailure(terminal, result);
      return areAllOfPolicies(result) ? ExitCode.FailedToLoadPolicies : code;
    }
    const { config } = result;
    const problem = collectorUrlProblem(url, effectiveTracing(config.global).tls);
    if (tracing !== undefined && problem !== undefined) {
      return await reportUsageError(terminal, path, `--${collectorUrlFlag.name} ${problem}`);
    }
    return runGateway({
      config,
      evaluate,
      reread,
      dev: given.isOn(devFlag),
      about: { version, versionInfo: versionLine },
      notifySocket: env["NOTIFY_SOCKET"],
      signals: new StopSignals(),
      accepted: flagsWithoutEffect
        .filter((flag) => given.isGiven(flag))
        .map((flag) => `--${flag.name}`),
      ...(config.pluginsPath === undefined ? { pluginsFileNote } : {}),
      tracing,
    });
  },
};

function withoutWarnings({ config }: Extract<LoadResult, { ok: true }>): LoadResult {
  return { ok: true, config: { ...config, warnings: [] } };
}

/** Of the flag, else of the variables of OpenTelemetry, else the default. */
function collectorUrlOf({ arguments: given, env }: Invocation): string {
  const named =
    given.text(collectorUrlFlag) ??
    env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ??
    env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  return named === undefined || named === "" ? DEFAULT_COLLECTOR : named;
}

/** Everything else is in order. */
function areAllOfPolicies({ issues }: Extract<LoadResult, { ok: false }>): boolean {
  const errors = issues.filter(({ severity }) => severity === "error");
  return errors.length > 0 && errors.every(({ path }) => /^policies\.\d+\.policy$/.test(path));
}

const pluginsFileNote =
  "No plugins configuration file in ./ or /etc/, the gateway runs without plugins";
