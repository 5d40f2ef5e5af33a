import { tlsServerEndPoint } from "../auth/index.ts";
import type { ClientTls } from "../session/index.ts";

/** tls-server-end-point of the certificate that clients are shown now; undefined if there is none. */
export function channelBindingOf({ mode, current }: ClientTls): Uint8Array | undefined {
  if (mode === "disable") return undefined;
  const [, base64 = ""] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(current().cert) ?? [];
  return base64 === "" ? undefined : tlsServerEndPoint(Buffer.from(base64, "base64"));
}
