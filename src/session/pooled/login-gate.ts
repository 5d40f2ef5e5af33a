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
  UserDirectory,
  UserLookup,
  UserMapEntry,
} from "../../auth/index.ts";
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { ConnectionCaps } from "./connection-caps.ts";

export interface LoginGateOptions {
  /** What holds where no rule says something else; `plugin`: nobody gets in here. */
  readonly method: AuthMethod | "plugin";
  /** Read at each login. First match wins, and who fits none is not admitted; undefined: all are. */
  readonly rules: (() => readonly LoginRule[]) | undefined;
  readonly users: UserDirectory;
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
  #options: LoginGateOptions;
  /** What clients proved themselves with last, by user: it opens the server, too. */
  readonly #credentials = new Map<string, ScramCredential>();

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  /** Other rules, for clients that log in from now on. What is remembered of users stays. */
  reconfigure(options: LoginGateOptions): void {
    this.#options = options;
  }

  /**
   * How this client has to prove itself. Asks a server about its user first, where that is wanted.
   * @throws GatewayError ERR_AUTH_REJECTED when the rules do not admit it, ERR_AUTH_UNANSWERED when a plugin
   *   should have answered it; as a rejection, why the user cannot be asked for
   */
  admit(
    request: LoginRequest,
    certificateNames: readonly string[] | undefined,
  ): AuthenticatorOptions | Promise<AuthenticatorOptions> {
    const { users } = this.#options;
    const { user } = request;
    const method = this.#methodFor(request);
    // Who proves itself without a secret needs no question.
    const isSecret = method !== "trust" && method !== "cert";
    const lookup = isSecret ? users.lookup(user) : users.filed(user);
    if (!(lookup instanceof Promise)) {
      return this.#termsFor(request, certificateNames, method, lookup);
    }
    return lookup.then((found) => this.#termsFor(request, certificateNames, method, found));
  }

  /**
   * For a client that handlers have logged in: the rules hold for it all the same.
   * @throws GatewayError ERR_AUTH_REJECTED when they do not admit it
   */
  expectAdmitted(request: LoginRequest): void {
    if (this.#options.method !== "plugin") this.#methodFor(request);
  }

  /** How long to hold back the answer to a login that succeeds, because of those before it. */
  succeeded(host: string | undefined, user: string, nowMs: number): number {
    const { throttle } = this.#options;
    const delayMs = throttle.delayMs(host, user, nowMs);
    throttle.succeeded(host, user);
    return delayMs;
  }

  /** How long to hold back the answer to one that fails; it is counted. */
  failed(host: string | undefined, user: string, nowMs: number): number {
    this.#options.users.doubt(user);
    return this.#options.throttle.failed(host, user, nowMs);
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
    return caps.enter(user, database, users.find(user)?.maxConnections);
  }

  /** Of a client that was counted; once. */
  leave(user: string, database: string): void {
    this.#options.caps.leave(user, database);
  }

  #termsFor(
    { user, database, isEncrypted }: LoginRequest,
    certificateNames: readonly string[] | undefined,
    method: AuthMethod,
    lookup: UserLookup,
  ): AuthenticatorOptions {
    const { userMap, secrets, allowUnencryptedCleartext, channelBinding } = this.#options;
    return {
      method,
      userName: user,
      database,
      lookup,
      secrets,
      isEncrypted,
      allowUnencryptedCleartext,
      certificateNames,
      userMap,
      channelBinding: isEncrypted ? channelBinding() : undefined,
      nowMs: Date.now(),
      randomBytes,
    };
  }

  #methodFor(request: LoginRequest): AuthMethod {
    const { rules, method } = this.#options;
    if (rules === undefined && method !== "plugin") return method;
    const who = `user ${JSON.stringify(request.user)}, database ${JSON.stringify(request.database)}`;
    if (method === "plugin" || rules === undefined) {
      throw new GatewayError("ERR_AUTH_UNANSWERED", who);
    }
    const rule = findRule(rules(), request);
    if (rule !== undefined && rule.method !== "reject") return rule.method;
    const place = rule === undefined ? "no rule fits" : `rejected by ${rule.place}`;
    throw new GatewayError("ERR_AUTH_REJECTED", `${who}: ${place}`);
  }
}
