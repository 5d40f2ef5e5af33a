import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { SeededRandom } from "../fixtures/seeded-random.ts";
import { SEED, SEED_HINT, times } from "../fixtures/test-size.ts";
import { frontendMessage, type PostgresServer, startPostgres } from "../kit/index.ts";
import { SHARING_MODES, type SharingMode, startSharing } from "./modes.ts";
import { SoakClient, type SoakTarget } from "./soak-client.ts";

const RACES = times(300, 10_000);

/** Pairs that race beside each other, on fewer connections. */
const PAIRS = 3;
const POOL_SIZE = 2;

/** Over at about the time the cancel comes. */
const SHORT_MS = 2;
/** Hit for certain. */
const LONG_MS = 30;

const MAX_AIM = 5_000;

/** Of the outer table, each of which meets 2,000. */
const ROWS_PER_MS = 8;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query("create table race_rows as select i from generate_series(1, 2000) i");
  await postgres.query("analyze race_rows");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

describe("a cancel hits its own statement or none", () => {
  test.each(SHARING_MODES)("$name", (mode) => racing(mode), times(60_000, 3_600_000));
});

/** How the statements that were to be cancelled ended. */
interface Score {
  left: number;
  hit: number;
  missed: number;
}

async function racing(mode: SharingMode): Promise<void> {
  await using gatewayd = await startSharing(mode, postgres.address, POOL_SIZE);
  const target = { host: gatewayd.host, port: gatewayd.port };
  const score: Score = { left: RACES, hit: 0, missed: 0 };
  await Promise.all(Array.from({ length: PAIRS }, (_, pair) => race(target, score, pair)));
  // Else there was no race.
  expect(score.hit).toBeGreaterThan(0);
  expect(score.missed).toBeGreaterThan(0);
  await gatewayd.stop();
}

/** One cancels again and again, the other must never notice; both share the connections with other pairs. */
async function race(target: SoakTarget, score: Score, pair: number): Promise<void> {
  const random = new SeededRandom(SEED + pair);
  using canceller = await SoakClient.open(target, `canceller-${pair}`);
  using bystander = await SoakClient.open(target, `bystander-${pair}`);
  // Turns of the event loop after which half of the cancels come too late: there the race is closest.
  let aim = 50;
  for (let round = 0; score.left > 0; round++) {
    score.left -= 1;
    const where = `pair ${pair}, round ${round}, ${SEED_HINT}`;
    const token = `p${pair}-${round}`;
    const isLong = random.below(10) === 0;
    const statements = [
      () => canceller.send(statement(`${token} mine`, isLong ? LONG_MS : SHORT_MS)),
      () => bystander.send(statement(`${token} other`, random.below(3))),
    ];
    // Who comes second may have to wait for the first.
    if (random.below(2) === 0) statements.reverse();
    for (const send of statements) {
      send();
      await turns(random.below(4));
    }
    await turns(aim + random.below(aim));
    await canceller.cancel(target);

    const mine = await canceller.cycle();
    const isHit = mine.errors[0]?.startsWith("57014:") === true;
    if (isHit) score.hit += 1;
    else expectToken(mine.rows, mine.errors, `${token} mine`, where);
    if (!isHit) score.missed += 1;
    if (!isLong) aim = Math.min(MAX_AIM, Math.ceil(isHit ? aim * 1.2 : aim / 1.2));
    const other = await bystander.cycle();
    expectToken(other.rows, other.errors, `${token} other`, where);

    // The cancel is over, so it must not reach the next statement of the same client either.
    canceller.send(statement(`${token} next`, 0));
    const next = await canceller.cycle();
    expectToken(next.rows, next.errors, `${token} next`, where);
  }
}

/** Busy for about so long, and free of effects: one that sleeps would never share a connection. */
function statement(token: string, milliseconds: number): Buffer {
  const rows = milliseconds * ROWS_PER_MS;
  const text = `select '${token}', count(*) from race_rows a, race_rows b where a.i <= ${rows}`;
  return frontendMessage("Q", `${text}\0`);
}

function expectToken(
  rows: readonly (readonly (string | null)[])[],
  errors: readonly string[],
  token: string,
  where: string,
): void {
  if (errors.length === 0 && rows.length === 1 && rows[0]?.[0] === token) return;
  throw new Error(`${where}: wanted ${token}, got ${JSON.stringify(rows)} ${errors.join("; ")}`);
}

/** Lets the event loop turn so many times: a little while, shorter than any timer's. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}
