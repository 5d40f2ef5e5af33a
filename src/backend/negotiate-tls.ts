/**
 * Asks a server for encryption before anything else is said (PostgreSQL manual, 54.2.10 SSL Session
 * Encryption). GSSAPI is never asked for.
 *
 * States: `asked` -'S'-> `handshaking` -> encrypted; `asked` -'N'-> plain, under `prefer`.
 */
import { GatewayError } from "../errors.ts";
import type { ClientTlsOptions, Connection, TlsServer } from "../net/index.ts";
import { ENCRYPTION_REFUSED, FrontendWriter, SSL_ACCEPTED } from "../postgres/index.ts";
import { Conversation } from "./conversation.ts";
import type { ConversationOptions } from "./conversation.ts";
import { ServerLoginError } from "./server-login-error.ts";

/**
 * What is asked of a server's encryption, as libpq's `sslmode`: `prefer` and `require` believe any
 * certificate, `verify-ca` one of a trusted authority, `verify-full` one that names the server besides.
 */
export type ServerTlsMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

export interface NegotiateTlsOptions extends ConversationOptions {
  /** Servers offer none over a unix socket: whoever dials one passes `disable`, as libpq does. */
  readonly tlsMode: ServerTlsMode;
  readonly tls: Omit<ClientTlsOptions, "verify" | "alpn">;
}

/** The one byte of an answer, and not much of anything else: what is behind it is an error anyway. */
const MAX_BYTES = 64 * 1024;

const [SSL_ACCEPTED_BYTE] = SSL_ACCEPTED;
const [ENCRYPTION_REFUSED_BYTE] = ENCRYPTION_REFUSED;

const VERIFY = {
  prefer: "none",
  require: "none",
  "verify-ca": "ca",
  "verify-full": "full",
} as const satisfies Record<Exclude<ServerTlsMode, "disable">, ClientTlsOptions["verify"]>;

/**
 * Encrypts a connection that was dialled just now; undefined if it stays as it is, by `disable`, or by
 * `prefer` and a server without TLS. A handshake that fails is an error under `prefer` too: whoever can
 * spoil it must not get the rest in the clear.
 * @throws ServerLoginError when there is no encryption as wanted; ERR_SERVER_LOST, ERR_SERVER_TIMEOUT,
 *   ERR_SHUTTING_DOWN (the signal). The connection is closed then.
 */
export async function negotiateTls(
  connection: Connection,
  options: NegotiateTlsOptions,
): Promise<TlsServer | undefined> {
  const { tlsMode } = options;
  if (tlsMode === "disable") return undefined;
  return await new TlsNegotiation(connection, tlsMode, options).converse();
}

class TlsNegotiation extends Conversation<TlsServer | undefined> {
  readonly #tlsMode: keyof typeof VERIFY;
  readonly #tls: NegotiateTlsOptions["tls"];

  constructor(connection: Connection, tlsMode: keyof typeof VERIFY, options: NegotiateTlsOptions) {
    super(connection, "negotiating TLS", MAX_BYTES, options);
    this.#tlsMode = tlsMode;
    this.#tls = options.tls;
  }

  protected override begin(): void {
    this.connection.write(new FrontendWriter().sslRequest().take());
  }

  protected override received(chunk: Uint8Array): void {
    const [answer = 0] = chunk;
    if (answer !== SSL_ACCEPTED_BYTE && answer !== ENCRYPTION_REFUSED_BYTE) {
      throw this.#fault(`the server answers byte ${answer} to the request for TLS, not S or N`);
    }
    // Someone in between could have put them there, to be taken for a part of what is encrypted
    // (CVE-2021-23222).
    if (chunk.length > 1)
      throw this.#fault("the server says more than S or N to the request for TLS");
    if (answer === SSL_ACCEPTED_BYTE) this.#handshake();
    else if (this.#tlsMode === "prefer") this.succeed(undefined, new Uint8Array());
    else throw this.#fault(`the server has no TLS, which tlsMode ${this.#tlsMode} asks for`);
  }

  protected override failureOf(thrown: unknown): GatewayError {
    if (thrown instanceof ServerLoginError) return thrown;
    const { message } = GatewayError.from(thrown);
    return new ServerLoginError(this.describe(message), undefined, { cause: thrown });
  }

  #handshake(): void {
    const options = { ...this.#tls, verify: VERIFY[this.#tlsMode] };
    this.connection.startTlsAsClient(options, (result) => {
      if (result.kind === "done") this.succeed(result.server, new Uint8Array());
      else this.fail(this.#fault(`TLS with the server: ${result.error.message}`, result.error));
    });
  }

  #fault(what: string, cause?: Error): ServerLoginError {
    return new ServerLoginError(this.describe(what), undefined, { cause });
  }
}
