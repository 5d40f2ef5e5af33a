/** From the configuration of a logger to its outputs. */
import { isatty } from "node:tty";
import { GatewayError } from "../errors.ts";
import { consoleOutput } from "./console-output.ts";
import { FdWriter, nonBlockingFd } from "./fd-writer.ts";
import { jsonOutput } from "./json-output.ts";
import type { JsonTimeFormat } from "./json-output.ts";
import type { LogOutput } from "./log-output.ts";
import type { TimeLayout } from "./time-format.ts";
import { localTimeZone } from "./time-zone.ts";

/** Named as the keys of `loggers.<group>`. */
export interface OutputSettings {
  /** `console` (lines for people on standard error), `stdout` and `stderr` (JSON). */
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
  write(fd: 1 | 2, text: string): void;
}

/**
 * The outputs that the settings name, in their order.
 *
 * @throws {GatewayError} ERR_CONFIG_INVALID for one that does not exist
 */
export function createOutputs(
  settings: OutputSettings,
  environment: OutputEnvironment = processEnvironment,
): LogOutput[] {
  return settings.output.map((name) => createOutput(name, settings, environment));
}

function createOutput(
  name: string,
  { noColor, timeFormat, consoleTimeFormat }: OutputSettings,
  environment: OutputEnvironment,
): LogOutput {
  const json = (fd: 1 | 2) =>
    jsonOutput({
      timeFormat: timeFormat || "unix",
      write: (text) => environment.write(fd, text),
    });
  switch (name) {
    case "console":
      return consoleOutput({
        timeFormat: consoleTimeFormat,
        isColored: !noColor && !environment.env["NO_COLOR"] && environment.isTerminal(2),
        zone: localTimeZone,
        write: (text) => environment.write(2, text),
      });
    case "stdout":
      return json(1);
    case "stderr":
      return json(2);
    default:
      throw new GatewayError("ERR_CONFIG_INVALID", `loggers: unknown output "${name}"`);
  }
}

/** One for each descriptor, whatever the number of loggers: they must not cut into each other. */
const standardWriters = new Map<number, FdWriter>();

const processEnvironment: OutputEnvironment = {
  env: process.env,
  isTerminal: isatty,
  write(fd, text) {
    let writer = standardWriters.get(fd);
    if (writer === undefined) {
      writer = new FdWriter(nonBlockingFd(fd));
      standardWriters.set(fd, writer);
    }
    writer.write(text);
  },
};
