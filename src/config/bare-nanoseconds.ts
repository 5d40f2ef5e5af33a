/** Finds durations that lack a unit, which makes them nanoseconds. */
import type { ConfigIssue } from "./config-issue.ts";
import { childOf, type ConfigNode, type Path, placedIssue } from "./config-tree.ts";
import type { KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

/** A warning for each duration given as a number so small that seconds must have been meant. */
export function findBareNanoseconds(
  node: ConfigNode | undefined,
  spec: KeySpec | undefined,
  path: Path = [],
): ConfigIssue[] {
  if (node === undefined || spec === undefined) return [];
  if (node.kind === "map") {
    return [...node.entries.keys()].flatMap((key) =>
      findBareNanoseconds(childOf(node, key), childSpec(spec, key), [...path, key]),
    );
  }
  if (node.kind === "list") {
    return node.items.flatMap((item, index) =>
      findBareNanoseconds(item, childSpec(spec, index), [...path, index]),
    );
  }
  const isSmall = /^0*[1-9]\d{0,5}$/.test(node.text);
  if (spec.info.scalar !== "duration" || !isSmall) return [];
  const message = `a number without a unit is nanoseconds; write ${node.text}s for seconds`;
  return [placedIssue(node.place, path, "warning", message)];
}
