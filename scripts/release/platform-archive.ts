import { basename, join } from "node:path";
import type { Target } from "../build.ts";
import { root } from "../repository.ts";
import { type ArchiveMember, type ArchiveOptions, tarGz, zip } from "./archive.ts";

/** Beside the executable in each archive. */
const DOCUMENTS = ["README.md", "LICENSE", "config/gatewayd.yaml", "config/gatewayd_plugins.yaml"];

/** The archive of one platform, `gatewayd-<os>-<arch>-v<version>.tar.gz` or `.zip`. */
export interface PlatformArchive extends ArchiveOptions {
  readonly target: Target;
  readonly version: string;
  /** The executable. */
  readonly binary: string;
  /** Where the archive is put. */
  readonly directory: string;
}

/** Packs the executable with its documents and both configurations; resolves to the path of the archive. */
export async function makePlatformArchive(options: PlatformArchive): Promise<string> {
  const { target, version, binary, directory } = options;
  const isWindows = target.startsWith("windows");
  const program: ArchiveMember = {
    name: isWindows ? "gatewayd.exe" : "gatewayd",
    content: await Bun.file(binary).bytes(),
    isExecutable: true,
  };
  const documents = DOCUMENTS.map(async (path) => {
    return { name: basename(path), content: await Bun.file(join(root, path)).bytes() };
  });
  const members = [program, ...(await Promise.all(documents))];
  const path = join(directory, archiveName(target, version));
  await Bun.write(path, isWindows ? zip(members, options) : await tarGz(members, options));
  return path;
}

function archiveName(target: Target, version: string): string {
  const [os = "", processor, libc] = target.split("-");
  const parts = ["gatewayd", os, processor === "x64" ? "amd64" : processor, libc, `v${version}`];
  const extension = os === "windows" ? "zip" : "tar.gz";
  return `${parts.filter((part) => part !== undefined).join("-")}.${extension}`;
}
