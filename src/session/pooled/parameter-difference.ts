/** What a client has to be told when its session goes on at another backend. */
import { BackendWriter } from "../../postgres/index.ts";

type Parameters = ReadonlyMap<string, string>;

/** ParameterStatus messages for all that has another value now; empty when there is none. */
export function parameterDifference(told: Parameters, present: Parameters): Uint8Array {
  const writer = new BackendWriter();
  for (const [name, value] of present) {
    if (told.get(name) !== value) writer.parameterStatus(name, value);
  }
  return writer.take();
}
