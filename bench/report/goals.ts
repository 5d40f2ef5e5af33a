import type { BenchResult, Goal } from "../result.ts";
import { failures } from "./summary.ts";

/** The entry that a comparison is about. */
export const OURS = "gatewayd";

/** Whether an entry is gatewayd, in whichever mode. */
export const isOurs = (entry: string): boolean => entry.startsWith(OURS);

/** A result before its goals are judged. */
export type Unjudged = Omit<BenchResult, "goals">;

/** 30 MB more for waiting clients, 80 MB without any. */
const MAX_WAITING_MIB = 28.6;
const MAX_BASE_MIB = 76.3;

/** What no run may have. */
export function noFailures(result: Unjudged): readonly Goal[] {
  if (result.loads.length === 0) return [];
  const ours = failures(result).filter(isOurs);
  return [
    {
      text: "no transaction and no connection fails",
      measured: `${ours.length} kinds of failure`,
      isReached: ours.length === 0,
    },
  ];
}

/** What clients that only wait may cost, and the process without any. */
export function memoryGoals({ idle }: Unjudged): readonly Goal[] {
  const ours = idle.filter(({ entry }) => isOurs(entry));
  if (ours.length === 0) return [];
  const waiting = ours.map(({ entry, manner, clients, baseMiB, waitingMiB }) => ({
    text: `${clients} waiting clients (${nameOf(entry, manner)}): at most ${MAX_WAITING_MIB} MiB more`,
    measured: `${(waitingMiB - baseMiB).toFixed(1)} MiB`,
    isReached: waitingMiB - baseMiB <= MAX_WAITING_MIB,
  }));
  const mostBaseMiB = Math.max(...ours.map(({ baseMiB }) => baseMiB));
  const base = {
    text: `without clients: at most ${MAX_BASE_MIB} MiB`,
    measured: `${mostBaseMiB.toFixed(1)} MiB`,
    isReached: mostBaseMiB <= MAX_BASE_MIB,
  };
  return [...waiting, base];
}

const nameOf = (entry: string, manner: string): string =>
  entry === OURS ? manner : `${entry}, ${manner}`;
