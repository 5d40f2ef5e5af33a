import type { Difference } from "./differences.ts";
import type { Sharing } from "./modes.ts";
import type { ParitySession } from "./parity-session.ts";
import type { Stage } from "./stage.ts";

/** One script, run directly and in each mode; what its connections receive must be the same. */
export interface ParityCase {
  readonly name: string;
  readonly script: (stage: Stage) => Promise<void>;
  readonly sharing: Sharing;
  /** Where it is not the same, by design. */
  readonly differs: readonly Difference[];
}

/** What is not the same for all cases. */
export interface CaseOptions {
  /** Default `turns`; sessions that keep a server connection between units need `beside`. */
  readonly sharing?: Sharing;
  readonly differs?: readonly Difference[];
}

/** A case with one client, which has logged in. */
export function oneClient(
  name: string,
  script: (client: ParitySession, stage: Stage) => Promise<void>,
  options: CaseOptions & { readonly startup?: Readonly<Record<string, string>> } = {},
): ParityCase {
  const { startup, ...others } = options;
  return onStage(name, async (stage) => script(await stage.session(startup), stage), others);
}

/** A case that makes its connections itself. */
export function onStage(
  name: string,
  script: (stage: Stage) => Promise<void>,
  { sharing = "turns", differs = [] }: CaseOptions = {},
): ParityCase {
  return { name, script, sharing, differs };
}

/** Cases of simple queries: name to texts, sent one after the other. */
export function simpleQueries(
  cases: Readonly<Record<string, readonly string[]>>,
  options: CaseOptions = {},
): readonly ParityCase[] {
  return Object.entries(cases).map(([name, texts]) =>
    oneClient(name, async (client) => await client.query(...texts), options),
  );
}
