/** The socket of the local syslog daemon. */
import { getSystemErrorName } from "node:util";
import type { DatagramSocket } from "./datagram-sink.ts";
import { libc } from "./libc.ts";

/** @throws Error when nothing listens there, or this system has no such sockets */
export function openUnixDatagram(path: string): DatagramSocket {
  const calls = libc();
  if (calls === undefined) throw new Error("the output syslog is not available on this system");
  const fd = calls.datagramSocket();
  if (fd < 0) throw failure("no socket can be made", fd);
  const result = calls.connect(fd, path);
  if (result < 0) {
    calls.close(fd);
    throw failure(`nothing listens on ${path}`, result);
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
