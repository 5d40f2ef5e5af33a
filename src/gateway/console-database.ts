/** The console as a database of one group: who may log in to it, and who they are there. */
import { randomBytes } from "node:crypto";
import type { Caller, ConsoleDoor } from "../admin/index.ts";
import { LoginThrottle, ScramSecrets, UserTable, parseSecret } from "../auth/index.ts";
import type { AuthenticatorOptions } from "../auth/index.ts";
import type { ConsoleConfig } from "../config/index.ts";
import type {
  VirtualAdmission,
  VirtualClient,
  VirtualDatabase,
  VirtualLogin,
} from "../session/index.ts";

export interface ConsoleDatabaseOptions {
  readonly door: ConsoleDoor;
  /** As it is now: a reload may change it. */
  readonly config: () => ConsoleConfig;
  /** A client may come over a Unix socket. */
  readonly hasUnixSocket: boolean;
  /** tls-server-end-point of the group's certificate, undefined if it has none. */
  readonly channelBinding: () => Uint8Array | undefined;
}

type ConsoleUser = ConsoleConfig["users"][number];

/** Bytes that stand for unknown users, the same for the life of the process. */
const PROCESS_SECRET_BYTES = 32;

export class ConsoleDatabase implements VirtualDatabase {
  readonly #options: ConsoleDatabaseOptions;
  readonly #secrets = new ScramSecrets(randomBytes(PROCESS_SECRET_BYTES));
  readonly #throttle = new LoginThrottle();
  #users: readonly ConsoleUser[] = [];
  #table = new UserTable([]);

  constructor(options: ConsoleDatabaseOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    const { config, hasUnixSocket } = this.#options;
    const { enabled, users } = config();
    return enabled && (users.length > 0 || hasUnixSocket);
  }

  isNamed(database: string): boolean {
    return this.#options.config().names.includes(database);
  }

  admit(login: VirtualLogin): VirtualAdmission | undefined {
    const { users } = this.#options.config();
    if (login.host === undefined && login.isOwnUser) {
      // It can do to this process whatever it likes: there is nothing to keep from it.
      return this.#admission(login, undefined, { name: ownName(), role: "admin" });
    }
    if (users.length === 0) return undefined;
    const user = users.find(({ name }) => name === login.user);
    const options = this.#loginOf(login, user, users);
    return this.#admission(login, options, { name: login.user, role: user?.role ?? "viewer" });
  }

  #admission(
    { user, host }: VirtualLogin,
    login: AuthenticatorOptions | undefined,
    caller: Pick<Caller, "name" | "role">,
  ): VirtualAdmission {
    const { door } = this.#options;
    return {
      login,
      holdMs: (isAccepted, nowMs) => this.#holdMs(host, user, isAccepted, nowMs),
      converse: (client: VirtualClient) =>
        door.converse({ ...caller, door: "console", address: client.address }, client),
    };
  }

  /** Who shows the certificate of the user needs no password; whoever is unknown is asked for one, too. */
  #loginOf(
    { user: userName, database, isEncrypted, certificateNames }: VirtualLogin,
    user: ConsoleUser | undefined,
    users: readonly ConsoleUser[],
  ): AuthenticatorOptions {
    const certificate = user?.certificate;
    const isShown = certificate !== undefined && certificateNames?.includes(certificate) === true;
    return {
      method: isShown ? "cert" : "scram-sha-256",
      userName,
      database,
      lookup: this.#tableOf(users).lookup(userName),
      secrets: this.#secrets,
      isEncrypted,
      certificateNames,
      ...(isShown && { userMap: [{ certificate, user: userName }] }),
      channelBinding: isEncrypted ? this.#options.channelBinding() : undefined,
      nowMs: Date.now(),
      randomBytes,
    };
  }

  #tableOf(users: readonly ConsoleUser[]): UserTable {
    if (users === this.#users) return this.#table;
    this.#users = users;
    this.#table = new UserTable(
      users.map(({ name, verifier }) => ({
        name,
        secret: verifier === undefined ? undefined : parseSecret(verifier),
        databases: undefined,
        maxConnections: undefined,
        validUntilMs: undefined,
      })),
    );
    return this.#table;
  }

  #holdMs(host: string | undefined, user: string, isAccepted: boolean, nowMs: number): number {
    if (!isAccepted) return this.#throttle.failed(host, user, nowMs);
    const delayMs = this.#throttle.delayMs(host, user, nowMs);
    this.#throttle.succeeded(host, user);
    return delayMs;
  }
}

/** For the audit log; a name of the configuration would say that somebody has logged in. */
function ownName(): string {
  return `uid ${process.geteuid?.() ?? "?"}`;
}
