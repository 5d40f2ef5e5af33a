/** What a handler may ask for: the signals of the plugin protocol, which policies judge. */
import type { Reply } from "./replies.ts";

/** Values of a signal, as policies see them. */
export type SignalMetadata = Readonly<Record<string, unknown>>;

/** A wish of a handler; made by {@link terminate}, {@link passthrough} and {@link log}. */
export class Signal {
  readonly name: string;
  readonly metadata: SignalMetadata | null;
  /** Of `terminate` alone: what the client is told. */
  readonly response: Uint8Array | Reply | undefined;

  /** @internal Made by the gateway. */
  constructor(name: string, metadata: SignalMetadata | null, response?: Uint8Array | Reply) {
    this.name = name;
    this.metadata = metadata;
    this.response = response;
  }
}

/** Levels that a record of the log can have. */
export type SignalLogLevel = "trace" | "debug" | "info" | "warn" | "error";

const PASSTHROUGH = new Signal("passthrough", null);

/** The event goes on: the same as answering nothing, but where `defaultPolicy` is `terminate`. */
export function passthrough(): Signal {
  return PASSTHROUGH;
}

/**
 * The request goes no further, and no other handler sees it; the connection stays open. `response` goes to
 * the client: a reply of {@link rows} or {@link errorResponse} in the form that the request calls for,
 * bytes as `event.respond` sends them. Without one the client gets an error that says that the request was terminated.
 */
export function terminate(options: { readonly response?: Uint8Array | Reply } = {}): Signal {
  return new Signal("terminate", { terminate: true }, options.response);
}

/** Lets the gateway log something, if the policy `log` allows it. For a plugin's own words there is `logger`. */
export function log(level: SignalLogLevel, message: string, fields: SignalMetadata = {}): Signal {
  return new Signal("log", { ...fields, log: true, level, message });
}
