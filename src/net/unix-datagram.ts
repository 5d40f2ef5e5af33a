/**
 * One message to a Unix datagram socket, by the system's own library: Bun has no such sockets (node:dgram
 * speaks UDP alone). This file can go once it has.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2_000_000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** What fits into a `sockaddr_un`, its final zero included. */
const MAX_PATH_BYTES = 108;

const { i32, i64, u32, u64 } = FFIType;
const { ptr: pointer } = FFIType;

const FUNCTIONS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
  close: { args: [i32], returns: i32 },
} as const;

/** Where glibc and musl are found. */
const LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

/**
 * Sends a message to the socket at a path, or with an `@` in front at a name of Linux' own. Does not wait.
 *
 * @throws Error on systems other than Linux, and when it cannot be sent
 */
export function sendUnixDatagram(path: string, message: string): void {
  const address = socketAddress(path);
  const bytes = Buffer.from(message);
  const library = systemLibrary();
  try {
    const { symbols } = library;
    const socket = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw new Error("there is no socket to be had");
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const [data, to] = [ptr(bytes), ptr(address)];
    const sent = symbols.sendto(socket, data, bytes.length, flags, to, address.length);
    symbols.close(socket);
    if (Number(sent) !== bytes.length) throw new Error(`nobody takes it at ${path}`);
  } finally {
    library.close();
  }
}

/** A `sockaddr_un`. */
function socketAddress(path: string): Buffer {
  const name = path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`;
  const bytes = Buffer.from(name);
  if (path === "" || bytes.length > MAX_PATH_BYTES) throw new Error(`${path} is no socket's path`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, bytes]);
}

function systemLibrary() {
  if (process.platform !== "linux") throw new Error("only Linux has such sockets");
  const reasons: string[] = [];
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, FUNCTIONS);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(reasons.join("; "));
}
