import { gunzipSync } from "node:zlib";
import type { ArchiveFile, UnpackLimits } from "./archive-file.ts";
import { InstallError, reasonOf } from "./install-error.ts";
import { tarFiles } from "./tar-files.ts";
import { zipFiles } from "./zip-files.ts";

const LIMITS: UnpackLimits = {
  fileBytes: 100 * 1024 * 1024,
  bytes: 1024 * 1024 * 1024,
  files: 10_000,
};

/**
 * The files of a `.tar.gz` or `.zip` archive, told apart by their first bytes.
 *
 * @param limits default: those of docs/installing-plugins.md
 * @throws InstallError when it is neither, is damaged, or holds anything that must not be unpacked
 */
export async function archiveFiles(
  archive: Uint8Array,
  limits: UnpackLimits = LIMITS,
): Promise<readonly ArchiveFile[]> {
  try {
    if (isGzip(archive)) return await tarFiles(unzipped(archive, limits), limits);
    if (isZip(archive)) return await zipFiles(archive, limits);
  } catch (error) {
    if (error instanceof InstallError) throw error;
    throw new InstallError(`the archive cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  throw new InstallError("the archive is neither .tar.gz nor .zip");
}

function isGzip(archive: Uint8Array): boolean {
  return archive[0] === 0x1f && archive[1] === 0x8b;
}

function isZip(archive: Uint8Array): boolean {
  return archive[0] === 0x50 && archive[1] === 0x4b;
}

/** At once, because a stream would go on with what a damaged archive has given so far. */
function unzipped(archive: Uint8Array, { bytes }: UnpackLimits): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength: bytes });
  } catch (error) {
    throw new InstallError(`the archive is damaged, or larger than ${bytes} bytes`, {
      cause: error,
    });
  }
}
