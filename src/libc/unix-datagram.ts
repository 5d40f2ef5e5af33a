/** A Unix datagram socket that is connected to a path: that of a syslog daemon, or of a service manager. */
import { getSystemErrorName } from "node:util";
import { libc } from "./libc.ts";

export interface UnixDatagramSocket {
  /**
   * Never waits.
   * @returns whether it is off our hands, has to wait, or can never be sent
   * @throws Error when the other side is gone
   */
  send(message: Uint8Array): "sent" | "full" | "tooLong";
  close(): void;
}

/**
 * @param path with an `@` in front a name of Linux' own
 * @throws Error when nothing listens there, or this system has no such sockets
 */
export function openUnixDatagram(path: string): UnixDatagramSocket {
  const calls = libc();
  if (calls === undefined) throw new Error("this system has no Unix datagram sockets");
  const fd = calls.datagramSocket();
  if (fd < 0) throw failure("no socket can be made", fd);
  try {
    const result = calls.connect(fd, path);
    if (result < 0) throw failure(`nothing listens on ${path}`, result);
  } catch (thrown) {
    calls.close(fd);
    throw thrown;
  }
  return {
    send(message) {
      const sent = calls.send(fd, message);
      if (sent >= 0) return "sent";
      const meaning = calls.meaning(sent);
      if (meaning === "failed") throw failure(`${path} takes nothing`, sent);
      return meaning;
    },
    close: () => calls.close(fd),
  };
}

function failure(what: string, result: number): Error {
  return new Error(`${what}: ${getSystemErrorName(result)}`);
}
