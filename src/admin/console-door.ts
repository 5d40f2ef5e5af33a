/** The door to the commands through psql and the like: what is said there, once the gateway has let somebody in. */
import type { Logger } from "../logging/index.ts";
import type { Tracer } from "../tracing/index.ts";
import type { Caller } from "./access/index.ts";
import type { AdminPort } from "./admin-port.ts";
import type { ConsoleConversation } from "./console/index.ts";

export interface ConsoleDoorOptions {
  readonly port: AdminPort;
  readonly logger: Logger;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

/** Whoever is in. */
export interface ConsoleClient {
  readonly applicationName: string | undefined;
  /** Messages of a PostgreSQL server, whole ones. */
  send(messages: Uint8Array): void;
}

type Opener = (caller: Caller, client: ConsoleClient) => ConsoleConversation;

export class ConsoleDoor {
  readonly #options: ConsoleDoorOptions;
  /** Most gateways are hardly ever asked: what it takes to answer is not in memory before that. */
  #loaded: Promise<Opener> | undefined;

  constructor(options: ConsoleDoorOptions) {
    this.#options = options;
  }

  async converse(caller: Caller, client: ConsoleClient): Promise<ConsoleConversation> {
    const open = await (this.#loaded ??= this.#load());
    return open(caller, client);
  }

  async #load(): Promise<Opener> {
    const { openConsole } = await import("./console/index.ts");
    return openConsole(this.#options);
  }
}
