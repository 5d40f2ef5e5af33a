/**
 * The comparisons that can be run: who takes part, with how many server connections, under which loads.
 * May import: the endpoints, the scenarios, the options.
 */
import type { SuiteName } from "../options.ts";
import { countingSuite } from "./counting.ts";
import { hooksSuite } from "./hooks.ts";
import { modesSuite } from "./modes.ts";
import { passthroughSuite } from "./passthrough.ts";
import type { Suite } from "./suite.ts";
import { tracingSuite } from "./tracing.ts";

export { generationsOf } from "./suite.ts";
export type { Suite } from "./suite.ts";

/** The comparison of a name. */
export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  passthrough: passthroughSuite,
  modes: modesSuite,
  hooks: hooksSuite,
  tracing: tracingSuite,
  counting: countingSuite,
};
