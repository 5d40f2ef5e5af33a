import { InstallError } from "./install-error.ts";

/** A regular file of an archive. */
export interface ArchiveFile {
  /** Relative, with `/` between its parts, none of them `..`. */
  readonly path: string;
  readonly isExecutable: boolean;
  readonly content: Uint8Array;
}

/** How much is unpacked of an archive. */
export interface UnpackLimits {
  readonly fileBytes: number;
  /** Of all files together; of tar archives with their headers. */
  readonly bytes: number;
  readonly files: number;
}

/** What has been read of an archive so far, and what of it may be. */
export class Unpacked {
  readonly files: ArchiveFile[] = [];
  readonly #limits: UnpackLimits;
  readonly #paths = new Set<string>();
  #bytes = 0;

  constructor(limits: UnpackLimits) {
    this.#limits = limits;
  }

  /**
   * The path that a file of the archive is given below the output directory.
   * @throws InstallError when it would be anywhere else, has been there before, or is too much
   */
  admit(name: string, bytes: number): string {
    const path = pathInside(name);
    const limits = this.#limits;
    if (bytes > limits.fileBytes) {
      throw new InstallError(`${path} in the archive is larger than ${limits.fileBytes} bytes`);
    }
    this.#bytes += bytes;
    if (this.#bytes > limits.bytes) {
      throw new InstallError(`the archive is larger than ${limits.bytes} bytes`);
    }
    if (this.#paths.has(path)) throw new InstallError(`the archive holds ${path} twice`);
    this.#paths.add(path);
    if (this.#paths.size > limits.files) {
      throw new InstallError(`the archive holds more than ${limits.files} files`);
    }
    return path;
  }

  add(file: ArchiveFile): void {
    this.files.push(file);
  }

  /** @throws InstallError always: a link, a device, or nothing that is known */
  refuseKind(name: string): never {
    throw new InstallError(`${JSON.stringify(name)} in the archive is neither file nor directory`);
  }
}

function pathInside(name: string): string {
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
