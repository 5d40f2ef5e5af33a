/** Which pages are served where: one listener for each address, one page for each path of it. */

/** `metrics.<group>`; times in milliseconds, 0 = no limit. */
export interface PageSettings {
  readonly enabled: boolean;
  readonly address: string;
  readonly path: string;
  readonly readHeaderTimeout: number;
  readonly timeout: number;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface PlannedListener {
  readonly address: string;
  /** Of the first group that is served there: they agree, or the configuration is refused. */
  readonly settings: PageSettings;
  readonly pages: readonly PlannedPage[];
}

export interface PlannedPage {
  readonly path: string;
  /** Those whose series are there. */
  readonly groups: ReadonlySet<string>;
  /** What belongs to no group is there, too: the process, and plugins. */
  readonly isOfAll: boolean;
}

/** The group whose page has what belongs to no group, and the groups that have no page of their own. */
const MAIN_GROUP = "default";

/** @param groups all groups that are served, whether `metrics` speaks of them or not */
export function planPages(
  metrics: Readonly<Record<string, PageSettings>>,
  groups: readonly string[],
): readonly PlannedListener[] {
  const enabled = Object.entries(metrics).filter(([, { enabled }]) => enabled);
  const [main = ""] = enabled.find(([group]) => group === MAIN_GROUP) ?? enabled[0] ?? [];
  const listeners = new Map<string, { settings: PageSettings; pages: Map<string, Set<string>> }>();
  for (const [group, settings] of enabled) {
    const { address, path } = settings;
    const listener = listeners.get(address) ?? { settings, pages: new Map<string, Set<string>>() };
    listeners.set(address, listener);
    const page = listener.pages.get(path) ?? new Set();
    listener.pages.set(path, page.add(group));
    if (group !== main) continue;
    for (const other of groups) if (metrics[other] === undefined) page.add(other);
  }
  return [...listeners].map(([address, { settings, pages }]) => ({
    address,
    settings,
    pages: [...pages].map(([path, groupsThere]) => ({
      path,
      groups: groupsThere,
      isOfAll: groupsThere.has(main),
    })),
  }));
}

/** Those of the page that a group is on; undefined for a group that is on none, and not counted. */
export function pageSettingsOf<Settings extends Pick<PageSettings, "enabled">>(
  metrics: Readonly<Record<string, Settings>>,
  group: string,
): Settings | undefined {
  const enabled = Object.entries(metrics).filter(([, settings]) => settings.enabled);
  const [, main] = enabled.find(([name]) => name === MAIN_GROUP) ?? enabled[0] ?? [];
  const own = metrics[group] ?? main;
  return own?.enabled === true ? own : undefined;
}
