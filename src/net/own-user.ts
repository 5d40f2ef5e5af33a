/** Tells by the kernel's word who is at the other end of a unix socket. */
import { libc } from "../libc/index.ts";
import type { Connection } from "./connection.ts";
import { SocketConnection } from "./socket-connection.ts";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** A `struct ucred`: process, user and group, four bytes each. */
const CREDENTIALS_BYTES = 12;
const USER_AT = 4;

/**
 * Whether the other side is a process of this process's own system user: one that could do all that this one can.
 * False over TCP, for a client that a PROXY header tells of, and on systems other than Linux.
 */
export function isOwnUser(connection: Connection): boolean {
  if (!(connection instanceof SocketConnection) || connection.remoteAddress !== "") return false;
  if (process.platform !== "linux" || process.geteuid === undefined) return false;
  return userAt(connection.descriptor) === process.geteuid();
}

/** Undefined if the kernel does not tell. */
function userAt(descriptor: number): number | undefined {
  const credentials = Buffer.alloc(CREDENTIALS_BYTES);
  const result = libc()?.getOption(descriptor, SOL_SOCKET, SO_PEERCRED, credentials);
  return result === 0 ? credentials.readUInt32LE(USER_AT) : undefined;
}
