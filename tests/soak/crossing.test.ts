import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { SeededRandom } from "../fixtures/seeded-random.ts";
import { SEED, SEED_HINT, times } from "../fixtures/test-size.ts";
import { type PostgresServer, startPostgres } from "../kit/index.ts";
import { SHARING_MODES, type SharingMode, startSharing } from "./modes.ts";
import { anyOperation, type Asker, nameOf, type Operation, SOAK_TABLES } from "./operations.ts";
import { SoakClient, type SoakTarget } from "./soak-client.ts";

const CLIENTS = 100;
const POOL_SIZE = 10;
const CYCLES = times(20_000, 1_000_000);

/** Nobody has been answered for so long: something hangs. */
const STILL_MS = 20_000;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

describe("answers never cross", () => {
  test.each(SHARING_MODES)("$name", (mode) => crossing(mode), times(60_000, 3_600_000));
});

/** What all clients of a run share. */
interface Run {
  readonly target: SoakTarget;
  /** Cycles still to be asked for. */
  left: number;
  answered: number;
  /** Rows that must be in `soak_log`. */
  readonly logged: string[];
  /** What each client waits for. */
  readonly waiting: Map<number, string>;
}

async function crossing(mode: SharingMode): Promise<void> {
  await postgres.query("drop table if exists soak_rows, soak_log");
  for (const sql of SOAK_TABLES) await postgres.query(sql);
  await using gatewayd = await startSharing(mode, postgres.address, POOL_SIZE);
  const target = { host: gatewayd.host, port: gatewayd.port };
  const run: Run = { target, left: CYCLES, answered: 0, logged: [], waiting: new Map() };

  const clients = Array.from({ length: CLIENTS }, (_, number) => ask(run, number));
  using watch = watchProgress(run);
  await Promise.race([Promise.all(clients), watch.stalled]);

  expect(run.answered).toBeGreaterThanOrEqual(CYCLES);
  const rows = await postgres.query('select token from soak_log order by token collate "C"');
  expect(rows.map(({ token }) => token)).toEqual(run.logged.toSorted());
  await gatewayd.stop();
}

/** One client, until everything has been asked for. @throws at the first answer that is not its own. */
async function ask(run: Run, number: number): Promise<void> {
  const random = new SeededRandom(SEED + number);
  const asker: Asker = { random, number, prepared: new Set(), count: 0 };
  using client = await SoakClient.open(run.target, nameOf(number));
  while (run.left > 0) {
    const operations = someOperations(asker);
    run.left -= operations.reduce((sum, { checks }) => sum + checks.length, 0);
    await send(client, Buffer.concat(operations.map(({ request }) => request)), random);
    const isCancelled = operations.some((operation) => operation.isCancelled);
    const cancelling = isCancelled ? client.cancel(run.target) : undefined;
    for (const operation of operations) await check(run, client, asker, operation);
    await cancelling;
  }
  run.waiting.delete(number);
}

/** A few at once, or one that is cancelled, alone. */
function someOperations(asker: Asker): readonly Operation[] {
  const operations: Operation[] = [];
  const count = 1 + asker.random.below(4);
  while (operations.length < count) {
    const operation = anyOperation(asker);
    if (!operation.isCancelled) operations.push(operation);
    else if (operations.length === 0) return [operation];
  }
  return operations;
}

/** In one write, or torn apart anywhere. */
async function send(client: SoakClient, bytes: Buffer, random: SeededRandom): Promise<void> {
  const cut = random.below(4) === 0 ? random.below(bytes.length) : 0;
  if (cut > 0) {
    client.send(bytes.subarray(0, cut));
    await setImmediate();
  }
  client.send(bytes.subarray(cut));
}

async function check(
  run: Run,
  client: SoakClient,
  { number, count }: Asker,
  operation: Operation,
): Promise<void> {
  const where = `client ${number}, "${operation.name}", up to its operation ${count}, ${SEED_HINT}`;
  for (const [index, problemIn] of operation.checks.entries()) {
    run.waiting.set(number, `${operation.name} (${index + 1} of ${operation.checks.length})`);
    const cycle = await client.cycle().catch((error: unknown) => {
      throw new Error(where, { cause: error });
    });
    const problem = problemIn(cycle);
    if (problem !== undefined) throw new Error(`${where}:\n${problem}`);
    run.answered += 1;
  }
  if (operation.logs !== undefined) run.logged.push(operation.logs);
}

/** Fails once nobody is answered any more. */
function watchProgress(run: Run): { readonly stalled: Promise<never> } & Disposable {
  const { promise, reject } = Promise.withResolvers<never>();
  let before = -1;
  const timer = setInterval(() => {
    if (run.answered === before) {
      const waiting = [...run.waiting].map(([client, what]) => `  client ${client}: ${what}`);
      const head = `no answer for ${STILL_MS} ms after ${run.answered} cycles, ${SEED_HINT}`;
      reject(new Error(`${head}; waiting:\n${waiting.join("\n")}`));
    }
    before = run.answered;
  }, STILL_MS);
  return { stalled: promise, [Symbol.dispose]: () => clearInterval(timer) };
}
