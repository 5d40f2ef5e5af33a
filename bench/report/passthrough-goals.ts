import type { Goal } from "../result.ts";
import { isOurs, memoryGoals, noFailures, OURS, type Unjudged } from "./goals.ts";
import { copyRows, loadRows, ratio, type Row, spread } from "./summary.ts";

/** Flat: no more than a few socket buffers and what the runtime keeps of them. */
const MAX_STALL_MIB = 30;

const MIN_CHURN_OF_DIRECT = 0.9;
const MIN_COPY_OF_PGBOUNCER = 0.85;

/** A spread beyond this allows no more: else the noisiest run would reach every goal. */
const MAX_ALLOWANCE = 0.1;

/** Loads at which a relay's throughput and CPU are to be reached. */
const RELAY_CLIENTS = [16, 100] as const;

/** The goals of a server connection for each client; `relays` only move bytes. */
export function passthroughGoals(result: Unjudged, relays: readonly string[]): readonly Goal[] {
  return [
    ...noFailures(result),
    ...relays.flatMap((relay) => relayGoals(result, relay)),
    ...churnGoals(result),
    ...copyGoals(result),
    ...memoryGoals(result),
    ...stallGoals(result),
  ];
}

/** As fast as a program that only relays, within what the same program differs from itself. */
function relayGoals(result: Unjudged, relay: string): readonly Goal[] {
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

function atLeast(result: Unjudged, row: Row, to: string, what: string): readonly Goal[] {
  const share = ratio(row, OURS, to);
  if (share === undefined) return [];
  const allowed = Math.min(spread(row, result) ?? 0, MAX_ALLOWANCE);
  return [relayGoal(row, to, what, share, allowed, share >= 1 - allowed)];
}

function atMost(result: Unjudged, row: Row, to: string, what: string): readonly Goal[] {
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

function churnGoals(result: Unjudged): readonly Goal[] {
  return loadRows(result, "throughput")
    .filter((_row, index) => result.loads[index]?.load.isReconnecting)
    .flatMap((row) => shareGoal(row, "direct", MIN_CHURN_OF_DIRECT));
}

function copyGoals(result: Unjudged): readonly Goal[] {
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

function stallGoals({ stalls }: Unjudged): readonly Goal[] {
  return stalls
    .filter(({ entry }) => isOurs(entry))
    .map(({ bytes, baseMiB, stalledMiB }) => ({
      text: `stalled reader of ${Math.round(bytes / 1e6)} MB: at most ${MAX_STALL_MIB} MiB more`,
      measured: `${(stalledMiB - baseMiB).toFixed(1)} MiB`,
      isReached: stalledMiB - baseMiB <= MAX_STALL_MIB,
    }));
}
