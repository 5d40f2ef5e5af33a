import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommandLine } from "./run-command-line.ts";

test("plugin list shows the names of environment variables, and no secret", async () => {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-list-"));
  const path = join(directory, "plugins.yaml");
  await writeFile(join(directory, "argument"), "from-a-file\n");
  await writeFile(
    path,
    `plugins:
  - name: cache
    localPath: ./cache.ts
    args: ["file:${directory}/argument"]
    env: ["URL=redis://:\${PASSWORD}@cache", "MODE=fast=very"]
`,
  );
  let printed = "";
  const print = async (text: string): Promise<void> => void (printed += text);
  const code = await runCommandLine(["plugin", "list", "-p", path], {
    terminal: { out: print, err: print },
    env: { PASSWORD: "from-the-environment" },
  });
  await rm(directory, { recursive: true });
  expect(printed).toBe(`Total plugins: 1
Plugins:
  Name: cache
  Enabled: true
  Path: ./cache.ts
  Args: ***
  Env:
    URL=***
    MODE=***
  Checksum: 
`);
  expect(code).toBe(0);
});
