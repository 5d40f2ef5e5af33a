/**
 * Logs a connection in to a server (PostgreSQL manual, 54.2.1 Start-up).
 *
 * States, and what leads from one to the next:
 *
 *     starting          the StartupMessage is sent
 *       -> authenticated    AuthenticationOk: the server trusts
 *       -> password sent    it asks for a password, in clear text or by md5
 *       -> sasl begun       it asks for SCRAM
 *     password sent     -> authenticated    AuthenticationOk
 *     sasl begun        -> deriving         AuthenticationSASLContinue: the keys are being derived
 *     deriving          -> proof sent       they are derived
 *     proof sent        -> server proved    AuthenticationSASLFinal: the server knows the password too
 *     server proved     -> authenticated    AuthenticationOk
 *     authenticated     -> done             ReadyForQuery, behind parameters and the key
 *
 * An ErrorResponse ends it anywhere, and so does whatever has no arrow here; notices may come at any time.
 */
import { randomBytes } from "node:crypto";
import { ScramClient, tlsServerEndPoint } from "../auth/index.ts";
import type { ScramClientOptions, ScramCredential } from "../auth/index.ts";
import { GatewayError } from "../errors.ts";
import type { Connection, TlsServer } from "../net/index.ts";
import {
  BackendTag,
  FrontendWriter,
  HEADER_BYTES,
  readAuthentication,
  readBackendKeyData,
  readErrorResponse,
  readNegotiateProtocolVersion,
  readNoticeResponse,
  readParameterStatus,
  readReadyForQuery,
  TransactionStatus,
} from "../postgres/index.ts";
import type { Authentication, Notice } from "../postgres/index.ts";
import type { ConversationOptions } from "./conversation.ts";
import { MessageConversation } from "./message-conversation.ts";
import type { OpenedServer } from "./open-server.ts";
import {
  cleartextOf,
  credentialName,
  md5AnswerOf,
  methodName,
  scramCredentialOf,
} from "./server-credential.ts";
import type { ServerCredential } from "./server-credential.ts";
import { ServerLoginError } from "./server-login-error.ts";

export interface ServerLoginOptions extends ConversationOptions {
  readonly user: string;
  readonly database: string;
  /** Further startup parameters, sent as they are: `application_name`, `client_encoding`, `options`, ... */
  readonly parameters?: Iterable<readonly [string, string]>;
  /** What proves who we are. Default: nothing, which a server that trusts does not ask for. */
  readonly credential?: ServerCredential;
  /** What `negotiateTls` answered. Default: the connection is not encrypted. */
  readonly encryption?: TlsServer | undefined;
  /** Give a password in clear text over a connection that is not encrypted. Default false. */
  readonly isCleartextAllowed?: boolean;
  /** How to derive keys from a password; give that of a cache. Default: without one. */
  readonly deriveKeys?: NonNullable<ScramClientOptions["deriveKeys"]>;
  /** Major version in the upper 16 bits, minor in the lower. Default 3.0, which all servers speak. */
  readonly protocolVersion?: number;
}

/** What a server told of itself while it let us in. */
export interface LoggedIn {
  /** What it reports of the session, by name, as the server writes the values. */
  readonly parameters: Map<string, string>;
  /** Process id and secret, as a cancel request repeats them; undefined from a server that has none. */
  readonly keyData: Uint8Array | undefined;
  /** The version in use, which is older than the one asked for if the server knows no newer one. */
  readonly protocolVersion: number;
  /** Names of `_pq_.` parameters that the server does not know. */
  readonly unrecognizedOptions: readonly string[];
  readonly notices: readonly Notice[];
  /** How we proved who we are: `trust`, `cleartext`, `md5`, `SCRAM-SHA-256`, `SCRAM-SHA-256-PLUS`. */
  readonly method: string;
}

/** A connection that the server has let in. */
export interface LoggedInServer {
  readonly opened: OpenedServer;
  readonly login: LoggedIn;
}

/** Ample for parameters, and for the notices of an event trigger at login. */
const MAX_LOGIN_BYTES = 256 * 1024;

const PROTOCOL_3_0 = 0x0003_0000;

type State =
  | "starting"
  | "password sent"
  | "sasl begun"
  | "deriving"
  | "proof sent"
  | "server proved"
  | "authenticated";

/** States in which AuthenticationOk may come. A server that skips its own proof may not be the right one. */
const MAY_ACCEPT: ReadonlySet<State> = new Set(["starting", "password sent", "server proved"]);

/** A server's words may be long: this much goes into the log. */
const MAX_QUOTED_CHARACTERS = 500;

/**
 * Logs in, up to the first ReadyForQuery. The connection goes back then to the handler it had.
 * @throws ServerLoginError when the server refuses (with what it said) or cannot be trusted;
 *   ERR_SERVER_LOST, ERR_SERVER_TIMEOUT, ERR_SHUTTING_DOWN (the signal). The connection is closed then.
 */
export function loginToServer(
  connection: Connection,
  options: ServerLoginOptions,
): Promise<LoggedIn> {
  return new ServerLogin(connection, options).converse();
}

class ServerLogin extends MessageConversation<LoggedIn> {
  readonly #options: ServerLoginOptions;
  readonly #writer = new FrontendWriter();
  #state: State = "starting";
  #method = "trust";
  #scram: ScramClient | undefined;
  #protocolVersion: number;
  #unrecognizedOptions: readonly string[] | undefined;
  #keyData: Uint8Array | undefined;
  readonly #parameters = new Map<string, string>();
  readonly #notices: Notice[] = [];

  constructor(connection: Connection, options: ServerLoginOptions) {
    super(connection, "logging in", MAX_LOGIN_BYTES, options);
    this.#options = options;
    this.#protocolVersion = options.protocolVersion ?? PROTOCOL_3_0;
  }

  protected override begin(): void {
    const { user, database, parameters = [] } = this.#options;
    const all = [["user", user] as const, ["database", database] as const, ...parameters];
    this.#send(this.#writer.startupMessage(all, this.#protocolVersion));
  }

  protected override message(tag: number, message: Uint8Array): void {
    switch (tag) {
      case BackendTag.Authentication:
        this.#authentication(readAuthentication(message));
        break;
      case BackendTag.ErrorResponse:
        throw this.#refusal(message);
      case BackendTag.NoticeResponse:
        this.#notices.push(readNoticeResponse(message));
        break;
      case BackendTag.NegotiateProtocolVersion:
        this.#negotiated(message);
        break;
      default:
        this.#afterAuthentication(tag, message);
    }
  }

  protected override failureOf(thrown: unknown): GatewayError {
    if (thrown instanceof ServerLoginError) return thrown;
    const { message } = GatewayError.from(thrown);
    return new ServerLoginError(this.describe(message), undefined, { cause: thrown });
  }

  #afterAuthentication(tag: number, message: Uint8Array): void {
    if (this.#state !== "authenticated") throw this.#outOfTurn(tag);
    switch (tag) {
      case BackendTag.ParameterStatus: {
        const { name, value } = readParameterStatus(message);
        this.#parameters.set(name, value);
        break;
      }
      case BackendTag.BackendKeyData:
        readBackendKeyData(message);
        this.#keyData = Uint8Array.from(message.subarray(HEADER_BYTES));
        break;
      case BackendTag.ReadyForQuery:
        this.#ready(readReadyForQuery(message));
        break;
      default:
        throw this.#outOfTurn(tag);
    }
  }

  #negotiated(message: Uint8Array): void {
    if (this.#state !== "starting" || this.#unrecognizedOptions !== undefined) {
      throw this.#fault("the server negotiates the protocol out of turn");
    }
    const { protocolVersion, unrecognizedOptions } = readNegotiateProtocolVersion(message);
    const major = protocolVersion >>> 16;
    if (major !== 3 || protocolVersion > this.#protocolVersion) {
      const version = `${major}.${protocolVersion & 0xffff}`;
      throw this.#fault(
        `the server wants version ${version} of the protocol, which we did not offer`,
      );
    }
    this.#protocolVersion = protocolVersion;
    this.#unrecognizedOptions = unrecognizedOptions;
  }

  #authentication(request: Authentication): void {
    switch (request.kind) {
      case "ok":
        if (!MAY_ACCEPT.has(this.#state)) throw this.#fault("the server accepts us out of turn");
        this.#state = "authenticated";
        break;
      case "cleartextPassword":
        this.#giveCleartext(this.#askedFor(request));
        break;
      case "md5Password": {
        const credential = this.#askedFor(request);
        const answer = md5AnswerOf(credential, this.#options.user, request.salt);
        this.#givePassword("md5", answer ?? this.#unfit(request, credential));
        break;
      }
      case "sasl": {
        const credential = this.#askedFor(request);
        const fit = scramCredentialOf(credential) ?? this.#unfit(request, credential);
        this.#beginScram(request.mechanisms, fit);
        break;
      }
      case "saslContinue":
        this.#proveByScram(request.data);
        break;
      case "saslFinal":
        this.#checkServer(request.data);
        break;
      default:
        throw this.#fault(
          `the server asks for ${methodName(request)}, which the gateway does not know`,
        );
    }
  }

  /** The server asks for a method, as it may do once; answers what there is to give. */
  #askedFor(request: Authentication): ServerCredential {
    const { credential } = this.#options;
    const method = methodName(request);
    if (this.#state !== "starting") throw this.#fault(`the server asks for ${method} out of turn`);
    if (credential !== undefined) return credential;
    throw this.#fault(`the server asks for ${method}, and there is no password to give`);
  }

  #unfit(request: Authentication, credential: ServerCredential): never {
    const [method, name] = [methodName(request), credentialName(credential)];
    throw this.#fault(`the server asks for ${method}, which cannot be given from ${name}`);
  }

  #giveCleartext(credential: ServerCredential): void {
    const { encryption, isCleartextAllowed = false } = this.#options;
    if (encryption === undefined && !isCleartextAllowed) {
      throw this.#fault("the server asks for cleartext, and the connection is not encrypted");
    }
    const request = { kind: "cleartextPassword" } as const;
    this.#givePassword("cleartext", cleartextOf(credential) ?? this.#unfit(request, credential));
  }

  #givePassword(method: string, password: string): void {
    this.#method = method;
    this.#state = "password sent";
    this.#send(this.#writer.passwordMessage(password));
  }

  #beginScram(offered: readonly string[], credential: ScramCredential): void {
    const { encryption, deriveKeys } = this.#options;
    const scram = new ScramClient({
      offered,
      credential,
      channelBinding: encryption && tlsServerEndPoint(encryption.certificate),
      randomBytes,
      ...(deriveKeys !== undefined && { deriveKeys }),
    });
    this.#scram = scram;
    this.#method = scram.mechanism;
    this.#state = "sasl begun";
    this.#send(this.#writer.saslInitialResponse(scram.mechanism, scram.first()));
  }

  #proveByScram(challenge: Uint8Array): void {
    if (this.#state !== "sasl begun" || this.#scram === undefined) {
      throw this.#fault("the server goes on with SCRAM out of turn");
    }
    this.#state = "deriving";
    this.#scram.answer(challenge).then(
      (answer) => {
        // It may have been given up, and closed, meanwhile.
        if (this.isOver) return;
        this.#state = "proof sent";
        this.#send(this.#writer.saslResponse(answer));
      },
      (thrown: unknown) => this.fail(this.failureOf(thrown)),
    );
  }

  #checkServer(signature: Uint8Array): void {
    if (this.#state !== "proof sent" || this.#scram === undefined) {
      throw this.#fault("the server ends SCRAM out of turn");
    }
    this.#scram.finish(signature);
    this.#state = "server proved";
  }

  #ready(status: number): void {
    if (status !== TransactionStatus.Idle) {
      throw this.#fault("the server begins inside a transaction");
    }
    this.finish({
      parameters: this.#parameters,
      keyData: this.#keyData,
      protocolVersion: this.#protocolVersion,
      unrecognizedOptions: this.#unrecognizedOptions ?? [],
      notices: this.#notices,
      method: this.#method,
    });
  }

  #send(writer: FrontendWriter): void {
    this.connection.write(writer.take());
  }

  #refusal(message: Uint8Array): ServerLoginError {
    const notice = readErrorResponse(message);
    const words = notice.message.slice(0, MAX_QUOTED_CHARACTERS);
    const what = `the server refuses the login: ${notice.code} ${words}`;
    return new ServerLoginError(this.describe(what), {
      response: Uint8Array.from(message),
      notice,
    });
  }

  #outOfTurn(tag: number): ServerLoginError {
    const name = JSON.stringify(String.fromCharCode(tag));
    return this.#fault(`the server sends message ${name} out of turn`);
  }

  #fault(what: string): ServerLoginError {
    return new ServerLoginError(this.describe(`${what} (login: ${this.#state})`));
  }
}
