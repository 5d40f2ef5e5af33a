import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { TimerWheel } from "./index.ts";

/** Deadlines fire up to so much late, never early. */
const TICK_MS = 10;

function setUp() {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const beganMs = clock.now();
  const fired: string[] = [];
  const deadline = (name: string) =>
    wheel.deadline(() => fired.push(`${name} at ${clock.now() - beganMs}`));
  return { clock, wheel, fired, deadline };
}

describe("a wheel of timers", () => {
  test("fires a deadline at its time, once", () => {
    const { clock, fired, deadline } = setUp();
    deadline("a").set(100);
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(1_000);
    expect(fired).toEqual(["a at 100"]);
    expect(clock.timerCount).toBe(0);
  });

  test("fires deadlines in the order of their times, whatever the order they were set in", () => {
    const { clock, fired, deadline } = setUp();
    deadline("c").set(3_000);
    deadline("a").set(10);
    deadline("b").set(250);
    clock.advance(5_000);
    expect(fired).toEqual(["a at 10", "b at 250", "c at 3000"]);
  });

  test("calls back once, by way of `after`", () => {
    const { clock, wheel } = setUp();
    let calls = 0;
    const later = wheel.after(50, () => calls++);
    expect(later.isSet).toBe(true);
    clock.advance(500);
    expect([calls, later.isSet]).toEqual([1, false]);
  });

  test("fires a deadline that is set to a time of the clock, at once if that has passed", () => {
    const { clock, fired, deadline } = setUp();
    const beganMs = clock.now();
    deadline("a").setAt(beganMs + 100);
    clock.advance(200);
    deadline("b").setAt(beganMs + 150);
    clock.advance(1);
    expect(fired).toEqual(["a at 100", "b at 200"]);
    expect(clock.timerCount).toBe(0);
  });

  const MOVES: Readonly<Record<string, readonly [readonly (number | "clear")[], string]>> = {
    "moved later": [[100, 300], "a at 300"],
    "moved earlier": [[300, 100], "a at 100"],
    "moved later, then earlier": [[100, 5_000, 200], "a at 200"],
    "cleared, then set to an earlier time": [[60_000, "clear", 100], "a at 100"],
    "cleared, then set to a later time": [[100, "clear", 300], "a at 300"],
  };

  test.each(Object.entries(MOVES))("follows a deadline that is %s", (_, [moves, expected]) => {
    const { clock, fired, deadline } = setUp();
    const moved = deadline("a");
    for (const move of moves) {
      if (move === "clear") moved.clear();
      else moved.set(move);
    }
    clock.advance(100_000);
    expect(fired).toEqual([expected]);
  });

  test("forgets a deadline that is cleared or disposed of", () => {
    const { clock, fired, deadline } = setUp();
    const [cleared, disposed] = [deadline("cleared"), deadline("disposed")];
    cleared.set(100);
    disposed.set(100);
    cleared.clear();
    disposed.dispose();
    expect([cleared.isSet, disposed.isSet]).toEqual([false, false]);
    clock.advance(1_000);
    expect(fired).toEqual([]);
  });

  test("keeps no timer once its last deadline is disposed of", () => {
    const { clock, deadline } = setUp();
    const deadlines = Array.from({ length: 100 }, (_, index) => deadline(`${index}`));
    for (const [index, each] of deadlines.entries()) each.set(index * 7);
    expect(clock.timerCount).toBe(1);
    for (const each of deadlines) each.dispose();
    expect(clock.timerCount).toBe(0);
  });

  test("lets a deadline that fires set itself again", () => {
    const { clock, wheel } = setUp();
    let rounds = 0;
    const heartbeat = wheel.deadline(() => {
      if (++rounds < 5) heartbeat.set(100);
    });
    heartbeat.set(100);
    clock.advance(10_000);
    expect(rounds).toBe(5);
  });

  test("lets a deadline that fires dispose of another of the same moment", () => {
    const { clock, wheel, fired, deadline } = setUp();
    const second = deadline("second");
    wheel.after(100, () => second.dispose());
    second.set(100);
    clock.advance(1_000);
    expect(fired).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });

  test("lets an error of one deadline out, and fires the others", () => {
    const { clock, wheel, fired, deadline } = setUp();
    const throwing = (message: string): void =>
      void wheel.after(100, () => {
        throw new Error(message);
      });
    throwing("first");
    deadline("of the same moment").set(100);
    throwing("second");
    deadline("of another").set(110);
    expect(() => clock.advance(1_000)).toThrow("first");
    expect(() => clock.advance(1_000)).toThrow("second");
    clock.advance(1_000);
    expect(fired).toEqual(["of the same moment at 100", "of another at 110"]);
    expect(clock.timerCount).toBe(0);
  });

  test("waits longer than a timer of the platform can", () => {
    const { clock, fired, deadline } = setUp();
    const dayMs = 24 * 60 * 60 * 1_000;
    deadline("a").set(60 * dayMs);
    clock.advance(59 * dayMs);
    expect(fired).toEqual([]);
    clock.advance(dayMs);
    expect(fired).toEqual([`a at ${60 * dayMs}`]);
  });

  test("fires every deadline no earlier than it should and less than a tick late", () => {
    const move = fc.record({
      which: fc.nat(4),
      what: fc.constantFrom("set", "set", "set", "clear", "dispose"),
      ms: fc.integer({ min: 1, max: 500 }),
      pauseMs: fc.nat(80),
    });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const clock = new FakeClock();
        const wheel = new TimerWheel(clock);
        const dueMs: (number | undefined)[] = [];
        const deadlines = Array.from({ length: 5 }, (_, index) =>
          wheel.deadline(() => {
            const lateMs = clock.now() - (dueMs[index] ?? Number.NaN);
            expect(lateMs).toBeWithin(0, TICK_MS);
            dueMs[index] = undefined;
          }),
        );
        for (const { which, what, ms, pauseMs } of moves) {
          dueMs[which] = what === "set" ? clock.now() + ms : undefined;
          if (what === "set") deadlines[which]?.set(ms);
          else if (what === "clear") deadlines[which]?.clear();
          else deadlines[which]?.dispose();
          clock.advance(pauseMs);
        }
        clock.advance(2_000);
        expect(dueMs.every((due) => due === undefined)).toBe(true);
        expect(clock.timerCount).toBe(0);
      }),
    );
  });
});
