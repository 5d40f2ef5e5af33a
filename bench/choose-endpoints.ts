import type { BenchContext } from "./context.ts";
import { alsoEndpoint, type EndpointKind } from "./endpoints/index.ts";
import type { BenchOptions } from "./options.ts";
import type { Missing } from "./result.ts";
import type { Suite } from "./suites/index.ts";

/** Who takes part in a run. */
export interface ChosenEndpoints {
  /** The columns of the tables, in their order. */
  readonly kinds: readonly EndpointKind[];
  /** Those that would be columns, and why they are not. */
  readonly missing: readonly Missing[];
}

/**
 * The endpoints of a comparison and of the command line, as far as they were asked for and can be had; says at
 * the terminal which cannot. @throws when a name is unknown, or given twice.
 */
export async function chooseEndpoints(
  suite: Suite,
  { also, endpoints: wanted }: Pick<BenchOptions, "also" | "endpoints">,
  context: BenchContext,
): Promise<ChosenEndpoints> {
  const all = [...(await suite.endpoints(context)), ...also.map(alsoEndpoint)];
  const names = all.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`--also: there is a ${twice} already`);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--endpoints: unknown "${unknown}"; some of ${names.join(",")}`);
  }

  const chosen = all.filter(({ name }) => wanted === undefined || wanted.includes(name));
  const missing = chosen.flatMap((each) =>
    "reason" in each ? [{ entry: each.name, reason: each.reason }] : [],
  );
  for (const { entry, reason } of missing) {
    context.progress(`going on without ${entry}: ${reason}`);
  }
  return { kinds: chosen.flatMap((each) => ("start" in each ? [each] : [])), missing };
}
