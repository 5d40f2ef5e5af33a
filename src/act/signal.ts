/** What a plugin asks for in its answer, beside a changed payload. */

/** One wish of a plugin: an action by its name, and what it says of it. */
export interface Signal {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Signals as they were found in an answer, and what was there and is none. */
export interface ReadSignals {
  readonly signals: readonly Signal[];
  /** One sentence each. */
  readonly faults: readonly string[];
}

/** Reads the value of an answer's `__signals__`. Never throws: what is no signal is a fault. */
export function readSignals(value: unknown): ReadSignals {
  if (value === undefined || value === null) return { signals: [], faults: [] };
  if (!Array.isArray(value)) return { signals: [], faults: ["the signals are not a list"] };
  const signals: Signal[] = [];
  const faults: string[] = [];
  for (const [index, item] of value.entries()) {
    const signal = readSignal(item);
    if (signal === undefined) faults.push(`signal ${index} has no name, or its metadata is no map`);
    else signals.push(signal);
  }
  return { signals, faults };
}

function readSignal(value: unknown): Signal | undefined {
  if (!isMap(value) || typeof value["name"] !== "string") return undefined;
  const metadata = value["metadata"] ?? {};
  return isMap(metadata) ? { name: value["name"], metadata } : undefined;
}

/** Whether a value of a payload is a map, not a list and not bytes. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
