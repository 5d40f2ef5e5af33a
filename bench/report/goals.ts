import type { BenchResult, Goal } from "../result.ts";
import { copyRows, failures, loadRows, ratio, type Row, spread } from "./summary.ts";

const OURS = "gatewayd";

/** 30 MB more for waiting clients, 80 MB without any. */
const MAX_WAITING_MIB = 28.6;
const MAX_BASE_MIB = 76.3;
/** Flat: no more than a few socket buffers and what the runtime keeps of them. */
const MAX_STALL_MIB = 30;

const MIN_CHURN_OF_DIRECT = 0.9;
const MIN_COPY_OF_PGBOUNCER = 0.85;

/** A spread beyond this allows no more: else the noisiest run would reach every goal. */
const MAX_ALLOWANCE = 0.1;

/** Loads at which a relay's throughput and CPU are to be reached. */
const RELAY_CLIENTS = [16, 100] as const;

type Unjudged = Omit<BenchResult, "goals">;

/** Judges what was measured; what was not measured is not among the goals. */
export function judge(result: Unjudged, relays: readonly string[]): readonly Goal[] {
  const whole = { ...result, goals: [] };
  return [
    ...noFailures(whole),
    ...relays.flatMap((relay) => relayGoals(whole, relay)),
    ...churnGoals(whole),
    ...copyGoals(whole),
    ...memoryGoals(whole),
  ];
}

function noFailures(result: BenchResult): readonly Goal[] {
  if (result.loads.length === 0) return [];
  const ours = failures(result).filter((text) => text.startsWith(OURS));
  return [
    {
      text: "no transaction and no connection fails",
      measured: `${ours.length} kinds of failure`,
      isReached: ours.length === 0,
    },
  ];
}

/** As fast as a program that only relays, within what the same program differs from itself. */
function relayGoals(result: BenchResult, relay: string): readonly Goal[] {
  const isWanted = (_row: Row, index: number): boolean => {
    const load = result.loads[index]?.load;
    return load?.isReconnecting === false && RELAY_CLIENTS.some((count) => count === load.clients);
  };
  const throughput = loadRows(result, "throughput")
    .filter(isWanted)
    .flatMap((row) => atLeast(result, row, relay, "throughput"));
  const cpu = loadRows(result, "cpu")
    .filter(isWanted)
    .flatMap((row) => atMost(result, row, relay, "CPU"));
  return [...throughput, ...cpu];
}

function atLeast(result: BenchResult, row: Row, to: string, what: string): readonly Goal[] {
  const share = ratio(row, OURS, to);
  if (share === undefined) return [];
  const allowed = Math.min(spread(row, result) ?? 0, MAX_ALLOWANCE);
  return [relayGoal(row, to, what, share, allowed, share >= 1 - allowed)];
}

function atMost(result: BenchResult, row: Row, to: string, what: string): readonly Goal[] {
  const share = ratio(row, OURS, to);
  if (share === undefined) return [];
  const allowed = Math.min(spread(row, result) ?? 0, MAX_ALLOWANCE);
  return [relayGoal(row, to, what, share, allowed, share <= 1 + allowed)];
}

function relayGoal(
  row: Row,
  to: string,
  what: string,
  share: number,
  allowed: number,
  isReached: boolean,
): Goal {
  return {
    text: `${row.label}: ${what} of ${to}, within the A/A spread`,
    measured: `${share.toFixed(3)}x ±${(allowed * 100).toFixed(1)} %`,
    isReached,
  };
}

function churnGoals(result: BenchResult): readonly Goal[] {
  return loadRows(result, "throughput")
    .filter((_row, index) => result.loads[index]?.load.isReconnecting)
    .flatMap((row) => shareGoal(row, "direct", MIN_CHURN_OF_DIRECT));
}

function copyGoals(result: BenchResult): readonly Goal[] {
  return copyRows(result, "throughput").flatMap((row) =>
    shareGoal(row, "pgbouncer", MIN_COPY_OF_PGBOUNCER),
  );
}

function shareGoal(row: Row, to: string, least: number): readonly Goal[] {
  const share = ratio(row, OURS, to);
  if (share === undefined) return [];
  return [
    {
      text: `${row.label}: at least ${least}x ${to}`,
      measured: `${share.toFixed(2)}x`,
      isReached: share >= least,
    },
  ];
}

function memoryGoals({ idle, stalls }: BenchResult): readonly Goal[] {
  const ours = idle.filter(({ entry }) => entry === OURS);
  const waiting = ours.map(({ manner, clients, baseMiB, waitingMiB }) => ({
    text: `${clients} waiting clients (${manner}): at most ${MAX_WAITING_MIB} MiB more`,
    measured: `${(waitingMiB - baseMiB).toFixed(1)} MiB`,
    isReached: waitingMiB - baseMiB <= MAX_WAITING_MIB,
  }));
  const mostBaseMiB = Math.max(...ours.map(({ baseMiB }) => baseMiB));
  const base = {
    text: `without clients: at most ${MAX_BASE_MIB} MiB`,
    measured: `${mostBaseMiB.toFixed(1)} MiB`,
    isReached: mostBaseMiB <= MAX_BASE_MIB,
  };
  const stalled = stalls
    .filter(({ entry }) => entry === OURS)
    .map(({ bytes, baseMiB, stalledMiB }) => ({
      text: `stalled reader of ${Math.round(bytes / 1e6)} MB: at most ${MAX_STALL_MIB} MiB more`,
      measured: `${(stalledMiB - baseMiB).toFixed(1)} MiB`,
      isReached: stalledMiB - baseMiB <= MAX_STALL_MIB,
    }));
  return [...waiting, ...(ours.length > 0 ? [base] : []), ...stalled];
}
