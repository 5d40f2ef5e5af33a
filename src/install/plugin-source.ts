import { statSync } from "node:fs";
import { InstallError } from "./install-error.ts";

/** Where a plugin comes from. */
export type PluginSource = ArchiveSource | ReleaseSource;

/** A `.tar.gz` or `.zip` file on this machine. */
export interface ArchiveSource {
  readonly kind: "archive";
  readonly path: string;
}

/** A release on GitHub. */
export interface ReleaseSource {
  readonly kind: "release";
  readonly account: string;
  readonly repository: string;
  /** A tag (`v0.2.4`), or `latest`. */
  readonly version: string;
}

const RELEASE =
  /^(?:https?:\/\/)?(?:www\.)?github\.com\/([\w-][\w.-]*)\/([\w-][\w.-]*?)(?:\.git)?\/?(?:@([\w.+-]+))?$/;

/**
 * Reads `github.com/<account>/<repository>@<version>`, with or without `https://`; no version is `latest`. Whatever
 * exists as a file is an archive.
 *
 * @throws InstallError when it is neither
 */
export function pluginSource(argument: string): PluginSource {
  const file = statSync(argument, { throwIfNoEntry: false });
  if (file?.isFile() === true) return { kind: "archive", path: argument };
  if (file !== undefined) throw new InstallError(`${argument} is not a file`);
  const [, account, repository, version = "latest"] = RELEASE.exec(argument) ?? [];
  if (account !== undefined && repository !== undefined) {
    return { kind: "release", account, repository, version };
  }
  throw new InstallError(
    `Invalid URL or file path: ${argument} is neither a file nor github.com/<account>/<repository>@<version>`,
  );
}
