import { checkGlobal } from "./check-global.ts";
import { checkPlugins } from "./check-plugins.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { emptyMap } from "./config-tree.ts";
import type { LoadedConfig } from "./loaded-config.ts";

/** Whether the keys of a configuration that was put together from two still fit; the issues have no places. */
export function checkAgain({ global, plugins }: LoadedConfig): readonly ConfigIssue[] {
  const strictness = { dev: true, lint: false };
  return [...checkGlobal(global, emptyMap()), ...checkPlugins(plugins, emptyMap(), strictness)];
}
