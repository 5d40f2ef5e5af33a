import { type PgbenchLoad, runPgbench } from "../measure/index.ts";
import type { BenchOptions } from "../options.ts";
import type { LoadResult, LoadSample } from "../result.ts";
import { type Entry, type Field, settleField, withCpu } from "./entry.ts";
import { turnOrder } from "./rounds.ts";

/** Clients that reconnect for each transaction. */
const CHURN_CLIENTS = 16;

/** Before the first round: long enough for a just-in-time compiler and for caches. */
const WARM_UP: PgbenchLoad = { protocol: "simple", clients: 16, seconds: 1, isReconnecting: false };

/**
 * Runs pgbench against every entry in every round, all loads within a round, so that slow changes of the
 * machine meet all of them alike.
 */
export async function measureLoads(
  field: Field,
  options: BenchOptions,
  pgbench: string,
): Promise<readonly LoadResult[]> {
  const { context, entries } = field;
  const cases = loadsOf(options).map((load) => {
    const isJudged = load.protocol === "simple" && load.clients > 1;
    const participants = entries.filter(({ isExtra }) => isJudged || !isExtra);
    return {
      label: labelOf(load),
      load,
      participants,
      samples: Object.fromEntries(participants.map(({ name }) => [name, [] as LoadSample[]])),
    };
  });
  if (cases.length === 0) return [];
  for (const { endpoint } of entries) await runPgbench(pgbench, endpoint, WARM_UP, context.signal);
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, { label, load, participants, samples }] of cases.entries()) {
      context.progress(`round ${round + 1} of ${options.rounds}: ${label}`);
      for (const entry of turnOrder(participants, round + index)) {
        await settleField(field);
        const sample = await sampleOf(entry, load, pgbench, context.signal);
        if (sample.problem) context.progress(`${entry.name}, ${label}: ${sample.problem}`);
        samples[entry.name]?.push(sample);
      }
    }
  }
  return cases.map(({ label, load, samples }) => ({ label, load, samples }));
}

function loadsOf({ parts, protocols, clients, seconds }: BenchOptions): readonly PgbenchLoad[] {
  const steady = protocols.flatMap((protocol) =>
    clients.map((count) => ({ protocol, clients: count, seconds, isReconnecting: false })),
  );
  const churn = {
    protocol: "simple",
    clients: CHURN_CLIENTS,
    seconds,
    isReconnecting: true,
  } as const;
  return [...(parts.includes("load") ? steady : []), ...(parts.includes("churn") ? [churn] : [])];
}

function labelOf({ protocol, clients, isReconnecting }: PgbenchLoad): string {
  const count = `${clients} ${clients === 1 ? "client" : "clients"}`;
  return isReconnecting ? `reconnecting, ${count}` : `${protocol}, ${count}`;
}

async function sampleOf(
  { endpoint }: Entry,
  load: PgbenchLoad,
  pgbench: string,
  signal: AbortSignal,
): Promise<LoadSample> {
  const { value, cpuMs } = await withCpu(endpoint, () =>
    runPgbench(pgbench, endpoint, load, signal),
  );
  if (cpuMs === undefined || value.transactions === 0) return value;
  return { ...value, cpuMicrosPerTransaction: (cpuMs * 1000) / value.transactions };
}
