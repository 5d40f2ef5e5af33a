/** Reads zip archives, members stored or deflated, by their central directory (APPNOTE 4.3). */
import { inflateRawSync } from "node:zlib";
import {
  type ArchiveFile,
  checkSize,
  MAX_FILE_BYTES,
  MAX_UNPACKED_BYTES,
  pathInside,
} from "./archive-file.ts";
import { InstallError } from "./install-error.ts";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MEMBER_SIGNATURE = 0x02014b50;
const MEMBER_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;

/** The upper half of a member's attributes where Unix made the archive: st_mode. */
const UNIX = 3;
const KIND_OF_FILE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

/** @throws InstallError when it is no zip archive, or holds anything but files and directories */
export function zipFiles(zip: Uint8Array): ArchiveFile[] {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  try {
    return membersOf(zip, view);
  } catch (error) {
    // A place that the archive does not have.
    if (error instanceof RangeError) throw new InstallError("the archive is no zip archive");
    throw error;
  }
}

function membersOf(zip: Uint8Array, view: DataView): ArchiveFile[] {
  const end = endOfDirectory(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  let unpackedBytes = 0;
  const files: ArchiveFile[] = [];
  for (let index = 0; index < count; index++) {
    if (view.getUint32(at, true) !== MEMBER_SIGNATURE) throw new RangeError("no member");
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(
      zip.subarray(at + MEMBER_BYTES, at + MEMBER_BYTES + nameBytes),
    );
    const mode = view.getUint8(at + 5) === UNIX ? view.getUint32(at + 38, true) >>> 16 : 0;
    const kind = mode & KIND_OF_FILE;
    if (![0, REGULAR, DIRECTORY].includes(kind)) {
      throw new InstallError(
        `${JSON.stringify(name)} in the archive is neither file nor directory`,
      );
    }
    if (!name.endsWith("/") && kind !== DIRECTORY) {
      const path = pathInside(name);
      const content = contentOf(zip, view, at, path);
      unpackedBytes += content.length;
      if (unpackedBytes > MAX_UNPACKED_BYTES) throw new InstallError("the archive is too large");
      files.push({ path, isExecutable: (mode & 0o111) !== 0, content });
    }
    at += MEMBER_BYTES + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return files;
}

/** Behind it there may be a comment. */
function endOfDirectory(view: DataView): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at--) {
    if (view.getUint32(at, true) === END_SIGNATURE) return at;
  }
  throw new RangeError("no end");
}

/** @param at of the member in the directory */
function contentOf(zip: Uint8Array, view: DataView, at: number, path: string): Uint8Array {
  const isEncrypted = (view.getUint16(at + 8, true) & 1) !== 0;
  const method = view.getUint16(at + 10, true);
  const crc = view.getUint32(at + 16, true);
  const packedBytes = view.getUint32(at + 20, true);
  const bytes = view.getUint32(at + 24, true);
  const local = view.getUint32(at + 42, true);
  if (isEncrypted) throw new InstallError(`${path} in the archive is encrypted`);
  checkSize(path, bytes);
  if (view.getUint32(local, true) !== LOCAL_SIGNATURE) throw new RangeError("no member");
  const begin =
    local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const packed = zip.subarray(begin, begin + packedBytes);
  const content = unpack(method, packed, path);
  if (content.length !== bytes || Bun.hash.crc32(content) !== crc) {
    throw new InstallError(`${path} in the archive is damaged`);
  }
  return content;
}

function unpack(method: number, packed: Uint8Array, path: string): Uint8Array {
  if (method === 0) return packed;
  if (method !== 8) throw new InstallError(`${path} in the archive is packed by an unknown method`);
  try {
    return inflateRawSync(packed, { maxOutputLength: MAX_FILE_BYTES });
  } catch {
    throw new InstallError(`${path} in the archive is damaged`);
  }
}
