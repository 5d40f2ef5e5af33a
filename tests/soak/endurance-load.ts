import { SeededRandom } from "../fixtures/seeded-random.ts";
import { SEED } from "../fixtures/test-size.ts";
import { anyOperation, type Asker, nameOf } from "./operations.ts";
import { SoakClient, type SoakTarget } from "./soak-client.ts";

/** Something that a client asked for and did not get. */
interface Failure {
  readonly atMs: number;
  readonly what: string;
}

/** A time in which failures are to be expected. */
interface Outage {
  readonly fromMs: number;
  untilMs: number;
}

/** Before a client that could not connect tries again. */
const RETRY_MS = 20;

/** Operations of one connection, on average. */
const STAY = 100;

/**
 * Clients that ask all the time, check every answer, and connect anew: after a failure, and now and then without one.
 * An answer that is another one's ends the load.
 */
export class EnduranceLoad {
  /** Answers that were as they should be. */
  answered = 0;
  readonly #failures: Failure[] = [];
  readonly #outages: Outage[] = [];
  readonly #target: SoakTarget;
  readonly #clients: Promise<unknown>;
  #isOver = false;

  constructor(target: SoakTarget, clients: number) {
    this.#target = target;
    this.#clients = Promise.all(Array.from({ length: clients }, (_, number) => this.#ask(number)));
    // Told when it is awaited.
    this.#clients.catch(() => {});
  }

  /** Failures from here on are to be expected, until what is returned is called. */
  outage(): () => void {
    const outage = { fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.untilMs = performance.now();
    };
  }

  get failedInside(): number {
    return this.#failures.length - this.failedOutside.length;
  }

  /** What failed although nothing was the matter. */
  get failedOutside(): readonly string[] {
    return this.#failures
      .filter(({ atMs }) => !this.#isOutage(atMs))
      .map(({ atMs, what }) => `${(atMs / 1000).toFixed(1)} s: ${what}`);
  }

  /** Lets the clients leave. @throws when one got what was not its own */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#clients;
  }

  #isOutage(atMs: number): boolean {
    return this.#outages.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs <= untilMs);
  }

  async #ask(number: number): Promise<void> {
    const random = new SeededRandom(SEED + number);
    while (!this.#isOver) {
      const asker: Asker = { random, number, prepared: new Set(), count: 0 };
      try {
        using client = await SoakClient.open(this.#target, nameOf(number));
        await this.#askAs(client, asker);
      } catch (thrown) {
        if (thrown instanceof WrongAnswer) throw thrown;
        const what = thrown instanceof Error ? thrown.message : String(thrown);
        this.#failures.push({ atMs: performance.now(), what });
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  async #askAs(client: SoakClient, asker: Asker): Promise<void> {
    while (!this.#isOver && asker.random.below(STAY) > 0) {
      const operation = anyOperation(asker);
      // Its cancel request may come too late to hit: that has a test of its own.
      if (operation.isCancelled) continue;
      client.send(operation.request);
      for (const check of operation.checks) {
        const cycle = await client.cycle();
        const wrong = check(cycle);
        if (wrong === undefined) this.answered += 1;
        else if (isOfOutage(cycle.errors)) throw new Error(cycle.errors.join("; "));
        else throw new WrongAnswer(`${operation.name}: ${wrong}`);
      }
    }
  }
}

class WrongAnswer extends Error {}

/** Connections to the server that are not to be had, or lost; the gateway's or the server's own end. */
function isOfOutage(errors: readonly string[]): boolean {
  return errors.some((error) => /^(?:08|53|57P)/.test(error));
}
