import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { waitFor } from "./wait-for.ts";

/** Jiffies per second of /proc; 100 on every Linux that Bun runs on. */
const CLOCK_TICKS = 100;
/** What reading a file of a thread or process says that has ended. */
const GONE = ["ENOENT", "ESRCH"];

/** Milliseconds of CPU (user and system) a process has used so far. Linux only. */
export function cpuTimeMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The program's name, in parentheses, may hold spaces: fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks * 1000) / CLOCK_TICKS;
}

/**
 * Waits until a process does nothing: at most a tenth of one CPU for a fifth of a second.
 *
 * @throws when it goes on working until the deadline (default 10 s), as a spinning process does.
 */
export async function expectIdle(pid: number, deadlineMs = 10_000): Promise<void> {
  const windowMs = 200;
  await waitFor(
    `process ${pid} to be idle`,
    async () => {
      const before = cpuTimeMs(pid);
      await Bun.sleep(windowMs);
      return cpuTimeMs(pid) - before;
    },
    { deadlineMs, until: (usedMs) => usedMs <= windowMs / 10 },
  );
}

/** Resident memory of a process, in MiB. Linux only. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** How many established TCP connections (IPv4) a process has to a port. Linux only. */
export function connectionsToPort(pid: number, port: number): number {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${name}`))?.[1];
      return inode === undefined ? [] : [inode];
    }),
  );
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const established = "01";
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      (fields) =>
        fields[2]?.endsWith(remote) === true &&
        fields[3] === established &&
        inodes.has(fields[9] ?? ""),
    ).length;
}

/** Process ids of the children of a process, in no order. Linux only. */
export function childrenOf(pid: number): readonly number[] {
  const directory = `/proc/${pid}/task`;
  return readdirSync(directory).flatMap((task) =>
    textWhileThere(`${directory}/${task}/children`)
      .split(" ")
      .filter((child) => child !== "")
      .map(Number),
  );
}

/** The words of the command line of a process; none when it has ended. Linux only. */
export function commandLine(pid: number): readonly string[] {
  return textWhileThere(`/proc/${pid}/cmdline`)
    .split("\0")
    .filter((word) => word !== "");
}

function textWhileThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // It has ended since it was listed.
    if (error instanceof Error && "code" in error && GONE.includes(String(error.code))) return "";
    throw error;
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // Closed in the meantime.
  }
}
