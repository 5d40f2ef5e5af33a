/** Asynchronous actions as they are published: the original's JSON, which its consumers read. */
import { ReservedKey, isMap } from "../index.ts";
import type { Output } from "../index.ts";

/** Text of a message. Bytes become base64, as the original writes them. */
export function writeActionMessage(
  output: Output,
  result: Readonly<Record<string, unknown>>,
): string {
  const message = {
    Output: output,
    Params: [
      { Key: ReservedKey.Logger, Value: {} },
      { Key: ReservedKey.Result, Value: result },
    ],
  };
  return JSON.stringify(jsonOf(message));
}

/** How many characters the traffic in a result is going to take at least. */
export function charactersIn(result: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const value of Object.values(result)) if (value instanceof Uint8Array) bytes += value.length;
  return Math.ceil(bytes / 3) * 4;
}

/** What a message asks for; undefined if it is none. */
export function readActionMessage(text: string): Output | undefined {
  const message = parsed(text);
  const output = isMap(message) ? message["Output"] : undefined;
  if (!isMap(output)) return undefined;
  const { matchedPolicy, verdict, terminal, sync } = output;
  const metadata = output["metadata"] ?? {};
  if (typeof matchedPolicy !== "string" || !isMap(metadata)) return undefined;
  return { matchedPolicy, metadata, verdict, terminal: terminal === true, sync: sync === true };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Anybody may write to the channel.
  }
}

/** JSON has neither bytes nor the whole numbers of expressions. */
function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return base64Of(value);
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
