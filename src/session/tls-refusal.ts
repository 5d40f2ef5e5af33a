import type { ErrorCode } from "../errors.ts";
import type { TlsPeer } from "../net/index.ts";
import { readStartupParameters } from "../postgres/index.ts";
import type { ClientTlsMode } from "./session-context.ts";

/**
 * Why a client may not connect as it does; undefined if it may.
 * @param peer undefined for a connection that is not encrypted
 */
export function tlsRefusal(
  mode: ClientTlsMode,
  startupMessage: Uint8Array,
  peer: TlsPeer | undefined,
): ErrorCode | undefined {
  if (mode === "disable" || mode === "allow") return undefined;
  if (peer === undefined) return "ERR_TLS_REQUIRED";
  if (mode !== "verify-full") return undefined;
  const user = readStartupParameters(startupMessage).get("user") ?? "";
  return peer.names.includes(user) ? undefined : "ERR_TLS_CLIENT_CERTIFICATE";
}
