/** What a client has to be told when its session goes on at another backend. */
import { BackendWriter } from "../../postgres/index.ts";

/**
 * ParameterStatus messages for all that has another value now; empty when there is none.
 * @param toldOf what the client knows of a parameter
 * @param except the client is not told of this one
 */
export function parameterDifference(
  toldOf: (name: string) => string | undefined,
  present: ReadonlyMap<string, string>,
  except?: string,
): Uint8Array {
  const writer = new BackendWriter();
  for (const [name, value] of present) {
    if (name !== except && toldOf(name) !== value) writer.parameterStatus(name, value);
  }
  return writer.take();
}
