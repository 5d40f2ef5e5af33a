import { DATABASES, tidyWritesDatabase } from "../database.ts";
import { descriptorLimit, type PgbenchLoad, runPgbench } from "../measure/index.ts";
import { isLost, type LoadResult, type LoadSample, type Missing } from "../result.ts";
import { type Entry, type Field, settleField, withCpu } from "./entry.ts";
import { labelOf } from "./load-label.ts";
import { turnOrder } from "./rounds.ts";

/** A load, and who takes part beside the endpoints that can. */
export interface PlannedLoad {
  readonly load: PgbenchLoad;
  /** With the control: something is judged by it. */
  readonly withControl: boolean;
  /** With the programs that are only compared with. */
  readonly withAlso: boolean;
}

/** Before the first round, of each protocol: long enough for a just-in-time compiler and for caches. */
const WARM_UP: PgbenchLoad = {
  script: "select",
  protocol: "simple",
  clients: 16,
  seconds: 2,
  isReconnecting: false,
};

/** Descriptors that pgbench needs for other things than clients. */
const SPARE_DESCRIPTORS = 100;

/**
 * Runs pgbench against every entry in every round, all loads within a round, so that slow changes of the
 * machine meet all of them alike. All loads have the same script.
 */
export async function measureLoads(
  field: Field,
  plan: readonly PlannedLoad[],
  rounds: number,
  pgbench: string,
): Promise<{ readonly loads: readonly LoadResult[]; readonly missing: readonly Missing[] }> {
  const { context, entries } = field;
  const missing: Missing[] = [];
  const cases = plan.map((planned) => {
    const label = labelOf(planned.load);
    const participants = participantsOf(field, planned, missing);
    return {
      label,
      load: planned.load,
      participants,
      samples: Object.fromEntries(participants.map(({ name }) => [name, [] as LoadSample[]])),
    };
  });
  for (const entry of entries) {
    const loads = warmUpsOf(entry, cases);
    // Once more in turns: what was compiled for one protocol is compiled anew when another one comes.
    for (const load of [...loads, ...loads]) await sampleOf(field, entry, load, pgbench);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, { label, load, participants, samples }] of cases.entries()) {
      context.progress(`round ${round + 1} of ${rounds}: ${label}`);
      for (const entry of turnOrder(participants, round + index)) {
        // It would be lost again, after the same long wait.
        if (samples[entry.name]?.some(isLost)) continue;
        if (load.script === "writes") await tidyWritesDatabase(field.database.port);
        await settleField(field);
        const sample = await sampleOf(field, entry, load, pgbench);
        if (sample.problem) context.progress(`${entry.name}, ${label}: ${sample.problem}`);
        samples[entry.name]?.push(sample);
      }
    }
  }
  return { loads: cases.map(({ label, load, samples }) => ({ label, load, samples })), missing };
}

/** Who takes part in a load; notes who would, and why it does not. */
function participantsOf(
  { entries, poolSize }: Field,
  { load, withControl, withAlso }: PlannedLoad,
  missing: Missing[],
): readonly Entry[] {
  const limit = descriptorLimit() - SPARE_DESCRIPTORS;
  return entries.filter(({ name, kind, role }) => {
    if (role === "control" && !withControl) return false;
    if (role === "also" && !withAlso) return false;
    const reason =
      load.clients > limit
        ? `no more than ${limit} clients may have their files open (ulimit -n)`
        : kind.refuses?.(load, poolSize);
    if (reason === undefined) return true;
    if (role !== "control") missing.push({ entry: name, load: labelOf(load), reason });
    return false;
  });
}

/** Nothing that it takes no part in: a pool that knows no transactions would not come to the end of one that writes. */
function warmUpsOf(
  entry: Entry,
  cases: readonly { readonly load: PgbenchLoad; readonly participants: readonly Entry[] }[],
): readonly PgbenchLoad[] {
  const own = cases.filter(({ participants }) => participants.includes(entry));
  const protocols = new Map(own.map(({ load }) => [load.protocol, load.script] as const));
  return [...protocols].map(([protocol, script]) => ({ ...WARM_UP, protocol, script }));
}

async function sampleOf(
  { context }: Field,
  { endpoint }: Entry,
  load: PgbenchLoad,
  pgbench: string,
): Promise<LoadSample> {
  const target = { host: endpoint.host, port: endpoint.port, database: DATABASES[load.script] };
  const { value, cpuMs } = await withCpu(endpoint, () =>
    runPgbench(pgbench, target, load, context),
  );
  if (cpuMs === undefined || value.transactions === 0) return value;
  return { ...value, cpuMicrosPerTransaction: (cpuMs * 1000) / value.transactions };
}
