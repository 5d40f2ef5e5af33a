import { latin1Of } from "../latin1-of.ts";
import { readPooledStartup } from "./startup-request.ts";
import type { PooledStartup } from "./startup-request.ts";

/** So many are kept, and none that is longer. */
const MAX_STARTUPS = 1_000;
const MAX_BYTES = 1_024;

/** Reads StartupMessages. All connections of an application send the same one: that is read once. */
export class KnownStartups {
  readonly #known = new Map<string, PooledStartup>();

  /** @throws GatewayError as {@link readPooledStartup} does */
  read(message: Uint8Array): PooledStartup {
    if (message.length > MAX_BYTES) return readPooledStartup(message);
    const text = latin1Of(message);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    // A copy: what came with it is not kept.
    const startup = readPooledStartup(new Uint8Array(message));
    if (this.#known.size >= MAX_STARTUPS) this.#known.clear();
    this.#known.set(text, startup);
    return startup;
  }
}
