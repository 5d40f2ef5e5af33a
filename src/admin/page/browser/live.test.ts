import { describe, expect, test } from "bun:test";
import { Live } from "./live.ts";
import type { LiveState, Outcome } from "./live.ts";

const ANSWERED: Outcome = { kind: "answered" };
const LOST: Outcome = { kind: "lost", message: "no route" };
const LOCKED: Outcome = { kind: "locked", message: "who are you" };

/** A Live whose attempts and pauses end when the test says so. */
class Stage {
  readonly states: string[] = [];
  asked = 0;
  #answer: ((outcome: Outcome) => void) | undefined;
  #due: (() => void) | undefined;
  readonly live = new Live({
    intervalMs: 2_000,
    ask: () => {
      this.asked++;
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      this.#answer = resolve;
      return promise;
    },
    changed: (state: LiveState, message: string) =>
      this.states.push(message === "" ? state : `${state}: ${message}`),
    after: (_, callback) => {
      this.#due = callback;
      return () => (this.#due = undefined);
    },
  });

  get isWaiting(): boolean {
    return this.#due !== undefined;
  }

  async answer(outcome: Outcome): Promise<void> {
    this.#answer?.(outcome);
    this.#answer = undefined;
    await Promise.resolve();
    await Promise.resolve();
  }

  passTime(): void {
    const due = this.#due;
    this.#due = undefined;
    due?.();
  }
}

describe("the page", () => {
  test("asks again after each answer, never twice at once", async () => {
    const stage = new Stage();
    stage.live.start();
    expect([stage.asked, stage.isWaiting]).toEqual([1, false]);
    await stage.answer(ANSWERED);
    expect([stage.asked, stage.isWaiting]).toEqual([1, true]);
    stage.passTime();
    stage.live.setHidden(true);
    stage.live.setHidden(false);
    expect(stage.asked).toBe(2);
    await stage.answer(ANSWERED);
    expect(stage.isWaiting).toBe(true);
    expect(stage.states).toEqual(["connecting", "live", "hidden", "live"]);
  });

  test("says that the gateway is lost, asks on, and says that it is back", async () => {
    const stage = new Stage();
    stage.live.start();
    await stage.answer(ANSWERED);
    stage.passTime();
    await stage.answer(LOST);
    stage.passTime();
    await stage.answer(LOST);
    stage.passTime();
    await stage.answer(ANSWERED);
    expect(stage.states).toEqual(["connecting", "live", "lost: no route", "live"]);
  });

  test("asks for nothing while it is hidden or paused, and at once when it is not any more", async () => {
    const stage = new Stage();
    stage.live.start();
    await stage.answer(ANSWERED);
    stage.live.setHidden(true);
    stage.live.setPaused(true);
    stage.live.setHidden(false);
    stage.passTime();
    expect([stage.asked, stage.isWaiting, stage.live.state]).toEqual([1, false, "paused"]);
    stage.live.setPaused(false);
    expect(stage.asked).toBe(2);
  });

  test("does not go on when it was hidden amid an attempt", async () => {
    const stage = new Stage();
    stage.live.start();
    stage.live.setHidden(true);
    await stage.answer(ANSWERED);
    expect([stage.isWaiting, stage.live.state]).toEqual([false, "hidden"]);
  });

  test("waits for a token where one is wanted", async () => {
    const stage = new Stage();
    stage.live.start();
    await stage.answer(LOCKED);
    stage.live.setHidden(true);
    stage.live.setHidden(false);
    expect([stage.asked, stage.isWaiting, stage.live.state]).toEqual([1, false, "locked"]);
    stage.live.unlock();
    expect(stage.asked).toBe(2);
    await stage.answer(ANSWERED);
    expect(stage.states).toEqual(["connecting", "locked: who are you", "connecting", "live"]);
  });

  test("does not hold the refusal of one token against the next", async () => {
    const stage = new Stage();
    stage.live.start();
    stage.live.unlock();
    await stage.answer(LOCKED);
    expect([stage.isWaiting, stage.live.state]).toEqual([true, "connecting"]);
  });
});
