import { readdirSync, readlinkSync } from "node:fs";
import { expectIdle } from "./process-facts.ts";
import { waitFor } from "./wait-for.ts";

/** What a process holds open. */
export interface OpenDescriptors {
  /** TCP, UDP and unix sockets. */
  readonly sockets: number;
  /** Descriptors of any kind, the sockets among them. */
  readonly total: number;
}

/** Counts the descriptors of a process. Linux only: it reads /proc. */
export function openDescriptors(pid: number): OpenDescriptors {
  const directory = `/proc/${pid}/fd`;
  const targets = readdirSync(directory).flatMap((name) => {
    try {
      return [readlinkSync(`${directory}/${name}`)];
    } catch (error) {
      // Closed between the listing and this look: then it is not open.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  });
  return {
    sockets: targets.filter((target) => target.startsWith("socket:")).length,
    total: targets.length,
  };
}

/** The same once the process is idle: connections that somebody has just left are closed, and counted no more. */
export async function openDescriptorsAtRest(pid: number): Promise<OpenDescriptors> {
  await expectIdle(pid);
  return openDescriptors(pid);
}

/**
 * Waits until a process holds exactly as many descriptors as before.
 *
 * @throws with both counts when it does not come back to them within the deadline (default 10 s).
 */
export async function expectSameDescriptors(
  pid: number,
  before: OpenDescriptors,
  deadlineMs = 10_000,
): Promise<void> {
  await waitFor(
    `process ${pid} to hold ${before.sockets} sockets, ${before.total} descriptors again`,
    () => openDescriptors(pid),
    {
      deadlineMs,
      until: (now) => now.sockets === before.sockets && now.total === before.total,
    },
  );
}
