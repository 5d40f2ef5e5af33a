/** Where every value of a parsed configuration came from. */
import { childOf, type ConfigNode, type Place } from "./config-tree.ts";
import type { Origin } from "./loaded-config.ts";
import type { KeySpec } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

export interface ValueOrigins {
  readonly origins: ReadonlyMap<string, Origin>;
  readonly secretPaths: ReadonlySet<string>;
}

/**
 * The origin of each single value of `config` by its dotted path, and which values are secret. A
 * list of single values counts as one value.
 */
export function valueOrigins(config: object, spec: KeySpec, root: ConfigNode): ValueOrigins {
  const origins = new Map<string, Origin>();
  const secretPaths = new Set<string>();
  const visit = (
    value: unknown,
    below: KeySpec | undefined,
    node: ConfigNode | undefined,
    path: string,
  ): void => {
    if (below !== undefined && isBranch(value, below)) {
      for (const [key, child] of Object.entries(value)) {
        const nextPath = path === "" ? key : `${path}.${key}`;
        visit(child, childSpec(below, key), childOf(node, key), nextPath);
      }
      return;
    }
    origins.set(path, originOf(node));
    if (holdsSecret(node) || isSecretKey(below)) secretPaths.add(path);
  };
  visit(config, spec, root, "");
  return { origins, secretPaths };
}

/** Whether a value is shown key by key, or entry by entry, not as one. */
export function isBranch(value: unknown, spec: KeySpec): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (spec.kind !== "list") return spec.kind === "object" || spec.kind === "named";
  return spec.item.kind === "object" && Object.keys(value).length > 0;
}

function originOf(node: ConfigNode | undefined): Origin {
  const place: Place = node?.place ?? { kind: "default" };
  if (place.kind === "default" || (node?.kind === "scalar" && node.value === null)) {
    return { kind: "default" };
  }
  if (place.kind === "env" || place.kind === "plugin") return place;
  return { kind: "file", file: place.file, line: place.line };
}

function holdsSecret(node: ConfigNode | undefined): boolean {
  if (node?.kind === "scalar") return node.isSecret === true;
  if (node?.kind === "list") return node.items.some(holdsSecret);
  return [...(node?.entries.values() ?? [])].some(({ value }) => holdsSecret(value));
}

function isSecretKey(spec: KeySpec | undefined): boolean {
  if (spec?.info.isSecret === true) return true;
  return spec?.kind === "list" && spec.item.info.isSecret === true;
}
