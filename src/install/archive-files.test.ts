import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Member, tarGz, tarMember, zip } from "../../tests/fixtures/archives.ts";
import { runToEnd, testNeeding } from "../../tests/kit/index.ts";
import { archiveFiles } from "./archive-files.ts";

const kinds: readonly (readonly [
  kind: string,
  pack: (members: readonly Member[]) => Uint8Array,
])[] = [
  ["tar.gz", tarGz],
  ["zip", zip],
];

const shown = (archive: Uint8Array) =>
  archiveFiles(archive).map(({ path, isExecutable, content }) => [
    path,
    isExecutable,
    new TextDecoder().decode(content),
  ]);

describe.each(kinds)("a %s archive", (_, pack) => {
  test("has files, programs among them, and no directories", () => {
    const archive = pack([
      { path: "./plugin", content: "program", mode: 0o755 },
      { path: "docs/", kind: "5" },
      { path: "docs//README.md", content: "x".repeat(1500) },
      { path: "empty" },
    ]);
    expect(shown(archive)).toEqual([
      ["plugin", true, "program"],
      ["docs/README.md", false, "x".repeat(1500)],
      ["empty", false, ""],
    ]);
  });

  test.each(["../evil", "a/../../evil", "/etc/evil", "..", "a\\..\\evil", "C:/evil", "C:evil"])(
    "with %p is refused",
    (path) => {
      expect(() => archiveFiles(pack([{ path: "fine" }, { path, content: "x" }]))).toThrow(
        /outside of the output directory|neither/,
      );
    },
  );

  test("with a link is refused", () => {
    const link = { path: "link", kind: "2", mode: 0o777, content: "/etc/passwd" };
    expect(() => archiveFiles(pack([link]))).toThrow('"link" in the archive is neither');
  });

  test("with a file twice is refused", () => {
    expect(() => archiveFiles(pack([{ path: "a" }, { path: "./a" }]))).toThrow("a twice");
  });

  test("that is cut off anywhere is refused", () => {
    const archive = pack([{ path: "a", content: "abc", mode: 0o755 }]);
    for (let length = 0; length < archive.length; length++) {
      expect(() => archiveFiles(archive.subarray(0, length))).toThrow("archive");
    }
  });
});

test("a file that is none of both is refused", () => {
  expect(() => archiveFiles(Buffer.from("#!/bin/sh\n"))).toThrow("neither .tar.gz nor .zip");
  expect(() => archiveFiles(gzipSync("no tar archive".repeat(100)))).toThrow("no tar archive");
});

test("a damaged member of a zip archive is refused", () => {
  const archive = Buffer.from(zip([{ path: "a", content: "some content" }]));
  const at = archive.indexOf("PK\x01\x02");
  archive.writeUInt32LE(1, at + 16);
  expect(() => archiveFiles(archive)).toThrow("a in the archive is damaged");
});

test("long names of GNU and of pax count", () => {
  const name = `${"long/".repeat(30)}name`;
  const record = ` path=pax/${name}\n`;
  const length = record.length + 3;
  const tar = Buffer.concat([
    tarMember({ path: "././@LongLink", kind: "L", content: `${name}\0` }),
    tarMember({ path: "cut", content: "1" }),
    tarMember({ path: "pax", kind: "x", content: `${length}${record}` }),
    tarMember({ path: "cut", content: "2" }),
    tarMember({ path: "after", content: "3" }),
    Buffer.alloc(1024),
  ]);
  expect(shown(gzipSync(tar)).map(([path]) => path)).toEqual([name, `pax/${name}`, "after"]);
});

test.each(["-1024", "-512", "1.5", "many"])("a size of %p in a tar archive is refused", (size) => {
  const record = ` size=${size}\n`;
  const tar = Buffer.concat([
    tarMember({ path: "pax", kind: "x", content: `${record.length + 2}${record}` }),
    tarMember({ path: "a", content: "1" }),
    Buffer.alloc(1024),
  ]);
  expect(() => archiveFiles(gzipSync(tar))).toThrow("no possible size");
});

testNeeding("tar")("what tar packs is read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gatewayd-tar-"));
  const long = `${"n".repeat(120)}.txt`;
  writeFileSync(join(directory, "plugin"), "program", { mode: 0o755 });
  writeFileSync(join(directory, long), "text");
  for (const format of ["gnu", "pax", "ustar"]) {
    const file = join(directory, "out.tar.gz");
    const names = format === "ustar" ? ["plugin"] : ["plugin", long];
    const { code } = await runToEnd([
      "tar",
      "-czf",
      file,
      `--format=${format}`,
      "-C",
      directory,
      ...names,
    ]);
    expect(code).toBe(0);
    const files = shown(await Bun.file(file).bytes());
    expect(files).toContainEqual(["plugin", true, "program"]);
    expect(files).toHaveLength(names.length);
  }
  rmSync(directory, { recursive: true });
});
