import { gunzipSync } from "node:zlib";
import { type ArchiveFile, MAX_UNPACKED_BYTES } from "./archive-file.ts";
import { InstallError } from "./install-error.ts";
import { tarFiles } from "./tar-files.ts";
import { zipFiles } from "./zip-files.ts";

/**
 * The files of a `.tar.gz` or `.zip` archive, told apart by their first bytes.
 * @throws InstallError when it is neither, is damaged, or holds anything that must not be unpacked
 */
export function archiveFiles(archive: Uint8Array): readonly ArchiveFile[] {
  const files = readFiles(archive);
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) throw new InstallError(`the archive holds ${path} twice`);
    paths.add(path);
  }
  return files;
}

function readFiles(archive: Uint8Array): ArchiveFile[] {
  if (archive[0] === 0x1f && archive[1] === 0x8b) return tarFiles(unzipped(archive));
  if (archive[0] === 0x50 && archive[1] === 0x4b) return zipFiles(archive);
  throw new InstallError("the archive is neither .tar.gz nor .zip");
}

function unzipped(archive: Uint8Array): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch {
    throw new InstallError(`the archive is damaged, or larger than ${MAX_UNPACKED_BYTES} bytes`);
  }
}
