import { basename } from "node:path";
import type { ArchiveFile } from "./archive-file.ts";
import { checksumFor, checksumOf } from "./checksums.ts";
import { InstallError } from "./install-error.ts";

/** Whether the gateway loads a file itself. */
export function isModule(path: string): boolean {
  return /\.(ts|js|mjs)$/.test(path);
}

/**
 * The plugin itself among the files of its archive: the one called as the plugin is, else the first one, programs
 * before others, whose path has the plugin's name in it.
 * @throws InstallError when there is none
 */
export function pluginBinary(files: readonly ArchiveFile[], name: string): ArchiveFile {
  const named = [name, `${name}.exe`, `${name}.ts`, `${name}.js`, `${name}.mjs`];
  const candidates = files.filter(({ path }) => path.includes(name));
  const found =
    candidates.find(({ path }) => named.includes(basename(path))) ??
    candidates.find(({ isExecutable }) => isExecutable) ??
    candidates[0];
  if (found !== undefined) return found;
  const paths = files.map(({ path }) => path).join(", ") || "nothing";
  throw new InstallError(
    `no file of the archive has the name ${name} in its path; it holds ${paths}`,
  );
}

/** @throws InstallError when the archive has a checksum.txt that tells another checksum of the plugin */
export function checkBinary(files: readonly ArchiveFile[], binary: ArchiveFile): void {
  const list = files.find(({ path }) => basename(path) === "checksum.txt");
  if (list === undefined) return;
  const expected = checksumFor(basename(binary.path), new TextDecoder().decode(list.content));
  if (expected !== undefined && expected !== checksumOf(binary.content)) {
    throw new InstallError(
      `Checksum verification failed: ${binary.path} is not what the archive's checksum.txt tells`,
    );
  }
}
