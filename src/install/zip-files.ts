import { type Entry, fromBufferPromise, getFileNameLowLevel, type ZipFile } from "yauzl";
import { type ArchiveFile, Unpacked, type UnpackLimits } from "./archive-file.ts";
import { InstallError } from "./install-error.ts";

/** Of the system that a member is from; it has st_mode in the upper half of the attributes. */
const UNIX = 3;
const KIND_OF_FILE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

/**
 * The files of a zip archive.
 * @throws InstallError when it holds anything but files and directories, or more than the limits allow; Error when it
 *   is no zip archive
 */
export async function zipFiles(
  zip: Uint8Array,
  limits: UnpackLimits,
): Promise<readonly ArchiveFile[]> {
  const unpacked = new Unpacked(limits);
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.length);
  // Names are judged here as they are in the archive.
  const file = await fromBufferPromise(bytes, { decodeStrings: false });
  for await (const entry of file.eachEntry()) {
    const { generalPurposeBitFlag: flags, fileNameRaw, extraFields } = entry;
    const name = getFileNameLowLevel(flags, fileNameRaw, extraFields, true);
    const mode = entry.versionMadeBy >>> 8 === UNIX ? entry.externalFileAttributes >>> 16 : 0;
    const kind = mode & KIND_OF_FILE;
    if (![0, REGULAR, DIRECTORY].includes(kind)) unpacked.refuseKind(name);
    if (name.endsWith("/") || kind === DIRECTORY) continue;
    const path = unpacked.admit(name, entry.uncompressedSize);
    if (entry.isEncrypted()) throw new InstallError(`${path} in the archive is encrypted`);
    if (!entry.canDecodeFileData()) {
      throw new InstallError(`${path} in the archive is packed by an unknown method`);
    }
    const content = await contentOf(file, entry, path);
    unpacked.add({ path, isExecutable: (mode & 0o111) !== 0, content });
  }
  return unpacked.files;
}

async function contentOf(file: ZipFile, entry: Entry, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  try {
    // Ends with an error as soon as there is more, or less, than the directory says.
    for await (const part of await file.openReadStreamPromise(entry)) parts.push(part);
  } catch (error) {
    throw new InstallError(`${path} in the archive is damaged`, { cause: error });
  }
  const content = Buffer.concat(parts);
  // yauzl leaves this to its callers.
  if (Bun.hash.crc32(content) === entry.crc32) return content;
  throw new InstallError(`${path} in the archive is damaged`);
}
