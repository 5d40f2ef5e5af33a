/** Every file in examples/ is a configuration that loads, and does what its comment says. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { formatIssue, loadGlobalConfig } from "../../src/config/index.ts";

const folder = `${import.meta.dir}/../../examples`;
const files = [...new Glob("*.yaml").scanSync(folder)].sort();

test.each(files)("%s loads without an error", (file) => {
  const result = loadGlobalConfig({ configPath: `${folder}/${file}`, env: {} });
  const problems = result.ok ? [] : result.issues.map(formatIssue);
  expect(problems).toEqual([]);
});

test("the page of examples names every file", async () => {
  const page = await Bun.file(`${folder}/README.md`).text();
  expect(files.filter((file) => !page.includes(`(${file})`))).toEqual([]);
  expect(files.length).toBeGreaterThan(0);
});
