import { ofTicket } from "../holding.ts";
import type { Holding } from "../holding.ts";
import type { RelayParts } from "./relay-parts.ts";

/** What a session with shared backends has of a server at the moment. */
export function holdingOf({ hold, session, options }: RelayParts): Holding | undefined {
  const { backend, ticket } = hold;
  if (backend === undefined) return ofTicket(ticket);
  const isWholeSession = options.block.mode === "session";
  const pinReason = session.pinReason ?? (isWholeSession ? "mode session" : undefined);
  return { kind: "server", backend, keyData: backend.keyData, pinReason };
}
