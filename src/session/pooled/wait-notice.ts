/** What a client is told that waits long. */
import { BackendWriter } from "../../postgres/index.ts";

/** A NoticeResponse; any client takes one at any time. */
export function waitNotice(waitedMs: number): Uint8Array {
  const message = `waiting for a server connection for ${Math.round(waitedMs / 1000)} s`;
  const writer = new BackendWriter();
  return writer.noticeResponse({ severity: "NOTICE", sqlState: "00000", message }).take();
}
