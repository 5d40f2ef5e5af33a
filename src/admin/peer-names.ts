/** Who a client is by its certificate. */
import { TLSSocket } from "node:tls";

/** The common names of a certificate that an authority of ours has signed; empty without one. */
export function peerNamesOf(socket: unknown): readonly string[] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return [];
  const name = socket.getPeerCertificate().subject?.CN;
  return name === undefined ? [] : [name].flat();
}
