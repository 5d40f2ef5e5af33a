import { GatewayError } from "../errors.ts";
import { FrontendWriter } from "./frontend-writer.ts";
import { readStartupOptions } from "./startup-options.ts";
import { readStartupParameters } from "./startup-packet.ts";

/** Bytes that hold the version, behind the length. */
const VERSION_AT = 4;

/** What was in a StartupMessage, and the message without it. */
export interface TakenFromStartup {
  readonly message: Uint8Array;
  readonly taken: ReadonlyMap<string, string>;
}

/**
 * Takes parameters out of a StartupMessage, given by their names or in its `options`; the last one of a name counts.
 * A message that has none of them, or cannot be read, stays as it is.
 */
export function takeFromStartup(message: Uint8Array, names: ReadonlySet<string>): TakenFromStartup {
  const taken = new Map<string, string>();
  const nothing = { message, taken };
  try {
    const parameters = readStartupParameters(message);
    const rest: [string, string][] = [];
    // As on the server: what is named goes before what is among the options.
    const options = withoutOptions(parameters.get("options") ?? "", names, taken);
    for (const [name, value] of parameters) {
      if (names.has(name.toLowerCase())) taken.set(name.toLowerCase(), value);
      else if (name !== "options") rest.push([name, value]);
      else if (options !== "") rest.push([name, options]);
    }
    if (taken.size === 0) return nothing;
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const version = view.getUint32(VERSION_AT);
    return { message: new FrontendWriter().startupMessage(rest, version).take(), taken };
  } catch (thrown) {
    if (thrown instanceof GatewayError) return nothing;
    throw thrown;
  }
}

function withoutOptions(
  options: string,
  names: ReadonlySet<string>,
  taken: Map<string, string>,
): string {
  const isAny = [...names].some((name) => options.toLowerCase().includes(name));
  if (!isAny) return options;
  const rest: string[] = [];
  for (const [name, value] of readStartupOptions(options)) {
    if (names.has(name.toLowerCase())) taken.set(name.toLowerCase(), value);
    else rest.push(`-c ${`${name}=${value}`.replace(/[\s\\]/g, "\\$&")}`);
  }
  return rest.join(" ");
}
