/** Records as lines of JSON: `{"level":"info","group":"default",...,"time":1709382291,"message":"..."}`. */
import { valueToJson } from "./field-value.ts";
import { RESERVED_FIELDS } from "./log-output.ts";
import type { LogOutput } from "./log-output.ts";

/** How `time` counts: seconds, milliseconds, microseconds or nanoseconds since 1970. */
export type JsonTimeFormat = "unix" | "unixms" | "unixmicro" | "unixnano";

const UNITS_PER_MS: Readonly<Record<JsonTimeFormat, number>> = {
  unix: 1e-3,
  unixms: 1,
  unixmicro: 1e3,
  // Whole milliseconds come out exact: they have fewer digits than a number can hold.
  unixnano: 1e6,
};

export interface JsonOutputOptions {
  readonly timeFormat: JsonTimeFormat;
  /** Gets whole lines with their line end, and when they were written. */
  readonly write: (line: string, timeMs: number) => void;
}

export function jsonOutput({ timeFormat, write }: JsonOutputOptions): LogOutput {
  return {
    write({ level, timeMs, message, fields }) {
      let line = `{"level":"${level}"`;
      for (const [name, value] of Object.entries(fields)) {
        if (RESERVED_FIELDS.has(name)) continue;
        const json = valueToJson(value);
        if (json !== undefined) line += `,${JSON.stringify(name)}:${json}`;
      }
      const time = Math.floor(timeMs * UNITS_PER_MS[timeFormat]);
      write(`${line},"time":${time},"message":${JSON.stringify(message)}}\n`, timeMs);
    },
  };
}
