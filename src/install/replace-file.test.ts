import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd } from "../../tests/kit/index.ts";

test("where there is room for half of it only, a file stays what it was", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gatewayd-replace-"));
  const path = join(directory, "file");
  writeFileSync(path, "old");
  const module = join(import.meta.dir, "replace-file.ts");
  const script = `import { replaceFile } from ${JSON.stringify(module)};
    process.on("SIGXFSZ", () => {});
    replaceFile(${JSON.stringify(path)}, "x".repeat(100_000));`;
  writeFileSync(join(directory, "script.ts"), script);
  const command = `ulimit -f 8; exec "${process.execPath}" "${join(directory, "script.ts")}"`;
  const { code } = await runToEnd(["sh", "-c", command], { env: {} });
  expect(code).not.toBe(0);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(directory).toSorted()).toEqual(["file", "script.ts"]);
  rmSync(directory, { recursive: true });
});
