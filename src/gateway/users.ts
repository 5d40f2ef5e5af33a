/** The users of a group: read at start, and again when their file changes. */
import { readFileSync, statSync } from "node:fs";
import { UserTable, readUsersFile } from "../auth/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";

/** How often the file is looked at. A changed password counts within this time. */
const CHECK_MS = 2_000;

export class Users {
  readonly #file: string;
  readonly #logger: Logger;
  #current: UserTable;
  #stamp: string;
  /** Why the file as it is now cannot be used; said once. */
  #failure: string | undefined;
  #timer: Timer | undefined;

  /** @throws GatewayError ERR_CONFIG_INVALID naming everything that is wrong in the file */
  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
    this.#stamp = stampOf(file);
    this.#current = readUsers(file);
  }

  get current(): UserTable {
    return this.#current;
  }

  /** From now on a file that changes is noticed, until `close`. */
  watch(): void {
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A file that changed is used if it is good; a bad one is reported once and left alone. */
  #check(): void {
    try {
      const stamp = stampOf(this.#file);
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      this.#current = readUsers(this.#file);
      this.#failure = undefined;
      this.#logger.info("Users are reloaded", { usersFile: this.#file, count: this.#current.size });
    } catch (thrown) {
      this.#stamp = "";
      const error = GatewayError.from(thrown);
      if (error.message === this.#failure) return;
      this.#failure = error.message;
      this.#logger.error("Failed to reload the users, keeping the old ones", { error });
    }
  }
}

/** Changes when the file does. */
function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? "missing" : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
}

function readUsers(file: string): UserTable {
  const { users, problems } = readUsersFile(readText(file), file);
  if (problems.length === 0) return new UserTable(users);
  const places = problems.map(
    ({ line, column, message }) => `${file}:${line}:${column}: ${message}`,
  );
  throw new GatewayError("ERR_CONFIG_INVALID", places.join("\n"));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const { message } = GatewayError.from(thrown);
    throw new GatewayError("ERR_CONFIG_INVALID", `cannot use the users file ${file}: ${message}`, {
      cause: thrown,
    });
  }
}
