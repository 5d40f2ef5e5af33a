/**
 * Leaves ports to another process that listens there as well (SO_REUSEPORT), without losing a client. Linux only.
 *
 * Each listening socket has a queue of its own, of connections that are complete and of such that are on the way. What
 * is in there when a socket is closed is reset, though its client has been told that it is connected. So the
 * kernel is asked first to pass over packets that begin a connection; their senders repeat them after a second, and
 * by then the kernel leads them to the other process. Once nothing is on the way any more the socket can be closed.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { libc } from "../libc/index.ts";

/** What takes longer to connect is reset; also the longest time that newcomers are held up beyond their second. */
const LONGEST_MS = 500;
const LOOK_AGAIN_MS = 10;

/** A line of /proc/net/tcp. */
interface SocketRow {
  /** Address and port, as the kernel writes them. */
  readonly local: string;
  readonly remote: string;
  readonly port: number;
  readonly state: "listening" | "arriving";
  /** Of a listening socket: connections that nobody has taken from it yet. */
  readonly queued: number;
  readonly inode: string;
}

const STATES = new Map<string | undefined, SocketRow["state"]>([
  ["0A", "listening"],
  ["03", "arriving"],
]);

/** Whether another process listens wherever this one does on a port. */
export function isPortShared(port: number): boolean {
  const listening = socketRows().filter((row) => row.state === "listening" && row.port === port);
  const own = ownSockets();
  const ours = listening.filter(({ inode }) => own.has(inode));
  const others = listening.filter(({ inode }) => !own.has(inode));
  return (
    ours.length > 0 && ours.every(({ local }) => others.some((other) => other.local === local))
  );
}

/** Whether another process listens on a port, at whatever address. */
export function isPortOfAnother(port: number): boolean {
  const own = ownSockets();
  return socketRows().some(
    (row) => row.state === "listening" && row.port === port && !own.has(row.inode),
  );
}

/**
 * Has the kernel lead no more clients to this process' listening sockets on ports, and waits until it has accepted those
 * that are on the way, up to {@link LONGEST_MS}. The sockets are to be closed at once when it resolves.
 * @param isLifted {@link letThrough} is called for each connection that is accepted meanwhile: without that nothing can be
 *   done where the kernel wants rights for packet filters
 */
export async function holdNewcomers(ports: readonly number[], isLifted = false): Promise<void> {
  const own = ownSockets();
  const isOurs = ({ state, port, inode }: SocketRow): boolean =>
    state === "listening" && ports.includes(port) && own.has(inode);
  for (const { inode } of socketRows().filter(isOurs)) {
    const fd = own.get(inode);
    if (fd !== undefined && !passOverNewcomers(fd) && isLifted) demandHops(fd, ALL_HOPS);
  }
  const untilMs = performance.now() + LONGEST_MS;
  // Those that come later are the other process'.
  let arriving: ReadonlySet<string> | undefined;
  for (;;) {
    const rows = socketRows();
    const now = rows.filter(({ state, port }) => state === "arriving" && ports.includes(port));
    const names = now.map(({ local, remote }) => `${local} ${remote}`);
    arriving = new Set(names.filter((name) => arriving?.has(name) ?? true));
    const isQueued = rows.some((row) => isOurs(row) && row.queued > 0);
    if ((arriving.size === 0 && !isQueued) || performance.now() >= untilMs) return;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}

function socketRows(): readonly SocketRow[] {
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((path) => textOf(path).split("\n"))
    .flatMap(readRow);
}

function readRow(line: string): readonly SocketRow[] {
  const [, local = "", remote = "", code, queues = "", , , , , inode = ""] = line
    .trim()
    .split(/\s+/);
  const state = STATES.get(code);
  if (state === undefined) return [];
  const port = Number.parseInt(local.split(":")[1] ?? "", 16);
  const queued = Number.parseInt(queues.split(":")[1] ?? "", 16);
  return [{ local, remote, port, state, queued, inode }];
}

/** Empty on systems that have no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** Descriptors of the sockets of this process, by their inodes. */
function ownSockets(): ReadonlyMap<string, number> {
  const sockets = new Map<string, number>();
  const folder = "/proc/self/fd";
  for (const name of namesIn(folder)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`)) ?? [];
      if (inode !== undefined) sockets.set(inode, Number(name));
    } catch {
      continue; // Closed meanwhile.
    }
  }
  return sockets;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Not Linux.
  }
}

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/**
 * `[code, jt, jf, k]` of the classic packet filter. It sees the packet from the TCP header on; the flags are in byte 13,
 * among them SYN (2) and ACK (16).
 */
const PROGRAM = [
  [0x30, 0, 0, 13], // A = the flags
  [0x54, 0, 0, 0x12], // A &= SYN | ACK
  [0x15, 0, 1, 0x02], // Only SYN?
  [0x06, 0, 0, 0], // Then it did not come.
  [0x06, 0, 0, 0xff_ff_ff_ff], // All others did, as a whole.
] as const;

/** @returns whether the kernel does so: mostly that needs no rights, but some kernels want CAP_NET_ADMIN */
function passOverNewcomers(fd: number): boolean {
  const calls = libc();
  if (calls === undefined) return false;
  const program = Buffer.alloc(PROGRAM.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of PROGRAM.entries()) {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(ifTrue, index * 8 + 2);
    program.writeUInt8(ifFalse, index * 8 + 3);
    program.writeUInt32LE(value, index * 8 + 4);
  }
  // struct sock_fprog: how many there are, and where.
  const pointer = Buffer.alloc(16);
  pointer.writeUInt16LE(PROGRAM.length, 0);
  pointer.writeBigUInt64LE(calls.addressOf(program), 8);
  return calls.setOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, pointer) === 0;
}

/** IP_MINTTL and IPV6_MINHOPCOUNT, each with its level: a packet must have as many hops left. */
const HOP_LIMITS = [
  [0, 21],
  [41, 73],
] as const;
/** Packets begin with 64 or 128, and what is not dropped may be reset as without all this. */
const ALL_HOPS = 255;

/** Takes back what a connection has from a listening socket that is held. */
export function letThrough(fd: number): void {
  demandHops(fd, 0);
}

/**
 * Drops packets from whoever is not next to this machine, and from itself, too. The kernel does not ask for it while a
 * handshake ends, so that those that are on the way are accepted; they have the limit until {@link letThrough}.
 */
function demandHops(fd: number, hops: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(hops);
  for (const [level, option] of HOP_LIMITS) libc()?.setOption(fd, level, option, value);
}
