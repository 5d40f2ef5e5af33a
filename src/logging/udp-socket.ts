/** A UDP socket that sends to one address. */
import type { DatagramSocket } from "./datagram-sink.ts";

/**
 * The name of the host is looked up now, and not again.
 * @param failed is called when nobody listens there, which is known after something was sent
 * @throws when the name stands for nothing
 */
export async function openUdpSocket(
  host: string,
  port: number,
  failed: (error: unknown) => void,
): Promise<DatagramSocket> {
  const socket = await Bun.udpSocket({
    connect: { hostname: host, port },
    socket: {
      error: () => failed(new Error(`${host}:${port} refuses datagrams`)),
    },
  });
  return {
    send(message) {
      try {
        return socket.send(message) ? "sent" : "full";
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "EMSGSIZE")
          return "tooLong";
        throw error;
      }
    },
    close: () => socket.close(),
  };
}
