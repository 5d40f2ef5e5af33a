import { expect, test } from "bun:test";
import fc from "fast-check";
import { RecordingClient, flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";
import type { LeaseOutcome } from "./slot.ts";

const PAIRS = ["a", "b", "c"] as const;
const SIZE = 3;

type ServerState = "up" | "down" | "busy" | "slow" | "closed";

type Move =
  | { readonly kind: "ask"; readonly pair: (typeof PAIRS)[number] }
  | { readonly kind: "withdraw" | "lose"; readonly index: number }
  | { readonly kind: "release"; readonly index: number; readonly outcome: LeaseOutcome }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "server"; readonly state: ServerState }
  | { readonly kind: "pause" | "resume" | "reconnect" };

const index = fc.nat({ max: 100 });
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("ask" as const), pair: fc.constantFrom(...PAIRS) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("release" as const),
      index,
      outcome: fc.constantFrom<LeaseOutcome>("clean", "clean", "clean", "broken", "lost"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 10, 50, 150, 400, 2_500),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("withdraw" as const, "lose" as const), index }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("server" as const),
      state: fc.constantFrom<ServerState>("up", "up", "up", "down", "busy", "slow", "closed"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("pause" as const, "resume" as const, "reconnect" as const),
    }),
  },
);

/** A pool with everything turned on, and clients that are watched. */
class World {
  readonly parts = sharedPoolOf({
    size: SIZE,
    minSize: 1,
    queueTimeoutMs: 4_000,
    idleTimeoutMs: 1_000,
    maxLifetimeMs: 3_000,
    pingAfterIdleMs: 300,
    longWaitMs: 1_000,
    ping: async (backend) => {
      await Promise.resolve();
      if (!backend.isConnected) throw new Error("it is gone");
    },
  });
  /** Those that have no answer yet, oldest first, by pair. */
  readonly waiting = new Map<string, RecordingClient[]>();
  readonly holding: RecordingClient[] = [];
  /** What went wrong where nobody hears an exception. */
  readonly faults: string[] = [];
  isPaused = false;

  async make(move: Move): Promise<void> {
    const { pool, server } = this.parts;
    switch (move.kind) {
      case "ask":
        this.#ask(move.pair);
        break;
      case "release":
        this.#release(move.index, move.outcome);
        break;
      case "withdraw":
        this.#withdraw(move.index);
        break;
      case "lose":
        server.open[move.index % Math.max(1, server.open.length)]?.lose();
        break;
      case "pass":
        await this.parts.pass(move.ms, Math.max(1, move.ms / 20));
        break;
      case "server":
        this.#turn(move.state);
        break;
      case "pause":
        this.isPaused = true;
        pool.pause();
        break;
      case "resume":
        this.isPaused = false;
        pool.resume();
        break;
      case "reconnect":
        pool.reconnect();
        break;
    }
    await flush();
    this.check();
  }

  check(): void {
    const { pool, server } = this.parts;
    const { idle, leased, connecting, retiring, waiting, pairs } = pool.snapshot();
    expect(this.faults).toEqual([]);
    expect(idle + leased + connecting + retiring).toBeLessThanOrEqual(SIZE);
    expect(server.open.length + server.connecting).toBeLessThanOrEqual(SIZE);
    expect(leased).toBe(this.holding.length);
    expect(waiting).toBe(this.#allWaiting.length);
    expect(connecting).toBe(server.connecting);
    for (const pair of pairs) {
      expect(pair.waiting).toBe(this.waiting.get(pair.user)?.length ?? 0);
      // Nobody waits beside an idle backend of the own pair.
      if (!this.isPaused && pair.waiting > 0) expect(pair.idle).toBe(0);
    }
  }

  /** From now on everything goes well: nobody is forgotten, and nothing is left in the end. */
  async recover(): Promise<void> {
    const { pool, pass, closeClean } = this.parts;
    this.#turn("up");
    this.isPaused = false;
    pool.resume();
    for (let round = 0; round < 100 && this.#allWaiting.length > 0; round++) {
      while (this.holding.length > 0) this.#release(0, "clean");
      await pass(50);
      this.check();
    }
    expect(this.#allWaiting).toEqual([]);
    while (this.holding.length > 0) this.#release(0, "clean");
    await closeClean();
  }

  get #allWaiting(): readonly RecordingClient[] {
    return [...this.waiting.values()].flat();
  }

  #ask(pair: string): void {
    const client = new RecordingClient(pair);
    const queue = this.waiting.get(pair) ?? [];
    this.waiting.set(pair, queue);
    queue.push(client);
    client.onLease = (slot) => {
      const { isOpen, pair: of } = slot.backend;
      if (queue[0] !== client) this.faults.push("somebody was served out of turn");
      if (!isOpen) this.faults.push("a closed backend was leased");
      if (of.user !== pair) this.faults.push("a backend of another pair was leased");
      if (this.isPaused) this.faults.push("a paused pool leased");
      if (this.holding.some((holder) => holder.slot === slot)) this.faults.push("leased twice");
      client.slot = slot;
      this.holding.push(client);
      this.#forget(client);
    };
    client.onLeaseFailed = () => this.#forget(client);
    this.parts.pool.lane(pairOf(pair)).lease(client.ticket);
  }

  #release(at: number, outcome: LeaseOutcome): void {
    const [client] = this.holding.splice(at % Math.max(1, this.holding.length), 1);
    client?.release(outcome);
  }

  #withdraw(at: number): void {
    const client = this.#allWaiting[at % Math.max(1, this.#allWaiting.length)];
    if (client === undefined) return;
    client.ticket.withdraw();
    this.#forget(client);
  }

  #turn(state: ServerState): void {
    const { server } = this.parts;
    server.isDown = state === "down";
    server.isBusy = state === "busy";
    server.loginMs = state === "slow" ? 30 : 0;
    server.letGoMs = state === "slow" ? 20 : 0;
    server.closedDatabases.clear();
    if (state === "closed") server.closedDatabases.add("b");
  }

  #forget(client: RecordingClient): void {
    const queue = this.waiting.get(client.remoteAddress) ?? [];
    queue.splice(queue.indexOf(client), 1);
  }
}

test("a shared pool keeps its promises whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(anyMove, { minLength: 1, maxLength: 80, size: "max" }),
      async (isWarm, moves) => {
        const world = new World();
        if (isWarm) world.parts.pool.warm(pairOf("a"));
        for (const move of moves) await world.make(move);
        await world.recover();
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);
