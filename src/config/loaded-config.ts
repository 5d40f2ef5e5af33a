/** What loading the configuration gives. */
import type { ConfigIssue } from "./config-issue.ts";
import type { ConfigOverride } from "./plugin-overrides.ts";
import type { GlobalConfig, PluginsConfig } from "./schema/index.ts";

/** Where a value came from. */
export type Origin =
  | { readonly kind: "default" }
  | { readonly kind: "file"; readonly file: string; readonly line: number }
  | { readonly kind: "env"; readonly variable: string }
  | { readonly kind: "plugin"; readonly plugin: string };

export interface LoadedConfig {
  readonly global: GlobalConfig;
  readonly plugins: PluginsConfig;
  readonly warnings: readonly ConfigIssue[];
  readonly globalPath: string;
  /** Undefined when there is no plugins file: no plugins. */
  readonly pluginsPath: string | undefined;
  /** By dotted path (`pools.default.writes.size`, `plugins.0.name`), for every single value. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Dotted paths of the values that must not be printed. */
  readonly secretPaths: ReadonlySet<string>;
}

/** Which file was missing, and where it was looked for. */
export interface NotFound {
  readonly what: "global" | "plugins";
  readonly triedPaths: readonly string[];
}

/** Both files, or everything that is wrong with them: errors and warnings, in the files' order. */
export type LoadResult = Loading<LoadedConfig>;

/** Something loaded, or all issues; `notFound` is set when a file was missing. */
export type Loading<T> =
  | { readonly ok: true; readonly config: T }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[]; readonly notFound?: NotFound };

/** One file by itself. */
export interface LoadedFile<T> extends Pick<LoadedConfig, "warnings" | "origins" | "secretPaths"> {
  readonly value: T;
  readonly path: string;
}

/** A file that was looked for. */
export type FoundFile =
  | { readonly kind: "found"; readonly path: string; readonly text: string }
  | { readonly kind: "missing"; readonly notFound: NotFound }
  | { readonly kind: "unreadable"; readonly issue: ConfigIssue };

/** Both files, as far as they could be read. */
export interface ConfigFiles {
  readonly global: FoundFile;
  readonly plugins: FoundFile;
}

export interface LoadOptions {
  /** Default: `./gatewayd.yaml`, then `/etc/gatewayd.yaml`. */
  readonly configPath?: string | undefined;
  /** Default: `./gatewayd_plugins.yaml`, then `/etc/gatewayd_plugins.yaml`; none is fine then. */
  readonly pluginConfigPath?: string | undefined;
  /** Default: the files at these paths, read now. */
  readonly files?: ConfigFiles | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Development: checksums of plugins are not required. */
  readonly dev?: boolean | undefined;
  /** Default true; otherwise a plugin without a valid checksum is only warned of: it is not started. */
  readonly lint?: boolean | undefined;
  /** What plugins have set in gatewayd.yaml, in this order; it goes before everything else. */
  readonly overrides?: readonly ConfigOverride[] | undefined;
  /** Does each step, whose name is GatewayD's, for whoever wants to know how long they take. Default: just does it. */
  readonly step?: LoadStep | undefined;
}

export type LoadStep = <T>(name: string, work: () => T) => T;

export const plainStep: LoadStep = (_, work) => work();
