import type { ErrorCode } from "../errors.ts";

/** Whether a client that is told this has to leave although neither it nor its server did anything wrong. */
export function isGoodbye(code: ErrorCode): boolean {
  return code === "ERR_SHUTTING_DOWN" || code === "ERR_BLOCK_REMOVED";
}
