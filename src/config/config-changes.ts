/** What is different between two configurations, and what of it takes effect without a restart. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { LoadedConfig } from "./loaded-config.ts";
import { globalSchema, keySpec, pluginsSchema } from "./schema/index.ts";
import type { KeySpec, ReloadEffect } from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";

export interface ConfigChange {
  readonly file: "gatewayd.yaml" | "gatewayd_plugins.yaml";
  /**
   * Dotted: `pools.default.writes.size`. A group, a block or an entry of a list that is there only before or only
   * after is one change, of its name: `servers.tenant`, `plugins.cache`.
   */
  readonly path: string;
  /** The same; names may have dots of their own. */
  readonly steps: readonly string[];
  readonly kind: "added" | "removed" | "changed";
  readonly effect: ReloadEffect;
}

type Configs = Pick<LoadedConfig, "global" | "plugins">;
type Entries = ReadonlyMap<string, unknown>;

const FILES = {
  "gatewayd.yaml": { part: "global", spec: keySpec(globalSchema) },
  "gatewayd_plugins.yaml": { part: "plugins", spec: keySpec(pluginsSchema) },
} as const;

/** File by file, in the order of the schemas. */
export function configChanges(before: Configs, after: Configs): readonly ConfigChange[] {
  return (["gatewayd.yaml", "gatewayd_plugins.yaml"] as const).flatMap((file) => {
    const { part, spec } = FILES[file];
    return changesOf(file, before[part], after[part], spec);
  });
}

function changesOf(
  file: ConfigChange["file"],
  before: object,
  after: object,
  spec: KeySpec,
): readonly ConfigChange[] {
  const changes: ConfigChange[] = [];
  const visit = (
    steps: readonly string[],
    old: unknown,
    young: unknown,
    below: KeySpec,
    inherited: ReloadEffect,
  ): void => {
    if (isDeepStrictEqual(old, young)) return;
    const effect = below.info.reload ?? inherited;
    const add = (of: readonly string[], kind: ConfigChange["kind"]): void => {
      changes.push({ file, path: of.join("."), steps: of, kind, effect });
    };
    const oldEntries = entriesOf(old, below, effect);
    const youngEntries = entriesOf(young, below, effect);
    if (oldEntries === undefined || youngEntries === undefined) {
      add(steps, old === undefined ? "added" : young === undefined ? "removed" : "changed");
      return;
    }
    if (below.kind === "list" && !isSameOrder(oldEntries, youngEntries)) add(steps, "changed");
    for (const name of new Set([...oldEntries.keys(), ...youngEntries.keys()])) {
      const next = [...steps, name];
      const child = below.kind === "list" ? below.item : childSpec(below, name);
      const isKey = below.kind === "object";
      if (!isKey && !oldEntries.has(name)) add(next, "added");
      else if (!isKey && !youngEntries.has(name)) add(next, "removed");
      else if (child !== undefined) {
        visit(next, oldEntries.get(name), youngEntries.get(name), child, effect);
      }
    }
  };
  visit([], before, after, spec, "live");
  return changes;
}

/** The values below one that is looked at key by key; undefined for one that changes as a whole. */
function entriesOf(value: unknown, spec: KeySpec, effect: ReloadEffect): Entries | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (spec.kind === "object" || spec.kind === "named") return new Map(Object.entries(value));
  // A list that stays as it is stays so as a whole.
  if (!Array.isArray(value) || spec.kind !== "list" || effect === "restart") return undefined;
  return namedEntries(value, spec.item);
}

/** Entries of a list that have names are told apart by these; undefined where a name is there twice. */
function namedEntries(items: readonly unknown[], item: KeySpec): Entries | undefined {
  if (item.kind !== "object" || !item.keys.has("name")) return undefined;
  const entries = new Map<string, unknown>();
  for (const entry of items) {
    const name = isTree(entry) ? entry["name"] : undefined;
    if (typeof name !== "string" || entries.has(name)) return undefined;
    entries.set(name, entry);
  }
  return entries;
}

/** Of the entries that both have. */
function isSameOrder(before: Entries, after: Entries): boolean {
  const kept = [...before.keys()].filter((name) => after.has(name));
  const now = [...after.keys()].filter((name) => before.has(name));
  return isDeepStrictEqual(kept, now);
}

/**
 * The configuration that was read, with what `changes` are about as it was before: what is in effect is told as it is.
 */
export function withoutChanges(
  before: LoadedConfig,
  read: LoadedConfig,
  changes: readonly ConfigChange[],
): LoadedConfig {
  if (changes.length === 0) return read;
  const after = structuredClone({ global: read.global, plugins: read.plugins });
  const origins = new Map(read.origins);
  const secretPaths = new Set(read.secretPaths);
  for (const { file, path, steps } of changes) {
    const { part } = FILES[file];
    copyAt(before[part], after[part], steps);
    const isWithin = (each: string): boolean => each === path || each.startsWith(`${path}.`);
    for (const each of read.origins.keys()) if (isWithin(each)) origins.delete(each);
    for (const [each, origin] of before.origins) if (isWithin(each)) origins.set(each, origin);
    for (const each of before.secretPaths) if (isWithin(each)) secretPaths.add(each);
  }
  return { ...read, ...after, origins, secretPaths };
}

/** Makes what is at a path of `to` the same as what is there in `from`: nothing, if need be. */
function copyAt(from: unknown, to: unknown, [step = "", ...rest]: readonly string[]): void {
  if (!isTree(to)) return;
  const value = isTree(from) ? from[step] : undefined;
  if (rest.length > 0) copyAt(value, to[step], rest);
  else if (value === undefined) delete to[step];
  else to[step] = structuredClone(value);
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
