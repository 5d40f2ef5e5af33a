import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rotatedName, tidyRotated } from "./rotated-files.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const NOW_MS = Date.parse("2024-03-02T13:24:51.987Z");
const HOUR_MS = 3_600_000;
const ROTATION = { maxBackups: 0, maxAge: 0, compress: false, localTime: false };

/** Makes rotated files of these ages. */
function rotate(...hours: readonly number[]): void {
  for (const age of hours) {
    const name = rotatedName(join(directory, "g.log"), NOW_MS - age * HOUR_MS, false);
    writeFileSync(name, `${age}\n`);
  }
}

const tidy = (settings: Partial<typeof ROTATION> = {}) =>
  tidyRotated(join(directory, "g.log"), { ...ROTATION, ...settings }, NOW_MS);
const ages = () =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".log"))
    .map((name) => Number(readFileSync(join(directory, name), "utf8")))
    .sort((a, b) => a - b);

test.each([
  ["/var/log/gatewayd.log", "/var/log/gatewayd-2024-03-02T13-24-51.987.log"],
  ["/var/log/gatewayd", "/var/log/gatewayd-2024-03-02T13-24-51.987"],
  ["/var/log/a.b.json", "/var/log/a.b-2024-03-02T13-24-51.987.json"],
])("%s becomes %s", (path, expected) => {
  expect(rotatedName(path, NOW_MS, false)).toBe(expected);
});

test("names tell the local time when they are to", () => {
  const script = `import { rotatedName } from ${JSON.stringify(join(import.meta.dir, "rotated-files.ts"))};
    console.log(rotatedName("/g.log", ${NOW_MS}, true));`;
  const env = { ...process.env, TZ: "America/New_York" };
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { env });
  expect(stdout.toString().trim()).toBe("/g-2024-03-02T08-24-51.987.log");
});

test("with both limits at 0 nothing is removed", async () => {
  rotate(1, 1_000, 100_000);
  await tidy();
  expect(ages()).toEqual([1, 1_000, 100_000]);
});

test("too many are removed, the oldest first", async () => {
  rotate(3, 1, 4, 2);
  await tidy({ maxBackups: 2 });
  expect(ages()).toEqual([1, 2]);
});

test("too old ones are removed", async () => {
  rotate(1, 47, 49);
  await tidy({ maxAge: 2 });
  expect(ages()).toEqual([1, 47]);
});

test("a file and its compressed form count as one", async () => {
  rotate(1, 2);
  await tidy({ compress: true });
  rotate(2, 3);
  await tidy({ maxBackups: 2 });
  expect(readdirSync(directory).sort()).toEqual([
    "g-2024-03-02T11-24-51.987.log",
    "g-2024-03-02T11-24-51.987.log.gz",
    "g-2024-03-02T12-24-51.987.log.gz",
  ]);
});

test("what only looks alike is left alone", async () => {
  const names = ["g-2024.log", "g-2024-03-02T11-24-51.987.txt", "gg-2024-03-02T11-24-51.987.log"];
  for (const name of [...names, "g.log"]) writeFileSync(join(directory, name), "");
  mkdirSync(join(directory, "g-folder.log"));
  rotate(1, 2);
  await tidy({ maxBackups: 1, maxAge: 1, compress: true });
  expect(readdirSync(directory).sort()).toEqual(
    [...names, "g.log", "g-folder.log", "g-2024-03-02T12-24-51.987.log.gz"].sort(),
  );
});

test("compressing that did not come to its end begins anew", async () => {
  rotate(1);
  writeFileSync(join(directory, "g-2024-03-02T12-24-51.987.log.gz.tmp"), "half");
  await tidy({ compress: true });
  expect(readdirSync(directory)).toEqual(["g-2024-03-02T12-24-51.987.log.gz"]);
  const bytes = readFileSync(join(directory, "g-2024-03-02T12-24-51.987.log.gz"));
  expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe("1\n");
});
