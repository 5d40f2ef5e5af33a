import { InstallError } from "./install-error.ts";

/** A regular file of an archive. */
export interface ArchiveFile {
  /** Relative, with `/` between its parts, none of them `..`. */
  readonly path: string;
  readonly isExecutable: boolean;
  readonly content: Uint8Array;
}

/** Limits of what is unpacked. */
export const MAX_FILE_BYTES = 100 * 1024 * 1024;
export const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;

/**
 * The path that a member of an archive is given below the output directory.
 * @throws InstallError when it would be anywhere else
 */
export function pathInside(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const leaves =
    name.startsWith("/") || parts.includes("..") || /[\\\0]/.test(name) || /^[a-z]:/i.test(name);
  if (leaves || parts.length === 0) {
    throw new InstallError(
      `the archive holds ${JSON.stringify(name)}, which would be written outside of the output directory`,
    );
  }
  return parts.join("/");
}

/** @throws InstallError when a member is larger than is unpacked */
export function checkSize(path: string, bytes: number): void {
  if (bytes <= MAX_FILE_BYTES) return;
  throw new InstallError(`${path} in the archive is larger than ${MAX_FILE_BYTES} bytes`);
}
