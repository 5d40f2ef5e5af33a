/** From the configuration of a logger to its outputs. */
import { isatty } from "node:tty";
import { GatewayError } from "../errors.ts";
import { consoleOutput } from "./console-output.ts";
import { jsonOutput } from "./json-output.ts";
import type { JsonTimeFormat } from "./json-output.ts";
import type { LogOutput } from "./log-output.ts";
import { SINK_KINDS } from "./log-sink.ts";
import type { LogSink, SinkKind } from "./log-sink.ts";
import type { SinkSettings } from "./open-sink.ts";
import type { TimeLayout } from "./time-format.ts";
import { localTimeZone } from "./time-zone.ts";

/** Named as the keys of `loggers.<group>`. */
export interface OutputSettings extends SinkSettings {
  /** `console` (lines for people on standard error); `stdout`, `stderr`, `file`, `syslog`, `rsyslog` (JSON). */
  readonly output: readonly string[];
  readonly noColor: boolean;
  /** Empty means `unix`. */
  readonly timeFormat: JsonTimeFormat | "";
  readonly consoleTimeFormat: TimeLayout;
}

/** The world outside; default the process's own. */
export interface OutputEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  isTerminal(fd: number): boolean;
}

/** Where the lines of a kind of output go, the same place for all that mean the same. */
export type SinkSource = (kind: SinkKind, settings: SinkSettings) => LogSink;

/** The outputs of a logger, and where they lead. */
export interface Outputs {
  readonly outputs: readonly LogOutput[];
  readonly sinks: readonly LogSink[];
}

/**
 * The outputs that the settings name, each once.
 *
 * @throws {GatewayError} ERR_CONFIG_INVALID for one that does not exist
 */
export function createOutputs(
  settings: OutputSettings,
  sinkOf: SinkSource,
  environment: OutputEnvironment = { env: process.env, isTerminal: isatty },
): Outputs {
  const names = new Set(settings.output);
  const outputs: LogOutput[] = [];
  const sinks: LogSink[] = [];
  if (names.delete("console")) {
    const sink = sinkOf("stderr", settings);
    sinks.push(sink);
    outputs.push(
      consoleOutput({
        timeFormat: settings.consoleTimeFormat,
        isColored: !settings.noColor && !environment.env["NO_COLOR"] && environment.isTerminal(2),
        zone: localTimeZone,
        write: (line, timeMs) => sink.write(line, timeMs),
      }),
    );
  }
  const jsonSinks = Array.from(names, (name) => sinkOf(kindOf(name), settings));
  sinks.push(...jsonSinks);
  if (jsonSinks.length > 0) {
    outputs.push(
      jsonOutput({
        timeFormat: settings.timeFormat || "unix",
        write(line, timeMs) {
          for (const sink of jsonSinks) sink.write(line, timeMs);
        },
      }),
    );
  }
  return { outputs, sinks };
}

function kindOf(name: string): SinkKind {
  const kind = SINK_KINDS.find((each) => each === name);
  if (kind !== undefined) return kind;
  throw new GatewayError("ERR_CONFIG_INVALID", `loggers: unknown output "${name}"`);
}
