/** What the handlers of OnConfigLoaded make of the configuration, and which of them. */
import { flattenPayload } from "../config/index.ts";
import type { ConfigOverride } from "../config/index.ts";
import type { HandlerAnswer, HookChain, HookPayload } from "../hooks/index.ts";
import { isTermination } from "../hooks/index.ts";

/** Keys of answers that are no keys of a configuration: `__signals__` and the like. */
const RESERVED_PREFIX = "__";

/**
 * Runs the chain. A handler may answer with dotted keys or with maps in maps, and with what it was told beside
 * what it changes; the next one is told of the changes by dotted keys.
 *
 * @param payload by dotted keys
 * @returns in the order of the handlers; nothing when one has terminated
 */
export async function collectOverrides(
  chain: HookChain,
  payload: HookPayload,
): Promise<readonly ConfigOverride[]> {
  const answers: ConfigOverride[] = [];
  const listening = chain.with((registration) => ({
    ...registration,
    handler: async (given, ...about) => {
      const answer = await registration.handler(given, ...about);
      if (!isPayload(answer)) return answer;
      const changes = changesIn(answer, given);
      answers.push({ plugin: registration.name, values: changes });
      return changes;
    },
  }));
  const outcome = await listening.run(payload);
  if (outcome.kind === "terminate") return [];
  return attribute(outcome.payload, payload, answers);
}

function isPayload(answer: HandlerAnswer): answer is HookPayload {
  return answer !== undefined && answer !== null && !isTermination(answer);
}

function changesIn(answer: HookPayload, given: HookPayload): HookPayload {
  const pairs = Object.entries(answer).flatMap(([key, value]) =>
    key.startsWith(RESERVED_PREFIX)
      ? [[key, value] as const]
      : Object.entries(flattenPayload({ [key]: value })),
  );
  return Object.fromEntries(pairs.filter(([key, value]) => !Bun.deepEquals(value, given[key])));
}

/** An answer that came too late has changed nothing, though it was given. */
function attribute(
  after: HookPayload,
  before: HookPayload,
  answers: readonly ConfigOverride[],
): readonly ConfigOverride[] {
  const changed = Object.keys(after).filter(
    (key) => !key.startsWith(RESERVED_PREFIX) && !Bun.deepEquals(after[key], before[key]),
  );
  const authorOf = (key: string): ConfigOverride | undefined =>
    answers.findLast(({ values }) => key in values && Bun.deepEquals(values[key], after[key]));
  return answers
    .map((answer) => {
      const own = changed.filter((key) => authorOf(key) === answer);
      return {
        plugin: answer.plugin,
        values: Object.fromEntries(own.map((key) => [key, after[key]])),
      };
    })
    .filter(({ values }) => Object.keys(values).length > 0);
}
