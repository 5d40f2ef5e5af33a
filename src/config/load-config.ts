/**
 * Loads the configuration: reads, parses, brings older notations up to date, applies environment
 * variables and secrets, validates, cross-checks. All errors of both files come at once.
 */
import { checkGlobal } from "./check-global.ts";
import { checkPlugins } from "./check-plugins.ts";
import type { ConfigIssue } from "./config-issue.ts";
import {
  type ConfigNode,
  emptyMap,
  type MapNode,
  nodeAt,
  type Path,
  placedIssue,
} from "./config-tree.ts";
import { applyEnvironment, splitVariables } from "./environment-overrides.ts";
import { findConfigFile } from "./find-config-file.ts";
import { addImpliedNames, findEmptyNames, lowerCaseNames } from "./group-names.ts";
import { modernizeGlobal, modernizePlugins } from "./legacy-keys.ts";
import { plainStep } from "./loaded-config.ts";
import type { FoundFile, LoadedFile, Loading, LoadOptions, LoadResult } from "./loaded-config.ts";
import { parseYaml } from "./parse-yaml.ts";
import {
  type GlobalConfig,
  globalSchema,
  keySpec,
  type KeySpec,
  type ObjectSpec,
  type PluginsConfig,
  pluginsSchema,
} from "./schema/index.ts";
import { applyOverride } from "./plugin-overrides.ts";
import { resolveSecrets } from "./secrets.ts";
import { findBareNanoseconds } from "./bare-nanoseconds.ts";
import { validateTree } from "./validate-tree.ts";
import { valueOrigins } from "./value-origins.ts";

const GLOBAL_SPEC = objectSpec(keySpec(globalSchema));
const PLUGINS_SPEC = objectSpec(keySpec(pluginsSchema));

/** Both files. A plugins file that is neither named nor found means no plugins. */
export function loadConfig(options: LoadOptions): LoadResult {
  const global = loadGlobalConfig(options);
  const plugins = loadPlugins(options, options.pluginConfigPath !== undefined);
  if (!global.ok || !plugins.ok) {
    const issues = [global, plugins].flatMap((part) =>
      part.ok ? part.config.warnings : part.issues,
    );
    const notFound = [global, plugins].find((part) => !part.ok && part.notFound !== undefined);
    if (notFound === undefined || notFound.ok || notFound.notFound === undefined) {
      return { ok: false, issues };
    }
    return { ok: false, issues, notFound: notFound.notFound };
  }
  const [first, second] = [global.config, plugins.config];
  return {
    ok: true,
    config: {
      global: first.value,
      plugins: second.value,
      warnings: [...first.warnings, ...second.warnings],
      globalPath: first.path,
      pluginsPath: second.path === "" ? undefined : second.path,
      origins: new Map([...first.origins, ...second.origins]),
      secretPaths: new Set([...first.secretPaths, ...second.secretPaths]),
    },
  };
}

/** gatewayd.yaml by itself. */
export function loadGlobalConfig(options: LoadOptions): Loading<LoadedFile<GlobalConfig>> {
  const file = options.files?.global ?? findConfigFile("global", options.configPath);
  return file.kind === "found" ? readGlobal(file.text, file.path, options) : failure(file);
}

/** The text of a gatewayd.yaml; `path` is what issues call it. */
export function readGlobal(
  text: string,
  path: string,
  options: LoadOptions,
): Loading<LoadedFile<GlobalConfig>> {
  const { others } = splitVariables(options.env, PLUGINS_SPEC);
  const { root, issues, isComplete } = readTree(text, path);
  if (!isComplete) return { ok: false, issues };
  const { step = plainStep } = options;
  step("Validate global config", () => {
    issues.push(...modernizeGlobal(root), ...lowerCaseNames(root), ...findEmptyNames(root));
    addImpliedNames(root);
  });
  step("Load global environment variables", () => {
    issues.push(...applyEnvironment(root, GLOBAL_SPEC, others));
  });
  for (const override of options.overrides ?? []) issues.push(...applyOverride(root, override));
  if (options.overrides !== undefined) addImpliedNames(root);
  const missing = resolveSecrets(root, options.env);
  const { value, issues: faults } = step("Unmarshal global config", () =>
    validateTree(root, globalSchema, GLOBAL_SPEC),
  );
  issues.push(...missing, ...besides(missing, faults), ...findBareNanoseconds(root, GLOBAL_SPEC));
  step("Lint configuration files", () => {
    if (value !== undefined) issues.push(...besides(missing, checkGlobal(value, root)));
  });
  return conclude(path, value, issues, root, GLOBAL_SPEC);
}

/** gatewayd_plugins.yaml by itself; it must be there. */
export function loadPluginsConfig(options: LoadOptions): Loading<LoadedFile<PluginsConfig>> {
  return loadPlugins(options, true);
}

/** The result's path is empty where no file is needed and none was found. */
function loadPlugins(options: LoadOptions, isNeeded: boolean): Loading<LoadedFile<PluginsConfig>> {
  const file = options.files?.plugins ?? findConfigFile("plugins", options.pluginConfigPath);
  if (file.kind === "unreadable" || (file.kind === "missing" && isNeeded)) return failure(file);
  return file.kind === "found"
    ? readPlugins(file.text, file.path, options)
    : readPlugins("", "", options);
}

/** The text of a gatewayd_plugins.yaml; `path` is what issues call it. */
export function readPlugins(
  text: string,
  path: string,
  options: LoadOptions,
): Loading<LoadedFile<PluginsConfig>> {
  const { inSpec } = splitVariables(options.env, PLUGINS_SPEC);
  const { root, issues, isComplete } = readTree(text, path);
  if (!isComplete) return { ok: false, issues };
  const { step = plainStep } = options;
  issues.push(...modernizePlugins(root));
  step("Load plugin environment variables", () => {
    issues.push(...applyEnvironment(root, PLUGINS_SPEC, inSpec));
  });
  const missing = resolveSecrets(root, options.env, (at) => isUnneeded(root, at));
  const { value, issues: faults } = step("Unmarshal plugin config", () =>
    validateTree(root, pluginsSchema, PLUGINS_SPEC),
  );
  issues.push(...missing, ...besides(missing, faults), ...findBareNanoseconds(root, PLUGINS_SPEC));
  if (value !== undefined) {
    const strictness = { dev: options.dev === true, lint: options.lint !== false };
    issues.push(...checkPlugins(value, root, strictness));
  }
  return conclude(path, value, issues, root, PLUGINS_SPEC);
}

/**
 * Values that may refer to a variable that is not set: those of Redis while it is off, and what a
 * plugin gets in its environment, as the plugin may do without.
 */
function isUnneeded(root: ConfigNode, path: Path): boolean {
  if (path[0] === "plugins") return path[2] === "env";
  const enabled = nodeAt(root, ["actionRedis", "enabled"]);
  const isOff = enabled?.kind !== "scalar" || /^(false|no|off|n|0|)$/i.test(enabled.text);
  return path[0] === "actionRedis" && isOff;
}

/** Without errors of the same keys: what a missing secret leaves behind is nobody's value. */
function besides(
  missing: readonly ConfigIssue[],
  faults: readonly ConfigIssue[],
): readonly ConfigIssue[] {
  const paths = new Set(missing.map(({ path }) => path));
  return faults.filter(({ path, severity }) => severity !== "error" || !paths.has(path));
}

function readTree(text: string, path: string) {
  const parsed = parseYaml(text, path);
  const issues = [...parsed.issues];
  const { root } = parsed;
  if (root.kind === "map") return { root, issues, isComplete: parsed.isComplete };
  const isEmpty = root.kind === "scalar" && root.value === null;
  if (!isEmpty) issues.push(placedIssue(root.place, [], "error", "must be a map of keys"));
  return { root: emptyMap(), issues, isComplete: parsed.isComplete && isEmpty };
}

function conclude<T extends object>(
  path: string,
  value: T | undefined,
  issues: readonly ConfigIssue[],
  root: MapNode,
  spec: KeySpec,
): Loading<LoadedFile<T>> {
  const sorted = inOrder(issues);
  if (value === undefined || sorted.some(({ severity }) => severity === "error")) {
    return { ok: false, issues: sorted };
  }
  const { origins, secretPaths } = valueOrigins(value, spec, root);
  return { ok: true, config: { value, path, warnings: sorted, origins, secretPaths } };
}

/** By line and column; what has no place in the file comes last. */
function inOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const last = Number.MAX_SAFE_INTEGER;
  return issues.toSorted(
    (left, right) =>
      (left.line ?? last) - (right.line ?? last) || (left.column ?? last) - (right.column ?? last),
  );
}

function failure(file: Exclude<FoundFile, { kind: "found" }>): Loading<never> {
  if (file.kind === "unreadable") return { ok: false, issues: [file.issue] };
  const { what, triedPaths } = file.notFound;
  const init = what === "global" ? "gatewayd config init" : "gatewayd plugin init";
  const message = `not found: tried ${triedPaths.join(", ")}; \`${init}\` writes one`;
  const issue: ConfigIssue = { severity: "error", path: "", message };
  return { ok: false, issues: [issue], notFound: file.notFound };
}

function objectSpec(spec: KeySpec): ObjectSpec {
  if (spec.kind !== "object") throw new TypeError("a configuration file is a map of keys");
  return spec;
}
