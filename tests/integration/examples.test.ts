/** Every file in examples/ is a configuration that loads, and does what its comment says. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { formatIssue, loadGlobalConfig, loadPluginsConfig } from "../../src/config/index.ts";

const folder = `${import.meta.dir}/../../examples`;
const files = [...new Glob("*.yaml").scanSync(folder)].sort();

test.each(files)("%s loads without an error", (file) => {
  const result = loadGlobalConfig({ configPath: `${folder}/${file}`, env: {} });
  const problems = result.ok ? [] : result.issues.map(formatIssue);
  expect(problems).toEqual([]);
});

const pluginFiles = [...new Glob("plugins/*.yaml").scanSync(folder)].sort();

test.each(pluginFiles)("%s loads without an error", (file) => {
  const result = loadPluginsConfig({ pluginConfigPath: `${folder}/${file}`, env: {}, dev: true });
  const problems = result.ok ? result.config.warnings : result.issues;
  expect(problems.map(formatIssue)).toEqual([]);
});

test("the page of examples names every file", async () => {
  const page = await Bun.file(`${folder}/README.md`).text();
  const all = [...files, ...pluginFiles];
  expect(all.filter((file) => !page.includes(`(${file})`))).toEqual([]);
  expect(files.length).toBeGreaterThan(0);
});
