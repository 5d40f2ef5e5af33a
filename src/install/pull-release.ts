import { readFileSync } from "node:fs";
import { checksumFor, checksumOf } from "./checksums.ts";
import { InstallError } from "./install-error.ts";
import type { InstallOptions } from "./install-plugin.ts";
import type { ReleaseSource } from "./plugin-source.ts";
import { findRelease, readRepositoryFile } from "./release.ts";
import { download } from "./request.ts";
import type { Staging } from "./staging.ts";

const MAX_ARCHIVE_BYTES = 512 * 1024 * 1024;
const MAX_LIST_BYTES = 1024 * 1024;

/** A plugin's archive, on its way to be installed. */
export interface PluginArchive {
  readonly content: Uint8Array;
  /** What was fetched with it, by its names in the staging directory. */
  readonly fetched: readonly string[];
  /** Where it can be had again. */
  readonly url?: string;
  /** A file that belongs to the plugin and may not be in the archive; undefined when there is none. */
  readonly readFile: (name: string) => Promise<string | undefined>;
}

/**
 * Fetches the archive of a release and its list of checksums.
 * @throws InstallError when that is not possible, or the archive is not the one of the list
 */
export async function pullRelease(
  source: ReleaseSource,
  staging: Staging,
  { baseUrl, platform, signal, say, onProgress }: InstallOptions,
): Promise<PluginArchive> {
  const place = { baseUrl, signal };
  const { tag, archive, checksums } = await findRelease(source, platform, place);
  await say(`Downloading ${archive.url}`);
  const list = staging.pathOf(checksums.name);
  await download(checksums.url, list, { signal, maxBytes: MAX_LIST_BYTES });
  const path = staging.pathOf(archive.name);
  await download(archive.url, path, {
    signal,
    maxBytes: MAX_ARCHIVE_BYTES,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const content = readFileSync(path);
  verify(archive.name, content, checksums.name, readFileSync(list, "utf8"));
  await say("Checksum verification passed");
  return {
    content,
    fetched: [archive.name, checksums.name],
    url: `github.com/${source.account}/${source.repository}@${source.version}`,
    readFile: (name) => readRepositoryFile(source, tag, name, place),
  };
}

function verify(name: string, content: Uint8Array, listName: string, list: string): void {
  const expected = checksumFor(name, list);
  const problem =
    expected === undefined
      ? `${listName} has no line for ${name}`
      : expected === checksumOf(content)
        ? undefined
        : `${name} is not what ${listName} tells`;
  if (problem !== undefined) throw new InstallError(`Checksum verification failed: ${problem}`);
}
