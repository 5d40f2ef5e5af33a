/** Reads tar archives: ustar with the extensions of GNU (long names) and pax (paths, sizes). */
import { type ArchiveFile, checkSize, pathInside } from "./archive-file.ts";
import { InstallError } from "./install-error.ts";

const BLOCK_BYTES = 512;

/** What a header says that comes in front of the member it is about. */
interface Extension {
  path?: string;
  size?: number;
}

/** @throws InstallError when it is no tar archive, or holds anything but files and directories */
export function tarFiles(tar: Uint8Array): ArchiveFile[] {
  const files: ArchiveFile[] = [];
  let extension: Extension = {};
  let at = 0;
  while (at + BLOCK_BYTES <= tar.length) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) return files;
    checkHeader(header);
    const kind = String.fromCharCode(header[156] ?? 0);
    const bytes = (kind === "x" ? undefined : extension.size) ?? numberIn(header, 124, 12);
    // A negative one would lead back to where the reader has been.
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new InstallError("the archive has a member of no possible size");
    }
    const begin = at + BLOCK_BYTES;
    if (begin + bytes > tar.length) break;
    const content = tar.subarray(begin, begin + bytes);
    at = begin + Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
    if (kind === "x") extension = { ...extension, ...paxRecords(content) };
    else if (kind === "L") extension = { ...extension, path: textIn(content, 0, content.length) };
    else if (kind !== "g") {
      const name = extension.path ?? nameIn(header);
      extension = {};
      if (kind === "5") continue;
      if (!["0", "\0", "7"].includes(kind)) {
        throw new InstallError(
          `${JSON.stringify(name)} in the archive is neither file nor directory`,
        );
      }
      const path = pathInside(name);
      checkSize(path, bytes);
      files.push({ path, isExecutable: (numberIn(header, 100, 8) & 0o111) !== 0, content });
    }
  }
  throw new InstallError("the archive ends in the middle");
}

/** The sum of its bytes, those of the sum itself taken as blanks. */
function checkHeader(header: Uint8Array): void {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (numberIn(header, 148, 8) !== sum) throw new InstallError("the archive is no tar archive");
}

function nameIn(header: Uint8Array): string {
  const name = textIn(header, 0, 100);
  const prefix = textIn(header, 257, 6) === "ustar" ? textIn(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Octal digits, or base 256 where the first bit is set. */
function numberIn(bytes: Uint8Array, from: number, length: number): number {
  const first = bytes[from] ?? 0;
  let number = first & 0x7f;
  if (first < 0x80) number = Number.parseInt(textIn(bytes, from, length).trim() || "0", 8);
  else for (let at = from + 1; at < from + length; at++) number = number * 256 + (bytes[at] ?? 0);
  if (!Number.isSafeInteger(number)) throw new InstallError("the archive is no tar archive");
  return number;
}

/** Up to the first zero byte. */
function textIn(bytes: Uint8Array, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Records `<length> <key>=<value>\n`, the length that of the whole record. */
function paxRecords(content: Uint8Array): Extension {
  const found: Extension = {};
  let at = 0;
  while (at < content.length) {
    const blank = content.indexOf(0x20, at);
    const bytes = Number(textIn(content, at, blank - at));
    if (blank < 0 || !Number.isInteger(bytes) || bytes <= blank - at) {
      throw new InstallError("the archive has a header that cannot be read");
    }
    const record = new TextDecoder().decode(content.subarray(blank + 1, at + bytes - 1));
    const [key, ...value] = record.split("=");
    if (key === "path") found.path = value.join("=");
    if (key === "size") found.size = Number(value.join("="));
    at += bytes;
  }
  return found;
}
