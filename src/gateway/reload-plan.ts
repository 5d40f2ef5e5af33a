/** What a reload has to do. Pure. */
import { configChanges, withoutChanges } from "../config/index.ts";
import type { ConfigChange, LoadedConfig } from "../config/index.ts";

/** Names that are there only before, only after, or both and with something changed. */
export interface NameChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface ReloadPlan {
  /** What is in effect. */
  readonly before: LoadedConfig;
  /** What is to be: as the files say, but for keys that need a restart, which stay as they are. */
  readonly after: LoadedConfig;
  /** What becomes different. */
  readonly changes: readonly ConfigChange[];
  /** Keys that are changed in the files and stay as they are until the gateway is started anew. */
  readonly needsRestart: readonly string[];
  /** A group that is changed has another server, or other blocks. */
  readonly groups: NameChanges;
  /** By group, of those that are there before and after. */
  readonly blocks: ReadonlyMap<string, NameChanges>;
  readonly loggers: NameChanges;
  readonly plugins: NameChanges;
  /** Whether anything at or below a dotted path becomes different: `policies`, `servers.default.routes`. */
  readonly touches: (path: string) => boolean;
}

/** The sections that a group is made of. */
const GROUP_SECTIONS = ["clients", "pools", "proxies", "servers"] as const;
/** The sections that a block is made of. */
const BLOCK_SECTIONS = ["clients", "pools", "proxies"] as const;

export function planReload(before: LoadedConfig, read: LoadedConfig): ReloadPlan {
  const all = configChanges(before, read);
  const waiting = all.filter(({ effect }) => effect === "restart");
  const after = withoutChanges(before, read, waiting);
  const changes = all.filter(({ effect }) => effect === "live");
  const touches = (path: string): boolean =>
    changes.some((change) => isWithin(change.path, path) || isWithin(path, change.path));
  const groups = Object.keys(before.global.servers);
  const groupsAfter = Object.keys(after.global.servers);
  const kept = groups.filter((group) => groupsAfter.includes(group));
  const blocksOf = ({ global }: LoadedConfig, group: string): readonly string[] =>
    Object.keys(global.clients[group] ?? {});
  return {
    before,
    after,
    changes,
    needsRestart: waiting.map(({ path }) => path),
    groups: nameChanges(groups, groupsAfter, (group) =>
      GROUP_SECTIONS.some((section) => touches(`${section}.${group}`)),
    ),
    blocks: new Map(
      kept.map((group) => [
        group,
        nameChanges(blocksOf(before, group), blocksOf(after, group), (block) =>
          BLOCK_SECTIONS.some((section) => touches(`${section}.${group}.${block}`)),
        ),
      ]),
    ),
    loggers: nameChanges(
      Object.keys(before.global.loggers),
      Object.keys(after.global.loggers),
      (group) => touches(`loggers.${group}`),
    ),
    plugins: nameChanges(
      before.plugins.plugins.map(({ name }) => name),
      after.plugins.plugins.map(({ name }) => name),
      (name) => touches(`plugins.${name}`),
    ),
    touches,
  };
}

function nameChanges(
  before: readonly string[],
  after: readonly string[],
  isChanged: (name: string) => boolean,
): NameChanges {
  return {
    added: after.filter((name) => !before.includes(name)),
    removed: before.filter((name) => !after.includes(name)),
    changed: after.filter((name) => before.includes(name) && isChanged(name)),
  };
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`);
}
