import { describe, expect, test } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Member, tarGz, tarMember, zip } from "../../tests/fixtures/archives.ts";
import { SeededRandom } from "../../tests/fixtures/seeded-random.ts";
import { SEED, SEED_HINT, times } from "../../tests/fixtures/test-size.ts";
import { runToEnd, testNeeding } from "../../tests/kit/index.ts";
import type { UnpackLimits } from "./archive-file.ts";
import { archiveFiles } from "./archive-files.ts";
import { InstallError } from "./install-error.ts";

const kinds: readonly (readonly [
  kind: string,
  pack: (members: readonly Member[]) => Uint8Array,
])[] = [
  ["tar.gz", tarGz],
  ["zip", zip],
];

const shown = async (archive: Uint8Array) =>
  (await archiveFiles(archive)).map(({ path, isExecutable, content }) => [
    path,
    isExecutable,
    new TextDecoder().decode(content),
  ]);

describe.each(kinds)("a %s archive", (_, pack) => {
  test("has files, programs among them, and no directories", async () => {
    const archive = pack([
      { path: "./plugin", content: "program", mode: 0o755 },
      { path: "docs/", kind: "5" },
      { path: "docs//README.md", content: "x".repeat(1500) },
      { path: "empty" },
    ]);
    expect(await shown(archive)).toEqual([
      ["plugin", true, "program"],
      ["docs/README.md", false, "x".repeat(1500)],
      ["empty", false, ""],
    ]);
  });

  test.each(["../evil", "a/../../evil", "/etc/evil", "..", "a\\..\\evil", "C:/evil", "C:evil"])(
    "with %p is refused",
    async (path) => {
      await expect(archiveFiles(pack([{ path: "fine" }, { path, content: "x" }]))).rejects.toThrow(
        "outside of the output directory",
      );
    },
  );

  test.each(["1", "2", "3", "6"])("with a member of kind %p is refused", async (kind) => {
    const link = { path: "link", kind, mode: 0o777, content: "/etc/passwd" };
    await expect(archiveFiles(pack([{ path: "a" }, link]))).rejects.toThrow(
      '"link" in the archive is neither',
    );
  });

  test("with a file twice is refused", async () => {
    await expect(archiveFiles(pack([{ path: "a" }, { path: "./a" }]))).rejects.toThrow("a twice");
  });

  test("that is cut off anywhere is refused", async () => {
    const archive = pack([{ path: "a", content: "abc", mode: 0o755 }]);
    for (let length = 0; length < archive.length; length++) {
      await expect(archiveFiles(archive.subarray(0, length))).rejects.toThrow("archive");
    }
  });

  test("with too much in it is refused", async () => {
    const archive = pack(["a", "b", "c"].map((path) => ({ path, content: "0".repeat(1000) })));
    const limits = { fileBytes: 1000, bytes: 8000, files: 3 };
    expect(await archiveFiles(archive, limits)).toHaveLength(3);
    const refused = (limit: Partial<UnpackLimits>) =>
      expect(archiveFiles(archive, { ...limits, ...limit })).rejects;
    await refused({ fileBytes: 999 }).toThrow("a in the archive is larger than 999 bytes");
    await refused({ bytes: 2999 }).toThrow("larger than 2999 bytes");
    await refused({ files: 2 }).toThrow("more than 2 files");
  });
});

test("a file that is none of both is refused", async () => {
  const refused = (bytes: Uint8Array) => expect(archiveFiles(bytes)).rejects;
  await refused(Buffer.from("#!/bin/sh\n")).toThrow("neither .tar.gz nor .zip");
  await refused(gzipSync("no tar archive".repeat(100))).toThrow("cannot be read");
  await refused(Buffer.from("PK and no zip archive")).toThrow("cannot be read");
});

describe("a member of a zip archive is refused", () => {
  /** The archive with other bytes in the directory, from `offset` of the member on. */
  function changed(offset: number, value: number): Buffer {
    const archive = Buffer.from(zip([{ path: "a", content: "0".repeat(5000) }]));
    archive.writeUInt32LE(value, archive.indexOf("PK\x01\x02") + offset);
    return archive;
  }

  test.each([
    ["another checksum", 16, 1, "a in the archive is damaged"],
    ["fewer bytes than are in it", 24, 4999, "a in the archive is damaged"],
    ["more bytes than are in it", 24, 5001, "a in the archive is damaged"],
    ["more packed bytes than the archive", 20, 1_000_000, "a in the archive is damaged"],
    ["a place that the archive does not have", 42, 1_000_000, "a in the archive is damaged"],
    ["a password", 8, 0x0008_0001, "a in the archive is encrypted"],
    ["another packer", 8, 0x000c_0000, "a in the archive is packed by an unknown method"],
  ])("that tells of %s", async (_, offset, value, message) => {
    await expect(archiveFiles(changed(offset, value))).rejects.toThrow(message);
  });
});

test("long names of GNU and of pax count", async () => {
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
  const files = await shown(gzipSync(tar));
  expect(files.map(([path]) => path)).toEqual([name, `pax/${name}`, "after"]);
});

test.each(["-1024", "-512", "1.5", "many"])(
  "a size of %p in a tar archive is refused",
  async (size) => {
    const record = ` size=${size}\n`;
    const tar = Buffer.concat([
      tarMember({ path: "pax", kind: "x", content: `${record.length + 2}${record}` }),
      tarMember({ path: "a", content: "1" }),
      Buffer.alloc(1024),
    ]);
    await expect(archiveFiles(gzipSync(tar))).rejects.toThrow("archive");
  },
);

test("a size in a header that is none is refused", async () => {
  const member = tarMember({ path: "a", content: "1" });
  member[124] = 0xf1;
  await expect(archiveFiles(gzipSync(withSums(member)))).rejects.toThrow("no possible size");
});

test("a tar archive that ends within a member is refused", async () => {
  const tar = tarMember({ path: "a", content: "x".repeat(2000) });
  for (const length of [100, 512, 1024, 2511]) {
    await expect(archiveFiles(gzipSync(tar.subarray(0, length)))).rejects.toThrow("cannot be read");
  }
});

test("a directory of a tar archive that has a size does not hold up what follows", async () => {
  const tar = [
    tarMember({ path: "directory", kind: "5", content: "0".repeat(512) }).subarray(0, 512),
    tarMember({ path: "a", content: "1" }),
    Buffer.alloc(1024),
  ];
  expect(await shown(gzipSync(Buffer.concat(tar)))).toEqual([["a", false, "1"]]);
});

test.each(kinds)(
  "of a %s archive any bytes may be wrong: it is read or refused",
  async (_, pack) => {
    const random = new SeededRandom(SEED);
    const members = ["a", "b/", "c"].map((path) => ({ path, content: "some content ".repeat(50) }));
    for (let round = 0; round < times(300, 5_000); round++) {
      const archive = Buffer.from(pack === zip ? zip(members) : gunzipSync(tarGz(members)));
      for (let count = random.below(4); count >= 0; count--) {
        archive[random.below(archive.length)] = random.below(256);
      }
      const bytes = pack === zip ? archive : gzipSync(withSums(archive));
      await archiveFiles(bytes).catch((error: unknown) => {
        if (!(error instanceof InstallError)) throw new Error(SEED_HINT, { cause: error });
      });
    }
  },
  30_000,
);

/** The sum of each header is made to fit, so that the rest of it is looked at. */
function withSums(tar: Buffer): Buffer {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (tar.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    tar.write("        ", at + 148);
    const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148);
  }
  return tar;
}

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
    const files = await shown(await Bun.file(file).bytes());
    expect(files).toContainEqual(["plugin", true, "program"]);
    expect(files).toHaveLength(names.length);
  }
  rmSync(directory, { recursive: true });
});

testNeeding("python3")("what Python's zipfile packs is read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gatewayd-zip-"));
  const file = join(directory, "out.zip");
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    program = zipfile.ZipInfo("bin/plügin")
    program.external_attr = 0o100755 << 16
    archive.writestr(program, "program")
    archive.writestr("stored", "s" * 100, zipfile.ZIP_STORED)
    with archive.open("large", "w", force_zip64=True) as member:
        member.write(b"text")
`;
  expect((await runToEnd(["python3", "-c", script, file])).code).toBe(0);
  expect(await shown(await Bun.file(file).bytes())).toEqual([
    ["bin/plügin", true, "program"],
    ["stored", false, "s".repeat(100)],
    ["large", false, "text"],
  ]);
  rmSync(directory, { recursive: true });
});
