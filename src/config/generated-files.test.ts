import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatIssue } from "./config-issue.ts";
import { defaultGlobalYaml, defaultPluginsYaml } from "./default-files.ts";
import { generatedConfigFiles } from "./generated-files.ts";
import { readGlobal, readPlugins } from "./load-config.ts";

test.each(generatedConfigFiles().map(({ path, content }) => [path, content] as const))(
  "%s is what the schemas say (`bun run gen` writes it)",
  (path, content) => {
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
    expect(committed).toBe(content);
  },
);

test("the file that `config init` writes loads without a remark and changes nothing", () => {
  const written = readGlobal(defaultGlobalYaml(), "f.yaml", { env: {} });
  const empty = readGlobal("", "f.yaml", { env: {} });
  expect(written.ok && written.config.warnings.map(formatIssue)).toEqual([]);
  expect(written.ok && written.config.value).toEqual(empty.ok && empty.config.value);
});

test("the newer keys in it can be uncommented all at once", () => {
  // A comment is a key when a colon follows its first word; explanations have none there.
  const text = defaultGlobalYaml().replace(/^( *)# (\w+: \S+)$/gm, "$1$2");
  expect(text).toContain("\n    maxConnections: 10000");
  const written = readGlobal(text, "f.yaml", { env: {} });
  const errors = written.ok ? [] : written.issues.map(formatIssue);
  expect(errors).toEqual([]);
});

test("the file that `plugin init` writes loads without a remark and changes nothing", () => {
  const written = readPlugins(defaultPluginsYaml(), "p.yaml", { env: {} });
  const empty = readPlugins("", "p.yaml", { env: {} });
  expect(written.ok && written.config.warnings.map(formatIssue)).toEqual([]);
  expect(written.ok && written.config.value).toEqual(empty.ok && empty.config.value);
});

test("editors find the schema by the first line", () => {
  expect(defaultGlobalYaml()).toStartWith("# yaml-language-server: $schema=gatewayd.schema.json\n");
  expect(defaultPluginsYaml()).toStartWith(
    "# yaml-language-server: $schema=gatewayd_plugins.schema.json\n",
  );
});
