/** Which version of the protocol is spoken with a client. */
import { BackendWriter } from "../../postgres/index.ts";
import type { PooledStartup } from "./startup-request.ts";

/** The newest that is spoken: 3.2, of PostgreSQL 18, whose cancel keys may be longer. */
const NEWEST_MINOR_VERSION = 2;
const PROTOCOL_3_0 = 0x0003_0000;

/** @param minorVersion of protocol 3, that the client asks for */
export function spokenVersion(minorVersion: number): number {
  return PROTOCOL_3_0 + Math.min(minorVersion, NEWEST_MINOR_VERSION);
}

/**
 * What a client is told that asks for a newer version or for options that are unknown; undefined for one that
 * gets what it asks for.
 */
export function versionAnswer({
  minorVersion,
  unrecognizedOptions,
}: Pick<PooledStartup, "minorVersion" | "unrecognizedOptions">): Uint8Array | undefined {
  if (minorVersion <= NEWEST_MINOR_VERSION && unrecognizedOptions.length === 0) return undefined;
  const answer = { protocolVersion: spokenVersion(minorVersion), unrecognizedOptions };
  return new BackendWriter().negotiateProtocolVersion(answer).take();
}
