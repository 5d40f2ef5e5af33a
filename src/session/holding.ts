/** What a session has of a server, or is to get, for people to see. */
import type { Backend } from "../backend/index.ts";

/** A connection to a server that a session uses. */
export interface ServerUse {
  readonly backend: Pick<Backend, "connection" | "dialledAtMs" | "encryption">;
  /** Process id and secret; undefined if they are not known. */
  readonly keyData: Uint8Array | undefined;
  /** Why it keeps it even when it asks for nothing; undefined if it does not. */
  readonly pinReason: string | undefined;
}

export type Holding =
  | ({ readonly kind: "server" } & ServerUse)
  /** What it has asked a pool for a backend by, while it waits there. */
  | { readonly kind: "ticket"; readonly ticket: object };

/** Of a session in passthrough, which keeps what it has got. */
export function ownServer(
  backend: ServerUse["backend"],
  keyData: Uint8Array | undefined,
  pinReason = "mode passthrough",
): Holding {
  return { kind: "server", backend, keyData, pinReason };
}

/** @param ticket undefined for one that does not wait */
export function ofTicket(ticket: object | undefined): Holding | undefined {
  return ticket && { kind: "ticket", ticket };
}
