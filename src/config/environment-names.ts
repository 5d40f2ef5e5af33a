/** Which key an environment variable stands for, and which variables are none of ours. */
import { childOf, type ConfigNode, type Path } from "./config-tree.ts";
import type { KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

export const ENVIRONMENT_PREFIX = "GATEWAYD_";

/** A key as a part of a variable's name: upper case, every other character an underscore. */
export function environmentName(key: string): string {
  return key.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/**
 * The path that the rest of a variable's name (without the prefix) stands for. Names of groups,
 * blocks and list entries are those in the tree; the longest that fits is tried first, as names may
 * contain underscores themselves. An entry one past the end of a list can be given by its index, and
 * a key where there may be any, such as a setting of the server, by its name.
 */
export function resolveName(
  rest: string,
  spec: KeySpec,
  node: ConfigNode | undefined,
): Path | undefined {
  for (const { step, name } of stepsBelow(spec, node)) {
    const below = childSpec(spec, step);
    if (below === undefined) continue;
    // Groups and blocks are not given as a whole: a name may be the beginning of another one's key.
    const isWhole = spec.kind !== "named" && below.kind !== "named";
    if (rest === name && isWhole) return [step];
    if (!rest.startsWith(`${name}_`)) continue;
    const tail = resolveName(rest.slice(name.length + 1), below, childOf(node, step));
    if (tail !== undefined) return [step, ...tail];
  }
  const isAnyKey = spec.kind === "object" && spec.others !== undefined && rest !== "";
  return isAnyKey ? [rest.toLowerCase()] : undefined;
}

/** Every variable name, without the prefix, that stands for a single value or a list. */
export function knownNames(spec: KeySpec, node: ConfigNode | undefined): string[] {
  return stepsBelow(spec, node).flatMap(({ step, name }) => {
    const below = childSpec(spec, step);
    if (below === undefined) return [];
    const tails = knownNames(below, childOf(node, step)).map((tail) => `${name}_${tail}`);
    return below.kind === "object" || below.kind === "named" ? tails : [name, ...tails];
  });
}

interface Step {
  readonly step: string | number;
  readonly name: string;
}

/** The ways down from a node, those with the longest names first. */
function stepsBelow(spec: KeySpec, node: ConfigNode | undefined): Step[] {
  const steps: Step[] = [];
  if (spec.kind === "object") {
    const others = spec.others !== undefined && node?.kind === "map" ? node.entries.keys() : [];
    for (const key of new Set([...spec.keys.keys(), ...others])) {
      steps.push({ step: key, name: environmentName(key) });
    }
  } else if (spec.kind === "named" && node?.kind === "map") {
    for (const key of node.entries.keys()) steps.push({ step: key, name: environmentName(key) });
  } else if (spec.kind === "list") {
    const items = node?.kind === "list" ? node.items : [];
    for (let index = 0; index <= items.length; index++) {
      steps.push({ step: index, name: String(index) });
    }
    for (const [index, item] of items.entries()) {
      const title = titleOf(item, spec.item);
      if (title !== undefined) steps.push({ step: index, name: environmentName(title) });
    }
  }
  return steps.sort((left, right) => right.name.length - left.name.length);
}

/** What an entry of a list is called: the value of the first key of its schema. */
function titleOf(item: ConfigNode, spec: KeySpec): string | undefined {
  if (spec.kind !== "object") return undefined;
  const [key = ""] = spec.keys.keys();
  const title = childOf(item, key);
  return title?.kind === "scalar" && title.text !== "" ? title.text : undefined;
}

/**
 * Whether a variable is set by something else: by Kubernetes for a Service called gatewayd or
 * gatewayd-<something>, or by the gateway for its plugins.
 */
export function isForeignVariable(variable: string, value: string): boolean {
  // The cookie of plugins, and what the command line shows to the admin API.
  if (variable === "GATEWAYD_PLUGIN" || variable === "GATEWAYD_TOKEN") return true;
  if (/^GATEWAYD_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)$/.test(variable)) return true;
  if (/^GATEWAYD_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable)) return true;
  return (
    variable === "GATEWAYD_PORT" || (variable.endsWith("_PORT") && /^(tcp|udp|sctp):/.test(value))
  );
}
