import { readFileSync } from "node:fs";
import { childrenOf, cpuTimeMs } from "../../tests/kit/index.ts";

/** Milliseconds of CPU that a process and its living children have used. */
export function treeCpuMs(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, each) => sum + (cpuIfAlive(each) ?? 0), 0);
}

function cpuIfAlive(pid: number): number | undefined {
  try {
    return cpuTimeMs(pid);
  } catch {
    return undefined; // Ended between the listing and this look.
  }
}

const LOOK_EVERY_MS = 100;

/** Quiet for so many looks in a row. */
const QUIET_LOOKS = 2;

/** One tick of the clock that /proc counts CPU in. */
const TICK_MS = 10;

/** Long enough for a pool of a hundred to fill again on a slow machine. */
const MAX_SETTLE_MS = 5_000;

/**
 * Waits until processes and their children have nothing left to do of what came before: pools that refill,
 * backends that end. Goes on after 5 s in any case, because a process may have work of its own.
 */
export async function settle(pids: readonly number[], signal: AbortSignal): Promise<void> {
  const total = (): number => pids.reduce((sum, pid) => sum + treeCpuMs(pid), 0);
  const deadline = performance.now() + MAX_SETTLE_MS;
  let before = total();
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < deadline;) {
    await Bun.sleep(LOOK_EVERY_MS);
    signal.throwIfAborted();
    const now = total();
    // Less than before is work, too: children have ended.
    quiet = Math.abs(now - before) <= TICK_MS ? quiet + 1 : 0;
    before = now;
  }
}

/** Most memory a process ever had resident, in MiB. */
export function peakResidentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** How many files and sockets this process may have open. */
export function descriptorLimit(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}
