import { loadConfig, readConfigFiles } from "../config/index.ts";
import type { LoadResult } from "../config/index.ts";
import { ExitCode, runGateway } from "../gateway/index.ts";
import type { Flag, RunnableCommand, SwitchFlag, TextFlag } from "./command.ts";
import { configFlag, devFlag, pluginConfigFlag, sentryFlag } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure } from "./report-load-failure.ts";
import { versionInfo } from "./version-info.ts";

const tracingFlag: SwitchFlag = {
  type: "switch",
  name: "tracing",
  description: "Send traces to the collector (not available in this version)",
  isOnByDefault: false,
};

const collectorUrlFlag: TextFlag = {
  type: "text",
  name: "collector-url",
  description: "Address of the OpenTelemetry collector, for --tracing",
  defaultText: "localhost:4317",
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

/** Without effect in every run that gets as far as the gateway: without tracing, so is its URL. */
const flagsWithoutEffect: readonly Flag[] = [sentryFlag, usageReportFlag, collectorUrlFlag];

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
    const { arguments: given, terminal } = invocation;
    if (given.isOn(tracingFlag)) {
      await terminal.err("Error: --tracing: tracing is not available in this version\n");
      return 1;
    }
    const asked = { ...loadOptions(invocation), lint: given.isOn(lintFlag) };
    const options = { ...asked, files: readConfigFiles(asked) };
    const result = loadConfig(options);
    if (!result.ok) {
      const code = await reportLoadFailure(terminal, result);
      return areAllOfPolicies(result) ? ExitCode.FailedToLoadPolicies : code;
    }
    const { config } = result;
    return runGateway({
      config: given.isOn(lintFlag) ? config : { ...config, warnings: [] },
      reload: (overrides) => loadConfig({ ...options, overrides }),
      dev: given.isOn(devFlag),
      version: versionInfo.version,
      notifySocket: invocation.env["NOTIFY_SOCKET"],
      accepted: flagsWithoutEffect
        .filter((flag) => given.isGiven(flag))
        .map((flag) => `--${flag.name}`),
      ...(config.pluginsPath === undefined ? { pluginsFileNote } : {}),
    });
  },
};

/** Everything else is in order. */
function areAllOfPolicies({ issues }: Extract<LoadResult, { ok: false }>): boolean {
  const errors = issues.filter(({ severity }) => severity === "error");
  return errors.length > 0 && errors.every(({ path }) => /^policies\.\d+\.policy$/.test(path));
}

const pluginsFileNote =
  "No plugins configuration file in ./ or /etc/, the gateway runs without plugins";
