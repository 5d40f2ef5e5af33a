/** Calls of hooks are counted from the start; what they are now is the difference between two answers. */
import type { HookCalls } from "../../gen/gatewayd/admin/v1/hooks_pb.ts";
import type { JsonOf } from "./json-of.ts";

type HookJson = JsonOf<HookCalls>;

/** So far back a difference reaches. */
const WINDOW_MS = 10_000;

export interface HookRow extends HookJson {
  /** Undefined until there are two answers. */
  readonly perSecond: number | undefined;
  /** Undefined where there was no call meanwhile. */
  readonly recentMeanMs: number | undefined;
}

interface Sample {
  readonly atMs: number;
  readonly hooks: ReadonlyMap<string, HookJson>;
}

export class HookRates {
  #samples: readonly Sample[] = [];

  /** @param nowMs never goes back */
  rows(hooks: readonly HookJson[], nowMs: number): readonly HookRow[] {
    // Of those that are old enough only the last is needed.
    const old = this.#samples.findLastIndex(({ atMs }) => atMs <= nowMs - WINDOW_MS);
    const samples = this.#samples.slice(Math.max(0, old));
    this.#samples = [
      ...samples,
      { atMs: nowMs, hooks: new Map(hooks.map((one) => [keyOf(one), one])) },
    ];
    const before = samples[0];
    return hooks.map((hook) => {
      const then = before?.hooks.get(keyOf(hook));
      const isKnown = before !== undefined && then !== undefined && hook.calls >= then.calls;
      if (!isKnown) return { ...hook, perSecond: undefined, recentMeanMs: undefined };
      const calls = hook.calls - then.calls;
      return {
        ...hook,
        perSecond: calls / ((nowMs - before.atMs) / 1_000),
        recentMeanMs: calls === 0 ? undefined : (hook.totalMs - then.totalMs) / calls,
      };
    });
  }

  /** Another gateway answers. */
  clear(): void {
    this.#samples = [];
  }
}

function keyOf({ plugin, hook }: HookJson): string {
  return `${plugin}\n${hook}`;
}
