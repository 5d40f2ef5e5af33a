/** Puts the values of `GATEWAYD_*` variables into a {@link ConfigNode} tree. */
import type { ConfigIssue } from "./config-issue.ts";
import {
  childOf,
  type ConfigNode,
  emptyMap,
  isNull,
  type MapNode,
  type Path,
  type Place,
  placedIssue,
  textNode,
} from "./config-tree.ts";
import {
  ENVIRONMENT_PREFIX,
  environmentName,
  isForeignVariable,
  knownNames,
  resolveName,
} from "./environment-names.ts";
import { nearestKey } from "./nearest-key.ts";
import { parseJsonValue } from "./parse-yaml.ts";
import type { KeySpec, ObjectSpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Sets, in place, every key that a variable stands for. Values are checked later like those of the
 * file; a variable that stands for nothing is a warning with the nearest name.
 */
export function applyEnvironment(
  root: MapNode,
  spec: KeySpec,
  variables: readonly (readonly [string, string])[],
): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const [variable, value] of variables) {
    const place: Place = { kind: "env", variable };
    const rest = variable.slice(ENVIRONMENT_PREFIX.length);
    const path = resolveName(rest, spec, root);
    if (path === undefined) {
      if (isForeignVariable(variable, value)) continue;
      const nearest = nearestKey(rest, knownNames(spec, root));
      const hint = nearest === undefined ? "" : `, did you mean ${ENVIRONMENT_PREFIX}${nearest}?`;
      issues.push(placedIssue(place, [], "warning", `stands for no known key${hint}`));
      continue;
    }
    const node = valueNode(value, path.reduce<KeySpec | undefined>(childSpec, spec), place);
    if (node === undefined) issues.push(placedIssue(place, path, "error", "is not valid JSON"));
    else setAt(root, path, node);
  }
  return issues;
}

/**
 * The `GATEWAYD_*` variables, in an order that lets list entries be added by index. Those whose
 * first word is a key of `spec` come first in the pair, all others second.
 */
export function splitVariables(env: Environment, spec: ObjectSpec) {
  const words = [...spec.keys.keys()].map(environmentName);
  const inSpec: [string, string][] = [];
  const others: [string, string][] = [];
  const order = new Intl.Collator("en", { numeric: true });
  for (const variable of Object.keys(env).sort(order.compare)) {
    const value = env[variable];
    if (value === undefined || !variable.startsWith(ENVIRONMENT_PREFIX)) continue;
    const rest = variable.slice(ENVIRONMENT_PREFIX.length);
    const isInSpec = words.some((word) => rest === word || rest.startsWith(`${word}_`));
    (isInSpec ? inSpec : others).push([variable, value]);
  }
  return { inSpec, others };
}

function valueNode(value: string, spec: KeySpec | undefined, place: Place): ConfigNode | undefined {
  const isJson = spec?.kind !== "scalar" && /^\s*[[{]/.test(value);
  return isJson ? parseJsonValue(value, place) : textNode(value, place);
}

function setAt(root: MapNode, path: Path, value: ConfigNode): void {
  let node: ConfigNode = root;
  for (const [index, step] of path.entries()) {
    const isLast = index === path.length - 1;
    const next: ConfigNode = isLast
      ? value
      : containerFor(childOf(node, step), path[index + 1] ?? "", value.place);
    if (node.kind === "map") {
      const keyPlace = node.entries.get(String(step))?.keyPlace ?? value.place;
      node.entries.set(String(step), { keyPlace: isLast ? value.place : keyPlace, value: next });
    } else if (node.kind === "list") {
      node.items[Number(step)] = next;
    }
    node = next;
  }
}

/** What is there, if it can hold the next step, or a new map or list. */
function containerFor(
  existing: ConfigNode | undefined,
  next: string | number,
  place: Place,
): ConfigNode {
  if (existing !== undefined && existing.kind !== "scalar") return existing;
  if (typeof next === "string") return emptyMap(place);
  const items = existing === undefined || isNull(existing) ? [] : [existing];
  return { kind: "list", items, place };
}
