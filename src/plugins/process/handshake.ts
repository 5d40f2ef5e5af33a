/** The line with which a plugin says where it listens. */
import { X509Certificate } from "node:crypto";
import { GatewayError } from "../../errors.ts";

/** The versions we speak: of go-plugin's own conventions, and of `plugin.v1`. */
const CORE_PROTOCOL = "1";
export const APP_PROTOCOL = "1";

/** A certificate in base64 is longer; anything shorter is no certificate. */
const MIN_CERTIFICATE_CHARACTERS = 50;

/** How much of a line that cannot be understood is shown. */
const MAX_SHOWN_CHARACTERS = 200;

/** Where a plugin listens, and how it is recognised there. */
export interface Handshake {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number };
  /** The only certificate its TLS may show. */
  readonly certificate: X509Certificate;
}

/**
 * Reads `CORE_PROTOCOL|APP_PROTOCOL|NETWORK|ADDRESS|PROTOCOL|SERVER_CERT`; parts behind these mean nothing here.
 *
 * @throws a GatewayError with a code of its own for each thing that can be wrong
 */
export function parseHandshake(line: string): Handshake {
  const parts = line.trim().split("|");
  const [core = "", app = "", network = "", address = "", protocol = "", certificate = ""] = parts;
  if (parts.length < 4) {
    throw new GatewayError(
      "ERR_PLUGIN_HANDSHAKE",
      `the first line of its output is no handshake: ${shown(line)}`,
    );
  }
  if (core !== CORE_PROTOCOL) {
    throw new GatewayError(
      "ERR_PLUGIN_CORE_PROTOCOL",
      `it speaks version ${shown(core)} of the go-plugin protocol, and the gateway ${CORE_PROTOCOL}`,
    );
  }
  if (app !== APP_PROTOCOL) {
    throw new GatewayError(
      "ERR_PLUGIN_APP_PROTOCOL",
      `it speaks version ${shown(app)} of the plugin protocol, and the gateway ${APP_PROTOCOL}`,
    );
  }
  if (protocol !== "grpc") {
    throw new GatewayError(
      "ERR_PLUGIN_RPC_PROTOCOL",
      `it speaks ${protocol === "" ? "netrpc" : shown(protocol)}, and the gateway grpc only`,
    );
  }
  return { address: parseAddress(network, address), certificate: parseCertificate(certificate) };
}

function parseAddress(network: string, address: string): Handshake["address"] {
  if (network === "unix" && address !== "") return { path: address };
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (network === "tcp" && host !== undefined && port > 0 && port < 65_536) return { host, port };
  throw new GatewayError(
    "ERR_PLUGIN_ADDRESS",
    `it listens on network ${shown(network)}, address ${shown(address)}: neither a unix socket nor a TCP port`,
  );
}

function parseCertificate(base64: string): X509Certificate {
  if (base64.length < MIN_CERTIFICATE_CHARACTERS) {
    throw new GatewayError(
      "ERR_PLUGIN_CERTIFICATE",
      "its handshake has no certificate, so that nothing said to it could be kept secret",
    );
  }
  try {
    return new X509Certificate(Buffer.from(base64, "base64"));
  } catch (cause) {
    const text = "the certificate of its handshake cannot be read";
    throw new GatewayError("ERR_PLUGIN_CERTIFICATE", text, { cause });
  }
}

function shown(text: string): string {
  const cut =
    text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text;
  return JSON.stringify(cut);
}
