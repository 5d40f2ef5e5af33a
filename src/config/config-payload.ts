/** The configuration as hooks and the admin API hand it out. */
import { hidden, hiddenItems, hiddenLeaves, withoutSecrets } from "./hidden-value.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import {
  durationToNanoseconds,
  globalSchema,
  keySpec,
  type KeySpec,
  pluginsSchema,
} from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";
import { toNotation } from "./yaml-writer.ts";

type Tree = Record<string, unknown>;

/**
 * gatewayd.yaml as a nested tree: the original's keys always, newer ones only where they are not
 * left at their defaults, so that existing plugins see what they know. Durations are whole
 * nanoseconds.
 */
export function configPayload(config: Pick<LoadedConfig, "global" | "origins">): Tree {
  const showing = { origins: config.origins, secretPaths: NOTHING, isForPeople: false };
  return toTree(config.global, keySpec(globalSchema), "", showing);
}

/** Both files in the same form for administrators: whatever must not be printed is hidden. */
export function shownPayload(config: LoadedConfig): { global: Tree; plugins: Tree } {
  const { origins, secretPaths } = config;
  const showing = { origins, secretPaths, isForPeople: true };
  return {
    global: toTree(config.global, keySpec(globalSchema), "", showing),
    plugins: toTree(config.plugins, keySpec(pluginsSchema), "", showing),
  };
}

/** A nested tree with dotted keys: `{a: {b: 1}}` becomes `{"a.b": 1}`. Lists are values. */
export function flattenPayload(tree: Readonly<Tree>, prefix = ""): Tree {
  const pairs = Object.entries(tree).flatMap(([key, value]): [string, unknown][] => {
    const path = `${prefix}${key}`;
    return isTree(value) ? Object.entries(flattenPayload(value, `${path}.`)) : [[path, value]];
  });
  return Object.fromEntries(pairs);
}

/** What a plugin says at OnConfigLoaded is read back: a value that it does not know is not in its way. */
const NOTHING: ReadonlySet<string> = new Set();

interface Showing extends Pick<LoadedConfig, "origins" | "secretPaths"> {
  /** What only looks like a secret is hidden, too: nobody reads it back. */
  readonly isForPeople: boolean;
}

function toTree(value: object, spec: KeySpec, path: string, showing: Showing): Tree {
  const tree: Tree = {};
  for (const [key, child] of Object.entries(value)) {
    const below = childSpec(spec, key);
    if (below === undefined) continue;
    const childPath = path === "" ? key : `${path}.${key}`;
    const payload = toPayload(child, below, childPath, showing);
    const isLeftOut = below.info.isNew === true && isAtDefault(payload, childPath, showing);
    if (payload !== undefined && !isLeftOut) tree[key] = payload;
  }
  return tree;
}

function toPayload(value: unknown, spec: KeySpec, path: string, showing: Showing): unknown {
  const shown = (plain: unknown): unknown => (showing.isForPeople ? withoutSecrets(plain) : plain);
  if (value !== undefined && showing.secretPaths.has(path)) {
    if (spec.kind === "any") return hiddenLeaves(value);
    return Array.isArray(value) ? hiddenItems(value) : hidden;
  }
  if (spec.kind === "any") return shown(value);
  if (spec.info.isSecret === true && value !== undefined) return hidden;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const below = childSpec(spec, 0) ?? spec;
    const payloads = items.map((item, index) =>
      toPayload(item, below, `${path}.${index}`, showing),
    );
    return spec.info.isSingleOrList === true && payloads.length === 1 ? payloads[0] : payloads;
  }
  if (typeof value === "object" && value !== null) return toTree(value, spec, path, showing);
  if (spec.info.scalar === "duration") return durationToNanoseconds(Number(value));
  return spec.info.scalar === "mode" ? toNotation(value, spec) : shown(value);
}

function isAtDefault(
  payload: unknown,
  path: string,
  { origins }: Pick<Showing, "origins">,
): boolean {
  if (isTree(payload)) return Object.keys(payload).length === 0;
  return (origins.get(path)?.kind ?? "default") === "default";
}

function isTree(value: unknown): value is Tree {
  if (typeof value !== "object" || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Uint8Array);
}
