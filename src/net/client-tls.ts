/** TLS towards servers: options, and whether a server's certificate is to be trusted. */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { TLSOptions } from "bun";
import { bunAlpn } from "./server-tls.ts";

/** Certificates as PEM text. */
export interface ClientTlsOptions {
  /**
   * Host name or address of the server: under `full` its certificate must be for it. A name is also
   * told to the server (SNI), an address is not, as RFC 6066 has it.
   */
  readonly serverName: string;
  /** `none`: any certificate; `ca`: one of a trusted authority; `full`: and it names the server. */
  readonly verify: "none" | "ca" | "full";
  /** Authorities to trust. Default: the public ones that Bun comes with. */
  readonly ca?: string;
  /** Our own certificate, for servers that ask for one. */
  readonly cert?: string;
  readonly key?: string;
  /** The protocol to name in ALPN. Default: none. */
  readonly alpn?: string;
}

/** What a finished handshake told about the server. */
export interface TlsServer {
  /** In DER, for channel binding. */
  readonly certificate: Uint8Array;
  /** Its common name, DNS names and e-mail addresses. */
  readonly names: readonly string[];
}

export type ClientHandshakeResult =
  | { readonly kind: "done"; readonly server: TlsServer }
  | { readonly kind: "failed"; readonly error: Error };

/** What Bun reports when a certificate that is right otherwise does not name the server. */
const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

/** What Bun reports when the handshake itself came to nothing. */
const HANDSHAKE_BROKEN = "EPROTO";

/** As libpq's default: what is older is not safe. Bun wants numbers for versions. */
const TLS_1_2 = 0x0303;

/** For `upgradeTLS`, whose options differ from node's. */
export function bunClientTlsOptions(options: ClientTlsOptions): TLSOptions {
  const { serverName, ca, cert, key, alpn } = options;
  const untyped = {
    minVersion: TLS_1_2,
    ...(alpn !== undefined && { ALPNProtocols: bunAlpn(alpn) }),
  };
  return {
    ...untyped,
    // Without any, Bun would name the address that was dialled.
    serverName: isIP(serverName) === 0 ? serverName : "",
    // Bun compares with the name given above, whatever the mode: we judge by ourselves.
    rejectUnauthorized: false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/**
 * Why the server is not to be trusted, or what else went wrong; undefined if all is well.
 * @param verdict what Bun reported. Of several faults it is never the wrong name: an authority that is
 *   not trusted, or a time that is over, is reported first.
 */
export function faultOfServer(
  options: ClientTlsOptions,
  isSuccess: boolean,
  verdict: Error | null,
  certificate: Uint8Array | undefined,
): Error | undefined {
  const code = verdict !== null && "code" in verdict ? verdict.code : undefined;
  if (code === HANDSHAKE_BROKEN || (!isSuccess && verdict === null)) {
    return new Error(`the TLS handshake failed: ${wordsOf(verdict)}`);
  }
  if (certificate === undefined) return new Error("the server showed no certificate");
  if (options.verify === "none") return undefined;
  if (verdict !== null && code !== WRONG_NAME) {
    return new Error(
      `the server's certificate is not trusted: ${verdict.message} (${String(code)})`,
    );
  }
  if (options.verify === "ca" || isFor(certificate, options.serverName)) return undefined;
  return new Error(
    `the server's certificate is not for "${options.serverName}" but for ${ownersOf(certificate)}`,
  );
}

/**
 * As libpq does: alternative names if there are any of the kind asked for, else the common name; for
 * addresses, names are compared too. `*` stands for one whole label.
 */
function isFor(certificate: Uint8Array, host: string): boolean {
  const parsed = new X509Certificate(certificate);
  if (host === "" || parsed.checkHost(host) !== undefined) return host !== "";
  const address = host.replace(/%.*/, "");
  return isIP(address) !== 0 && parsed.checkIP(address) !== undefined;
}

function ownersOf(certificate: Uint8Array): string {
  const { subject, subjectAltName } = new X509Certificate(certificate);
  return [subject, subjectAltName].filter((names) => names !== undefined).join(", ");
}

/** BoringSSL's `error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_...` without its numbers. */
function wordsOf(error: Error | null): string {
  return (
    error?.message
      .replace(/^error:.*:/, "")
      .replaceAll("_", " ")
      .toLowerCase() ?? "no reason given"
  );
}
