/**
 * A few calls of the C library that the runtime does not offer: sockets that neither wait nor have an event loop, and
 * options of sockets. This file can go once Bun has Unix datagram sockets (node:dgram speaks UDP alone).
 */
import { dlopen, ptr, read } from "bun:ffi";

/** Numbers that the systems do not agree on. */
interface Abi {
  /** Where the C library may be. */
  readonly libraries: readonly string[];
  /** SOCK_DGRAM, and SOCK_CLOEXEC where there is such a thing. */
  readonly datagram: number;
  /** MSG_DONTWAIT, and MSG_NOSIGNAL where there is such a thing. */
  readonly sendFlags: number;
  /** EAGAIN and ENOBUFS. */
  readonly full: readonly number[];
  /** CLOCK_MONOTONIC */
  readonly monotonicClock: number;
  /** EMSGSIZE */
  readonly tooLong: number;
  /** What fits into the path of an address, the zero at its end included. */
  readonly maxPathBytes: number;
  /** What an address begins with, in front of the path. */
  addressHead(length: number): readonly [number, number];
}

const AF_UNIX = 1;

const ABIS: Partial<Record<NodeJS.Platform, Abi>> = {
  linux: {
    libraries: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
    datagram: 0x80002,
    sendFlags: 0x4040,
    full: [11, 105],
    monotonicClock: 1,
    tooLong: 90,
    maxPathBytes: 108,
    addressHead: () => [AF_UNIX, 0],
  },
  darwin: {
    libraries: ["libSystem.B.dylib"],
    datagram: 2,
    sendFlags: 0x80,
    full: [35, 55],
    monotonicClock: 6,
    tooLong: 40,
    maxPathBytes: 104,
    addressHead: (length) => [length, AF_UNIX],
  },
};

export interface Libc {
  /** A Unix datagram socket. @returns the descriptor, or minus the number of the error */
  datagramSocket(): number;
  /**
   * @param path with an `@` in front a name of Linux' own
   * @returns 0, or minus the number of the error
   */
  connect(fd: number, path: string): number;
  /** Never waits. @returns the bytes taken, or minus the number of the error */
  send(fd: number, bytes: Uint8Array): number;
  /** @returns 0, or minus the number of the error */
  setOption(fd: number, level: number, option: number, value: Uint8Array): number;
  /** Writes the value of an option over `value`. @returns 0, or minus the number of the error */
  getOption(fd: number, level: number, option: number, value: Uint8Array): number;
  /** Where bytes are, for a value that points to them; good while they are held. */
  addressOf(bytes: Uint8Array): bigint;
  close(fd: number): void;
  /** The system's own clock that never goes back: those of the runtime begin with the process. */
  monotonicMicroseconds(): bigint;
  /** What a call that did not succeed means. */
  meaning(result: number): "full" | "tooLong" | "failed";
}

let loaded: Libc | undefined;
let isTried = false;

/** Undefined on a system that is not known. */
export function libc(): Libc | undefined {
  const abi = ABIS[process.platform];
  if (!isTried && abi !== undefined) {
    for (const name of abi.libraries) loaded ??= tryLoad(name, abi);
  }
  isTried = true;
  return loaded;
}

function tryLoad(name: string, abi: Abi): Libc | undefined {
  try {
    const { symbols } = dlopen(name, {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
      send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
      close: { args: ["i32"], returns: "i32" },
      clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
    });
    const errno = errnoOf(name);
    const checked = (result: number): number => (result < 0 ? -errno() : result);
    return {
      datagramSocket: () => checked(symbols.socket(AF_UNIX, abi.datagram, 0)),
      connect(fd, path) {
        const address = socketAddress(path, abi);
        return checked(symbols.connect(fd, ptr(address), address.length));
      },
      send: (fd, bytes) =>
        checked(Number(symbols.send(fd, ptr(bytes), bytes.length, abi.sendFlags))),
      setOption: (fd, level, option, value) =>
        checked(symbols.setsockopt(fd, level, option, ptr(value), value.length)),
      getOption(fd, level, option, value) {
        const length = Uint32Array.of(value.length);
        return checked(symbols.getsockopt(fd, level, option, ptr(value), ptr(length)));
      },
      addressOf: (bytes) => BigInt(ptr(bytes)),
      close: (fd) => void symbols.close(fd),
      monotonicMicroseconds() {
        const time = new BigInt64Array(2);
        symbols.clock_gettime(abi.monotonicClock, ptr(time));
        const [seconds = 0n, nanoseconds = 0n] = time;
        return seconds * 1_000_000n + nanoseconds / 1_000n;
      },
      meaning(result) {
        if (abi.full.includes(-result)) return "full";
        return -result === abi.tooLong ? "tooLong" : "failed";
      },
    };
  } catch {
    return undefined; // It has another name on this system, or there is none.
  }
}

/** Where the number of the last error is: one place for each thread. */
function errnoOf(name: string): () => number {
  if (process.platform === "darwin") {
    const { symbols } = dlopen(name, { __error: { args: [], returns: "ptr" } });
    return () => numberAt(symbols.__error());
  }
  const { symbols } = dlopen(name, { __errno_location: { args: [], returns: "ptr" } });
  return () => numberAt(symbols.__errno_location());
}

function numberAt(place: Parameters<typeof read.i32>[0] | null): number {
  return place === null ? 0 : read.i32(place, 0);
}

/** A `sockaddr_un`. A name of Linux' own ends where the address does. */
function socketAddress(path: string, abi: Abi): Uint8Array {
  const isName = process.platform === "linux" && path.startsWith("@");
  const bytes = Buffer.from(isName ? `\0${path.slice(1)}` : `${path}\0`);
  if (path === "" || bytes.length > abi.maxPathBytes) {
    throw new Error(`the path of the socket is ${path === "" ? "empty" : "too long"}: ${path}`);
  }
  const length = 2 + bytes.length;
  return Buffer.concat([Uint8Array.from(abi.addressHead(length)), bytes]);
}
