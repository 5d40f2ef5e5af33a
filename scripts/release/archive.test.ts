import { expect, test } from "bun:test";
import { unzipSync } from "fflate";
import { extract } from "tar-stream";
import { gunzipSync } from "node:zlib";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { tarGz, zip } from "./archive.ts";

const members = [
  { name: "program", content: Buffer.from("#!"), isExecutable: true },
  { name: "README.md", content: Buffer.from("read me") },
];
const modifiedAt = new Date("2026-01-02T03:04:06Z");

test("a .tar.gz holds the files with their rights, root's, at the time given", async () => {
  const archive = extract();
  Readable.from([gunzipSync(await tarGz(members, { modifiedAt }))]).pipe(archive);
  const found: unknown[] = [];
  for await (const entry of archive) {
    const { name, mode, mtime, uid } = entry.header;
    found.push({ name, mode, mtime, uid, content: await text(entry) });
  }
  expect(found).toEqual([
    { name: "program", mode: 0o755, mtime: modifiedAt, uid: 0, content: "#!" },
    { name: "README.md", mode: 0o644, mtime: modifiedAt, uid: 0, content: "read me" },
  ]);
});

test("a .zip holds the files", () => {
  const files = unzipSync(zip(members, { modifiedAt }));
  expect(
    Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
  ).toEqual([
    ["program", "#!"],
    ["README.md", "read me"],
  ]);
});

test("the same files give the same bytes", async () => {
  expect(await tarGz(members, { modifiedAt })).toEqual(await tarGz(members, { modifiedAt }));
  expect(zip(members, { modifiedAt })).toEqual(zip(members, { modifiedAt }));
});
