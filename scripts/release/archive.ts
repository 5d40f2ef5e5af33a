/** The archives of a release: the same files give the same bytes, whenever and wherever they are packed. */
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { zipSync, type Zippable } from "fflate";
import { pack } from "tar-stream";

/** A file of an archive. */
export interface ArchiveMember {
  readonly name: string;
  readonly content: Uint8Array;
  /** Default false. */
  readonly isExecutable?: boolean;
}

/** How an archive is packed. */
export interface ArchiveOptions {
  /** What all members bear. */
  readonly modifiedAt: Date;
  /** From 0, which does not compress, to 9. Default 6. */
  readonly level?: 0 | 1 | 6 | 9;
}

/** A `.tar.gz`, its members owned by root. */
export async function tarGz(
  members: readonly ArchiveMember[],
  { modifiedAt, level = 6 }: ArchiveOptions,
): Promise<Uint8Array> {
  const tar = pack();
  for (const { name, content, isExecutable } of members) {
    tar.entry({ name, mode: modeOf(isExecutable), mtime: modifiedAt }, Buffer.from(content));
  }
  tar.finalize();
  return gzipSync(await buffer(tar), { level });
}

/** A `.zip` that keeps permission bits. */
export function zip(
  members: readonly ArchiveMember[],
  { modifiedAt, level = 6 }: ArchiveOptions,
): Uint8Array {
  const files: Zippable = {};
  for (const { name, content, isExecutable } of members) {
    // Written by Unix, so that the attributes are its permission bits.
    files[name] = [content, { os: 3, attrs: (0o100_000 | modeOf(isExecutable)) * 0x1_0000 }];
  }
  return zipSync(files, { level, mtime: localTimeOf(modifiedAt) });
}

function modeOf(isExecutable = false): number {
  return isExecutable ? 0o755 : 0o644;
}

/** Zip has no time zone: the same wall clock everywhere, that of UTC. */
function localTimeOf(time: Date): Date {
  return new Date(time.getTime() + time.getTimezoneOffset() * 60_000);
}
