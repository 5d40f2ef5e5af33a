import { extract, type Header } from "tar-stream";
import { type ArchiveFile, Unpacked, type UnpackLimits } from "./archive-file.ts";
import { InstallError } from "./install-error.ts";

/**
 * The files of a tar archive.
 * @throws InstallError when it holds anything but files and directories, or more than the limits allow; Error when it
 *   is no tar archive
 */
export async function tarFiles(
  tar: Uint8Array,
  limits: UnpackLimits,
): Promise<readonly ArchiveFile[]> {
  const unpacked = new Unpacked(limits);
  const members = extract();
  members.end(tar);
  for await (const member of members) {
    const { name, type, mode, size } = member.header;
    expectSize(member.header);
    if (type === "directory" || (type === "file" && name.endsWith("/"))) {
      member.resume();
      continue;
    }
    if (type !== "file" && type !== "contiguous-file") unpacked.refuseKind(name);
    const path = unpacked.admit(name, size);
    const parts: Uint8Array[] = [];
    // Its types say nothing of what it reads.
    for await (const part of member as AsyncIterable<Uint8Array>) parts.push(part);
    unpacked.add({ path, isExecutable: (mode & 0o111) !== 0, content: joined(parts) });
  }
  return unpacked.files;
}

/** tar-stream takes for a size what only begins like a number, and waits for ever for the end of one that is none. */
function expectSize({ size, pax }: Header): void {
  const hasOwn = typeof pax === "object" && pax !== null && "size" in pax;
  const isWritten = !hasOwn || /^\d+$/.test(String(pax.size));
  if (Number.isSafeInteger(size) && isWritten) return;
  throw new InstallError("the archive has a member of no possible size");
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(0), ...others] = parts;
  return others.length === 0 ? first : Buffer.concat(parts);
}
