/** How calls tell sessions apart whose clients have no address of their own: those of a Unix socket. */
import type { HookPayload, SessionView } from "../../hooks/index.ts";
import { headerBlock } from "./http2/index.ts";

/** Of a call; its value is the same for all calls of one session, and of no other one's. */
export const SESSION_HEADER = "gatewayd-session";

/**
 * The headers of a call for this event. Payloads are a contract, and have no place for what is missing in them; others
 * tell the sessions apart by the client's address, and need nothing more.
 */
export function withSession(
  headers: Buffer,
  payload: HookPayload,
  session: SessionView | undefined,
): Buffer {
  if (session === undefined || !isNameless(payload["client"])) return headers;
  return Buffer.concat([headers, headerBlock({ [SESSION_HEADER]: session.id })]);
}

function isNameless(client: unknown): boolean {
  return (
    typeof client === "object" && client !== null && "remote" in client && client.remote === ""
  );
}
