/** A value that is read from files: at start, and again when one of them changes. */
import { statSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import type { LogFields, Logger } from "../logging/index.ts";

/** Files whatever they are for, as those see them who only begin and end to watch. */
export interface Watched {
  /** From now on files that change are noticed, until `close`. */
  watch(): void;
  close(): void;
}

export interface WatchedFilesOptions<T> {
  /** What is in them, for the log, e.g. `users`. */
  readonly what: string;
  readonly files: readonly string[];
  /** @throws GatewayError ERR_CONFIG_INVALID naming what cannot be used, and why */
  readonly read: () => T;
  /** What the log says of a value that was read again. */
  readonly describe: (value: T) => LogFields;
  readonly logger: Logger;
}

/** How often the files are looked at. A change counts within this time. */
const CHECK_MS = 2_000;

export class WatchedFiles<T> implements Watched {
  readonly #options: WatchedFilesOptions<T>;
  #current: T;
  #stamp: string;
  /** Why the files as they are now cannot be used; said once. */
  #failure: string | undefined;
  #timer: Timer | undefined;

  /** @throws GatewayError what `read` throws */
  constructor(options: WatchedFilesOptions<T>) {
    this.#options = options;
    this.#stamp = stampOf(options.files);
    this.#current = options.read();
  }

  get current(): T {
    return this.#current;
  }

  watch(): void {
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Files that changed are used if they are good; bad ones are reported once and left alone. */
  #check(): void {
    const { what, files, read, describe, logger } = this.#options;
    try {
      const stamp = stampOf(files);
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      this.#current = read();
      this.#failure = undefined;
      logger.info(`Reloaded the ${what}`, describe(this.#current));
    } catch (thrown) {
      this.#stamp = "";
      const error = GatewayError.from(thrown);
      if (error.message === this.#failure) return;
      this.#failure = error.message;
      logger.error(`Failed to reload the ${what}, keeping the old ones`, { error });
    }
  }
}

/** Changes when any of the files does. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? "missing" : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    })
    .join(" ");
}
