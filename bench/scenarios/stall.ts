import { residentMiB } from "../../tests/kit/index.ts";
import type { BenchContext } from "../context.ts";
import { query } from "../database.ts";
import type { EndpointKind } from "../endpoints/index.ts";
import { peakResidentMiB, PgStream, settle } from "../measure/index.ts";
import type { StallResult } from "../result.ts";

const ROW_BYTES = 1000;

/** How long the reader stands still once nothing moves any more. */
const STALL_MS = 2_000;
const LOOK_EVERY_MS = 50;

/** Looks in a row at which the server waited for its client: then nothing moves any more. */
const STILL_LOOKS = 5;
const STILL_DEADLINE_MS = 20_000;

/** Measures the memory of a fresh process while the reader of a large result stands still, and reads on. */
export async function measureStalls(
  context: BenchContext,
  kinds: readonly EndpointKind[],
  serverPort: number,
  bytes: number,
): Promise<readonly StallResult[]> {
  const results: StallResult[] = [];
  for (const kind of kinds) {
    context.progress(`stalled reader of ${Math.round(bytes / 1e6)} MB: ${kind.name}`);
    results.push(await measure(context, kind, serverPort, bytes));
  }
  return results;
}

async function measure(
  context: BenchContext,
  kind: EndpointKind,
  serverPort: number,
  bytes: number,
): Promise<StallResult> {
  const { signal } = context;
  await using endpoint = await kind.start({
    context,
    serverPort,
    poolSize: 4,
    maxClients: 100,
    patienceSeconds: 60,
    expectsSilentClients: false,
  });
  const { pid } = endpoint;
  if (pid === undefined) throw new Error(`${kind.name} has no process to measure`);
  using stream = await PgStream.open(endpoint, signal);
  await settle([pid], signal);
  const baseMiB = residentMiB(pid);

  stream.pause();
  const rows = Math.ceil(bytes / ROW_BYTES);
  const finished = stream.query(
    `SELECT repeat('x', ${ROW_BYTES}) FROM generate_series(1, ${rows})`,
  );
  // Watched from here on, so that a failure ends the wait below and is not lost.
  const watching = watch(context, kind.name, pid, serverPort);
  const stalledMiB = await Promise.race([watching, finished.then(() => watching)]);
  stream.resume();
  await finished;
  if (stream.receivedBytes < bytes) throw new Error(`${kind.name} lost a part of the result`);
  return { entry: kind.name, bytes, baseMiB, stalledMiB, peakMiB: peakResidentMiB(pid) };
}

/** Waits until the server cannot send any more, then looks at the memory for a while: the most that was seen. */
async function watch(
  { signal }: BenchContext,
  name: string,
  pid: number,
  serverPort: number,
): Promise<number> {
  let mostMiB = residentMiB(pid);
  const look = async (): Promise<void> => {
    await Bun.sleep(LOOK_EVERY_MS);
    signal.throwIfAborted();
    mostMiB = Math.max(mostMiB, residentMiB(pid));
  };
  const deadline = performance.now() + STILL_DEADLINE_MS;
  for (let still = 0; still < STILL_LOOKS;) {
    if (performance.now() > deadline) throw new Error(`${name}: the reader never stalled`);
    await look();
    still = (await isServerWaiting(serverPort)) ? still + 1 : 0;
  }
  const end = performance.now() + STALL_MS;
  while (performance.now() < end) await look();
  return mostMiB;
}

async function isServerWaiting(serverPort: number): Promise<boolean> {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'ClientWrite'";
  return (await query(serverPort, waiting)).length > 0;
}
