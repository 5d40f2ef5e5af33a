/** Opens a connection to a plugin that both sides trust. */
import { connect, type TLSSocket } from "node:tls";
import { GatewayError } from "../../errors.ts";
import type { ClientCertificate } from "./client-certificate.ts";
import type { Handshake } from "./handshake.ts";

/** A plugin is on this machine: what takes longer is stuck. */
const DIAL_TIMEOUT_MS = 10_000;

/**
 * Dials the plugin and proves both ends to each other: its certificate must be the one of its handshake, ours
 * the one in its environment.
 *
 * Rejects with ERR_PLUGIN_CONNECT when nobody is there, ERR_PLUGIN_TLS when it is not the plugin.
 */
export function dialPlugin(
  { address, certificate }: Handshake,
  own: ClientCertificate,
): Promise<TLSSocket> {
  const place = "path" in address ? address.path : `${address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    let isReached = false;
    const socket = connect({
      ...address,
      servername: "localhost",
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.2",
      key: own.key,
      cert: own.certificate,
      ca: certificate.toString(),
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
    });
    const timer = setTimeout(() => fail(new Error("it took too long")), DIAL_TIMEOUT_MS);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        isReached
          ? new GatewayError("ERR_PLUGIN_TLS", `no TLS with the plugin at ${place}`, { cause })
          : new GatewayError("ERR_PLUGIN_CONNECT", `nothing to connect to at ${place}`, { cause }),
      );
    };
    const closed = (): void => fail(new Error("the plugin closed the connection"));
    socket.once("connect", () => {
      isReached = true;
    });
    socket.once("error", fail);
    socket.once("close", closed);
    socket.once("secureConnect", () => {
      isReached = true;
      if (socket.alpnProtocol !== "h2") {
        fail(new Error("it does not speak HTTP/2"));
        return;
      }
      clearTimeout(timer);
      socket.off("error", fail);
      socket.off("close", closed);
      resolve(socket);
    });
  });
}
