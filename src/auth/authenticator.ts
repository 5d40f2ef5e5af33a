/**
 * Drives one client's login, from the choice of its method to its end, without a connection: `start` and
 * `answer` say what to send next, and whoever has the connection frames and sends it.
 *
 * | state          | waits for                         | goes to                                    |
 * | -------------- | --------------------------------- | ------------------------------------------ |
 * | `new`          | start()                           | the first state of the method, or `over`   |
 * | `password`     | a password in clear text          | `over`                                     |
 * | `md5`          | an md5 response                   | `over`                                     |
 * | `mechanism`    | SASLInitialResponse               | `client-final`; without data `client-first`|
 * | `client-first` | SASLResponse with SCRAM's first   | `client-final`                             |
 * | `client-final` | SASLResponse with SCRAM's proof   | `over`                                     |
 * | `checking`     | the end of a check                | as its message says                        |
 * | `over`         | nothing                           |                                            |
 *
 * `trust` and `cert` are over with start(). An answer that the state does not wait for ends the login.
 * Users that are unknown, have expired or have no password that fits the method go through the whole
 * exchange and fail at its end like a wrong password; only the error's message, for the log, says why.
 */
import { type ErrorCode, GatewayError } from "../errors.ts";
import { checkPassword } from "./check-password.ts";
import type { Hidden } from "./hidden.ts";
import { checkMd5Response, MD5_SALT_BYTES } from "./md5.ts";
import type { AuthMethod } from "./rules/index.ts";
import {
  SCRAM,
  SCRAM_PLUS,
  type ScramCredential,
  type ScramProof,
  ScramServer,
} from "./scram/index.ts";
import type { ScramSecrets } from "./scram-secrets.ts";
import { isCertificateOf, type UserMapEntry } from "./user-map.ts";
import { isExpired, mayUseDatabase, type UserLookup } from "./users/index.ts";

export interface AuthenticatorOptions {
  readonly method: AuthMethod;
  /** User and database of the startup message. */
  readonly userName: string;
  readonly database: string;
  /** What is known of the user. */
  readonly lookup: UserLookup;
  readonly secrets: ScramSecrets;
  /** The connection has TLS. */
  readonly isEncrypted: boolean;
  /** Let passwords come in clear text without TLS too. Default false. */
  readonly allowUnencryptedCleartext?: boolean;
  /** Names in the client's certificate, which has been verified; undefined without one. */
  readonly certificateNames: readonly string[] | undefined;
  /** Which certificates are good for which users. Default: those that name the user. */
  readonly userMap?: readonly UserMapEntry[] | undefined;
  /** tls-server-end-point of our certificate; undefined if there is none. */
  readonly channelBinding: Uint8Array | undefined;
  readonly nowMs: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What an Authentication message asks the client for. */
export type AuthRequest =
  | { readonly kind: "cleartext" }
  | { readonly kind: "md5"; readonly salt: Uint8Array }
  | { readonly kind: "sasl"; readonly mechanisms: readonly string[] }
  | { readonly kind: "saslContinue"; readonly data: Uint8Array };

/** What the client's message holds, read as the last request asks for it. */
export type AuthAnswer =
  /** To `cleartext` and `md5`. */
  | { readonly kind: "password"; readonly password: Hidden<string> }
  /** To `sasl`; `data` is undefined if its length is -1. */
  | {
      readonly kind: "saslInitial";
      readonly mechanism: string;
      readonly data: Uint8Array | undefined;
    }
  /** To `saslContinue`. */
  | { readonly kind: "saslResponse"; readonly data: Uint8Array };

export type AuthStep =
  | { readonly kind: "request"; readonly request: AuthRequest }
  | {
      readonly kind: "accepted";
      /** To be sent as AuthenticationSASLFinal in front of AuthenticationOk. */
      readonly serverFinal: Uint8Array | undefined;
      /** What the client proved itself with, if it can log in to a server as well. */
      readonly credential: ScramCredential | undefined;
    }
  /** The error goes to the client as FATAL; its message is for the log. */
  | { readonly kind: "failed"; readonly error: GatewayError };

type State =
  | { readonly kind: "new" | "password" | "mechanism" | "checking" | "over" }
  | { readonly kind: "md5"; readonly salt: Uint8Array }
  | { readonly kind: "client-first" | "client-final"; readonly scram: ScramServer };

/** As many as PostgreSQL uses. */
const NONCE_BYTES = 18;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  #state: State = { kind: "new" };

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** The first step. To be called once. */
  start(): AuthStep {
    const { method, isEncrypted, allowUnencryptedCleartext = false, lookup } = this.#options;
    if (this.#state.kind !== "new") return this.#outOfTurn();
    switch (method) {
      case "trust":
        return this.#accept(undefined);
      case "cert":
        return this.#checkCertificate();
      case "cleartext":
        if (!isEncrypted && !allowUnencryptedCleartext) {
          return this.#fail("ERR_AUTH_NEEDS_TLS", "connects without TLS");
        }
        this.#state = { kind: "password" };
        return { kind: "request", request: { kind: "cleartext" } };
      case "scram-sha-256":
        return this.#startScram();
      case "md5":
        // Where there is only a verifier, SCRAM is what can be done, and more than was asked for.
        return (lookup.user?.secret ?? lookup.decoy).kind === "scram"
          ? this.#startScram()
          : this.#startMd5();
    }
  }

  /** The step after a message of the client; one at a time. Never rejects. */
  async answer(answer: AuthAnswer): Promise<AuthStep> {
    const state = this.#state;
    this.#state = { kind: "checking" };
    try {
      return await this.#next(state, answer);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      return this.#fail(error.code, error.message, thrown);
    }
  }

  async #next(state: State, answer: AuthAnswer): Promise<AuthStep> {
    switch (answer.kind) {
      case "password":
        if (state.kind === "password") return await this.#checkCleartext(answer.password);
        if (state.kind === "md5") return this.#checkMd5(answer.password, state.salt);
        break;
      case "saslInitial":
        if (state.kind === "mechanism") return this.#begin(answer.mechanism, answer.data);
        break;
      case "saslResponse":
        if (state.kind === "client-first") return this.#challenge(state.scram, answer.data);
        if (state.kind === "client-final") {
          return this.#finish(await state.scram.finish(answer.data));
        }
    }
    return this.#outOfTurn();
  }

  #checkCertificate(): AuthStep {
    const { userName, certificateNames, userMap } = this.#options;
    if (certificateNames === undefined) {
      return this.#fail("ERR_AUTH_CERTIFICATE", "shows no certificate");
    }
    if (isCertificateOf(userName, certificateNames, userMap)) return this.#accept(undefined);
    const names = certificateNames.map((name) => JSON.stringify(name)).join(", ");
    return this.#fail("ERR_AUTH_CERTIFICATE", `shows the certificate of ${names}`);
  }

  async #checkCleartext(password: Hidden<string>): Promise<AuthStep> {
    const { userName, lookup, secrets } = this.#options;
    const secret = lookup.user?.secret ?? secrets.mockSecret(userName, lookup.decoy);
    const isRight = await checkPassword(password, userName, secret);
    return this.#judge(isRight, { kind: "password", password });
  }

  #startMd5(): AuthStep {
    const salt = this.#options.randomBytes(MD5_SALT_BYTES);
    this.#state = { kind: "md5", salt };
    return { kind: "request", request: { kind: "md5", salt } };
  }

  #checkMd5(response: Hidden<string>, salt: Uint8Array): AuthStep {
    const { userName, lookup } = this.#options;
    const secret = lookup.user?.secret;
    const isRight = checkMd5Response(response.reveal(), userName, secret, salt);
    const password = secret?.kind === "plain" ? secret.password : undefined;
    return this.#judge(isRight, password && { kind: "password", password });
  }

  #startScram(): AuthStep {
    this.#state = { kind: "mechanism" };
    const mechanisms = this.#binding === undefined ? [SCRAM] : [SCRAM_PLUS, SCRAM];
    return { kind: "request", request: { kind: "sasl", mechanisms } };
  }

  #begin(mechanism: string, data: Uint8Array | undefined): AuthStep {
    const { userName, lookup, secrets, randomBytes } = this.#options;
    const scram = new ScramServer({
      mechanism,
      secret: secrets.of(userName, lookup),
      channelBinding: this.#binding,
      nonce: Buffer.from(randomBytes(NONCE_BYTES)).toString("base64"),
    });
    if (data !== undefined) return this.#challenge(scram, data);
    this.#state = { kind: "client-first", scram };
    return { kind: "request", request: { kind: "saslContinue", data: new Uint8Array() } };
  }

  #challenge(scram: ScramServer, clientFirst: Uint8Array): AuthStep {
    const data = scram.first(clientFirst);
    this.#state = { kind: "client-final", scram };
    return { kind: "request", request: { kind: "saslContinue", data } };
  }

  #finish(proof: ScramProof | undefined): AuthStep {
    const credential = proof && ({ kind: "keys", keys: proof.keys } as const);
    return this.#judge(proof !== undefined, credential, proof?.serverFinal);
  }

  /** The end of every method with a password: also a right one does not help who may not log in. */
  #judge(
    isRight: boolean,
    credential: ScramCredential | undefined,
    serverFinal?: Uint8Array,
  ): AuthStep {
    const { user } = this.#options.lookup;
    if (user === undefined) return this.#fail("ERR_AUTH_FAILED", "is unknown");
    if (user.secret === undefined) return this.#fail("ERR_AUTH_FAILED", "has no password");
    if (isExpired(user, this.#options.nowMs)) {
      return this.#fail("ERR_AUTH_FAILED", "has a password that has expired");
    }
    if (isRight) return this.#accept(credential, serverFinal);
    const isMisfit = this.#options.method === "scram-sha-256" && user.secret.kind === "md5";
    const reason = isMisfit ? "has an md5 hash, which SCRAM cannot check" : "gave a wrong password";
    return this.#fail("ERR_AUTH_FAILED", reason);
  }

  #accept(credential: ScramCredential | undefined, serverFinal?: Uint8Array): AuthStep {
    const { lookup, database } = this.#options;
    if (lookup.user !== undefined && !mayUseDatabase(lookup.user, database)) {
      return this.#fail(
        "ERR_AUTH_DATABASE",
        `may not use the database ${JSON.stringify(database)}`,
      );
    }
    this.#state = { kind: "over" };
    return { kind: "accepted", serverFinal, credential };
  }

  #fail(code: ErrorCode, what: string, cause?: unknown): AuthStep {
    this.#state = { kind: "over" };
    const { userName, method } = this.#options;
    const message = `user ${JSON.stringify(userName)} (${method}): ${what}`;
    return { kind: "failed", error: new GatewayError(code, message, { cause }) };
  }

  #outOfTurn(): AuthStep {
    return this.#fail("ERR_PROTOCOL_VIOLATION", "sent a message that the login does not wait for");
  }

  /** Offered over TLS only: libpq refuses SCRAM-SHA-256-PLUS on a plain connection. */
  get #binding(): Uint8Array | undefined {
    return this.#options.isEncrypted ? this.#options.channelBinding : undefined;
  }
}
