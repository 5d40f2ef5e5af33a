/** Who may log in to a group, and how: what the sessions of pooled modes ask before anything else. */
import { randomBytes } from "node:crypto";
import { findRule } from "../../auth/index.ts";
import type {
  AuthenticatorOptions,
  AuthMethod,
  LoginRequest,
  LoginRule,
  LoginThrottle,
  ScramCredential,
  ScramSecrets,
  UserMapEntry,
  UserTable,
} from "../../auth/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { ConnectionCaps } from "./connection-caps.ts";

export interface LoginGateOptions {
  /** What holds where no rule says something else. */
  readonly method: AuthMethod;
  /** Read at each login. First match wins, and who fits none is not admitted; undefined: all are. */
  readonly rules: (() => readonly LoginRule[]) | undefined;
  /** Read at each login, so that changed users need no restart. */
  readonly users: () => UserTable;
  /** Undefined: a certificate is good for the users it names. */
  readonly userMap: readonly UserMapEntry[] | undefined;
  readonly secrets: ScramSecrets;
  readonly throttle: LoginThrottle;
  readonly caps: ConnectionCaps;
  /** Let passwords come in clear text without TLS too. */
  readonly allowUnencryptedCleartext: boolean;
  /** tls-server-end-point of our certificate, undefined if it has none. */
  readonly channelBinding: () => Uint8Array | undefined;
}

/** Proofs of so many users are remembered. */
const MAX_CREDENTIALS = 10_000;

export class LoginGate {
  readonly #options: LoginGateOptions;
  /** What clients proved themselves with last, by user: it opens the server, too. */
  readonly #credentials = new Map<string, ScramCredential>();

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  get throttle(): LoginThrottle {
    return this.#options.throttle;
  }

  /**
   * How this client has to prove itself.
   * @throws GatewayError ERR_AUTH_REJECTED when the rules do not admit it
   */
  admit(
    request: LoginRequest,
    certificateNames: readonly string[] | undefined,
  ): AuthenticatorOptions {
    const { users, userMap, secrets, allowUnencryptedCleartext, channelBinding } = this.#options;
    const { user, database, isEncrypted } = request;
    return {
      method: this.#methodFor(request),
      userName: user,
      database,
      lookup: users().lookup(user),
      secrets,
      isEncrypted,
      allowUnencryptedCleartext,
      certificateNames,
      ...(userMap !== undefined && { userMap }),
      channelBinding: isEncrypted ? channelBinding() : undefined,
      nowMs: Date.now(),
      randomBytes,
    };
  }

  remember(user: string, credential: ScramCredential): void {
    this.#credentials.delete(user);
    this.#credentials.set(user, credential);
    if (this.#credentials.size <= MAX_CREDENTIALS) return;
    const [oldest] = this.#credentials.keys();
    if (oldest !== undefined) this.#credentials.delete(oldest);
  }

  credentialOf(user: string): ScramCredential | undefined {
    return this.#credentials.get(user);
  }

  /** Counts a client that has logged in, or says why there may be none more. */
  enter(user: string, database: string): ErrorCode | undefined {
    const { users, caps } = this.#options;
    return caps.enter(user, database, users().lookup(user).user?.maxConnections);
  }

  /** Of a client that was counted; once. */
  leave(user: string, database: string): void {
    this.#options.caps.leave(user, database);
  }

  #methodFor(request: LoginRequest): AuthMethod {
    const { rules, method } = this.#options;
    if (rules === undefined) return method;
    const rule = findRule(rules(), request);
    if (rule !== undefined && rule.method !== "reject") return rule.method;
    const place = rule === undefined ? "no rule fits" : `rejected by ${rule.place}`;
    throw new GatewayError(
      "ERR_AUTH_REJECTED",
      `user ${JSON.stringify(request.user)}, database ${JSON.stringify(request.database)}: ${place}`,
    );
  }
}
