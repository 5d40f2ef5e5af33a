/** TLS towards clients: options, and what a handshake finds out. */
import type { TLSOptions } from "bun";
import type { PeerCertificate } from "node:tls";

/** Certificates as PEM text. */
export interface ServerTlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: "1.2" | "1.3";
  /** Given, clients must show a certificate that one of these authorities signed. */
  readonly clientCa?: string;
}

/** What a finished handshake told about the client. */
export interface TlsPeer {
  /** Common name, DNS names and e-mail addresses of its certificate; empty without one. */
  readonly names: readonly string[];
}

export type HandshakeResult =
  | { readonly kind: "done"; readonly peer: TlsPeer }
  | { readonly kind: "failed"; readonly error: Error };

/** The protocol name of PostgreSQL in ALPN; required where TLS comes without an SSLRequest. */
export const ALPN_POSTGRESQL = "postgresql";

/** Bun wants numbers for versions. */
const VERSION_NUMBER = { "1.2": 0x0303, "1.3": 0x0304 } as const;

/** For `upgradeTLS`, whose options differ from node's. */
export function bunTlsOptions(options: ServerTlsOptions): TLSOptions {
  const untyped = {
    minVersion: VERSION_NUMBER[options.minVersion],
    ALPNProtocols: bunAlpn(ALPN_POSTGRESQL),
  };
  return {
    ...untyped,
    cert: options.cert,
    key: options.key,
    // Said explicitly: the meaning of a lone `ca` has changed between versions (Bun issue 33483).
    requestCert: options.clientCa !== undefined,
    rejectUnauthorized: options.clientCa !== undefined,
    ...(options.clientCa !== undefined && { ca: options.clientCa }),
  };
}

/** A protocol for ALPN as Bun wants it: its length in front of the name, as on the wire. */
export function bunAlpn(protocol: string): string {
  return `${String.fromCharCode(protocol.length)}${protocol}`;
}

/** Names in a certificate; without one Bun answers undefined or an empty object. */
export function namesOf(certificate: Partial<PeerCertificate> | undefined): readonly string[] {
  const alternatives = (certificate?.subjectaltname ?? "")
    .split(", ")
    .map((entry) => /^(?:DNS|email):(.+)$/.exec(entry)?.[1]);
  return [certificate?.subject?.CN, ...alternatives].flat().filter((name) => name !== undefined);
}
