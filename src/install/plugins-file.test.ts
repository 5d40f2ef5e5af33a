import { expect, test } from "bun:test";
import { defaultPluginsYaml, readPlugins } from "../config/index.ts";
import { hasPlugin, withPlugin } from "./plugins-file.ts";

const INSTALLED = { localPath: "plugins/cache", checksum: "ab".repeat(32) };
const SUGGESTED = { enabled: true, url: "github.com/a/cache@latest", env: ["A=1"], args: ["-v"] };

const FILE = `# yaml-language-server: $schema=x.json

# How long a plugin may take.
timeout: 10s # not longer

plugins:
  # First.
  - name: auth
    localPath: ./auth # here
    checksum: ${"0".repeat(64)}
    env: ["KEY=\${SECRET}", 'B=2']

# The end.
`;

test("an entry is added behind the others, and nothing else changes", () => {
  expect(withPlugin(FILE, "cache", INSTALLED, SUGGESTED)).toBe(
    FILE.replace(
      "\n# The end.",
      `  - name: cache
    enabled: true
    url: github.com/a/cache@latest
    env:
      - A=1
    args:
      - -v
    localPath: plugins/cache
    checksum: ${"ab".repeat(32)}

# The end.`,
    ),
  );
});

test("an entry that is there keeps its own values and comments", () => {
  const text = withPlugin(FILE, "auth", INSTALLED, SUGGESTED);
  expect(text).toBe(
    FILE.replace("./auth", "plugins/cache")
      .replace("0".repeat(64), "ab".repeat(32))
      .replace(
        "'B=2']\n",
        `'B=2']
    enabled: true
    url: github.com/a/cache@latest
    args:
      - -v
`,
      ),
  );
});

test.each([
  ["a file without plugins", "timeout: 10s\n"],
  ["an empty list", "plugins: []\n"],
  ["a key without a value", "plugins:\ntimeout: 10s\n"],
  ["an empty file", ""],
  ["a file of comments", "# nothing\n"],
  ["the default file", defaultPluginsYaml()],
  ["a list that is not indented", "plugins:\n# first\n- name: x\n  localPath: ./x.ts\n"],
])("an entry fits into %s", (_, text) => {
  const changed = withPlugin(text, "cache", INSTALLED, SUGGESTED);
  const result = readPlugins(changed, "x.yaml", { env: {} });
  expect(result).toMatchObject({ ok: true });
  expect(result.ok && result.config.value.plugins.at(-1)).toMatchObject({
    name: "cache",
    ...INSTALLED,
    ...SUGGESTED,
  });
  for (const comment of text.match(/^#.*$/gm) ?? []) expect(changed).toContain(comment);
  expect(hasPlugin(changed, "cache")).toBe(true);
  expect(hasPlugin(text, "cache")).toBe(false);
});
