/** A value that is read from files: at start, again when one of them changes, and at each reload. */
import { statSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import type { LogFields, Logger } from "../logging/index.ts";
import type { PreparedPart } from "./reload-part.ts";

/** Files whatever they are for, as those see them who only begin and end to watch. */
export interface Watched {
  /** From now on files that change are noticed, until `close`. */
  watch(): void;
  close(): void;
}

/** Which files, and what they are for. */
export interface FileSource<T> {
  /** What is in them, for the log, e.g. `users`. */
  readonly what: string;
  /** Without any, the value is what `read` makes of nothing. */
  readonly files: readonly string[];
  /** @throws GatewayError ERR_CONFIG_INVALID naming what cannot be used, and why */
  readonly read: () => T;
  /** What the log says of a value that was read again. */
  readonly describe: (value: T) => LogFields;
}

/** What was read, and is not in effect yet. */
export interface PreparedValue<T> extends PreparedPart {
  readonly value: T;
}

export interface WatchedFilesOptions<T> extends FileSource<T> {
  readonly logger: Logger;
  /** Hears that files have changed, or are others, when what is in them is current. Default: nobody does. */
  readonly onChange?: () => void | Promise<void>;
}

/** How often the files are looked at. A change counts within this time. */
const CHECK_MS = 2_000;

export class WatchedFiles<T> implements Watched {
  readonly #logger: Logger;
  readonly #onChange: () => void | Promise<void>;
  #source: FileSource<T>;
  #current: T;
  #stamp: string;
  /** Why the files as they are now cannot be used; said once. */
  #failure: string | undefined;
  #isWatching = false;
  #timer: Timer | undefined;

  /** @throws GatewayError what `read` throws */
  constructor({ logger, onChange = () => {}, ...source }: WatchedFilesOptions<T>) {
    this.#logger = logger;
    this.#onChange = onChange;
    this.#source = source;
    this.#stamp = stampOf(source.files);
    this.#current = source.read();
  }

  get current(): T {
    return this.#current;
  }

  watch(): void {
    this.#isWatching = true;
    if (this.#source.files.length > 0) {
      this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
    }
  }

  close(): void {
    this.#isWatching = false;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Reads anew, these files or others in their place; the value is the current one as soon as that is applied.
   * @throws GatewayError what `read` throws; then everything stays as it is
   */
  prepare(source: FileSource<T> = this.#source): PreparedValue<T> {
    const stamp = stampOf(source.files);
    const value = source.read();
    return { value, apply: () => this.#take(source, stamp, value) };
  }

  async #take(source: FileSource<T>, stamp: string, value: T): Promise<void> {
    const isOther = stamp !== this.#stamp || source.files.join() !== this.#source.files.join();
    this.#source = source;
    this.#stamp = stamp;
    this.#current = value;
    this.#failure = undefined;
    if (this.#isWatching) {
      this.close();
      this.watch();
    }
    if (!isOther) return;
    if (source.files.length > 0) {
      this.#logger.info(`Reloaded the ${source.what}`, source.describe(value));
    }
    await this.#onChange();
  }

  /** Files that changed are used if they are good; bad ones are reported once and left alone. */
  #check(): void {
    const { what, files } = this.#source;
    try {
      if (stampOf(files) !== this.#stamp) void this.prepare().apply();
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.#stamp = "";
      if (error.message === this.#failure) return;
      this.#failure = error.message;
      this.#logger.error(`Failed to reload the ${what}, keeping the old ones`, { error });
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
