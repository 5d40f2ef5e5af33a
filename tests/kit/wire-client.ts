import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type PeerCertificate } from "node:tls";
import { waitFor } from "./wait-for.ts";

/** One message of a server: its type letter and what follows the length. */
export interface ServerMessage {
  readonly type: string;
  readonly body: Buffer;
}

/** The fields of an ErrorResponse that tests look at. */
export interface ErrorFields {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
}

/** Where to connect to. */
export type WireTarget =
  { readonly host: string; readonly port: number } | { readonly path: string };

/** The request code of an SSLRequest packet (PostgreSQL manual, 54.7). */
const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;
const PROTOCOL_3_0 = 196_608;

/** A client that sends exactly the bytes it is told to, for what no driver does. */
export class WireClient implements AsyncDisposable {
  #socket: Socket;
  #received = Buffer.alloc(0);
  #hasEnded = false;
  #isClosed = false;
  #error: Error | undefined;

  /** Takes over a connected socket; {@link connectWire} makes one. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  /** What was received and not yet read as messages. */
  get received(): Buffer {
    return this.#received;
  }

  /** The other side has sent its last byte, or the connection is gone. */
  get hasEnded(): boolean {
    return this.#hasEnded || this.#isClosed;
  }

  /** How the connection broke; undefined while it has not. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** This side's `host:port`. */
  get localAddress(): string {
    return `${this.#socket.localAddress}:${this.#socket.localPort}`;
  }

  send(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** Ends this side's stream; the other side may go on. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection with a reset, as a crashed peer does. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Stops and starts reading. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The next so many bytes. @throws when the stream ends before. */
  async bytes(count: number): Promise<Buffer> {
    await this.#await(`${count} bytes`, () => this.#received.length >= count);
    return this.#take(count);
  }

  /** The next message. @throws when the stream ends before. */
  async message(): Promise<ServerMessage> {
    await this.#await("a message", () => {
      const { length } = this.#received;
      return length >= 5 && length > this.#received.readUInt32BE(1);
    });
    const bytes = this.#take(1 + this.#received.readUInt32BE(1));
    return { type: bytes.toString("latin1", 0, 1), body: bytes.subarray(5) };
  }

  /** Messages up to and including the first of a type. */
  async messagesUntil(type: string): Promise<readonly ServerMessage[]> {
    const messages: ServerMessage[] = [];
    for (;;) {
      const message = await this.message();
      messages.push(message);
      if (message.type === type) return messages;
    }
  }

  /** Reads up to the next ErrorResponse and returns its fields. */
  async errorResponse(): Promise<ErrorFields> {
    const last = (await this.messagesUntil("E")).at(-1);
    return errorFields(last?.body ?? Buffer.alloc(0));
  }

  /** Waits until the other side has ended. */
  async ended(deadlineMs = 10_000): Promise<void> {
    await waitFor("the end of the connection", () => this.hasEnded, { deadlineMs });
  }

  /** Sends a StartupMessage. */
  startup(parameters: Readonly<Record<string, string>> = DEFAULT_USER): void {
    this.send(startupPacket(parameters));
  }

  /** Logs in to a server that trusts, and returns the greeting up to ReadyForQuery. */
  async login(parameters?: Readonly<Record<string, string>>): Promise<readonly ServerMessage[]> {
    this.startup(parameters);
    return await this.messagesUntil("Z");
  }

  /** Sends one simple query, without waiting for its answer. */
  query(text: string): void {
    this.send(frontendMessage("Q", `${text}\0`));
  }

  /** The first value of what a simple query answers, as text; empty where there is none. */
  async value(text: string): Promise<string> {
    this.query(text);
    const row = (await this.messagesUntil("Z")).find(({ type }) => type === "D");
    // Behind the number of values, and the length of this one.
    return row?.body.subarray(6).toString() ?? "";
  }

  /** Begins TLS now; resolves with the other side's certificate when the handshake is done. */
  async startTls(options: ConnectionOptions = {}): Promise<PeerCertificate> {
    const plain = this.#socket;
    plain.removeAllListeners("data").removeAllListeners("end");
    const secure = connectTls({ socket: plain, rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      secure.once("error", reject);
      secure.once("close", () => reject(new Error("closed during the handshake")));
    });
    this.#socket = secure;
    this.#listen(secure);
    return secure.getPeerCertificate();
  }

  /** Asks for TLS and begins it. @throws unless the answer is `S`. */
  async requestTls(options?: ConnectionOptions): Promise<PeerCertificate> {
    this.send(sslRequest());
    const answer = await this.bytes(1);
    if (answer.toString() !== "S") throw new Error(`TLS is refused: ${answer.toString()}`);
    return await this.startTls(options);
  }

  /** Closes the connection at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await waitFor("the socket to close", () => this.#isClosed);
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on("end", () => {
      this.#hasEnded = true;
    });
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => {
      this.#isClosed = true;
    });
  }

  async #await(what: string, isThere: () => boolean): Promise<void> {
    await waitFor(what, () => isThere() || this.hasEnded, { intervalMs: 1 });
    if (!isThere()) {
      throw new Error(`the connection ended before ${what} came`, { cause: this.#error });
    }
  }

  #take(count: number): Buffer {
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }
}

const DEFAULT_USER = { user: "postgres", database: "postgres" } as const;

/**
 * Connects. Like most clients it closes when the other side has ended, unless `allowHalfOpen` is true.
 */
export async function connectWire(
  target: WireTarget,
  { allowHalfOpen = false }: { readonly allowHalfOpen?: boolean } = {},
): Promise<WireClient> {
  const where = "path" in target ? { path: target.path } : { host: target.host, port: target.port };
  const socket = connectTcp({ ...where, allowHalfOpen });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return new WireClient(socket);
}

/** A message of a client: type letter, length, body. */
export function frontendMessage(type: string, body: Uint8Array | string): Buffer {
  const content = Buffer.from(body);
  const message = Buffer.alloc(5 + content.length);
  message.write(type, 0, "latin1");
  message.writeUInt32BE(4 + content.length, 1);
  content.copy(message, 5);
  return message;
}

/** A StartupMessage of protocol 3.0. */
export function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(parameters)
    .map(([name, value]) => `${name}\0${value}\0`)
    .join("");
  return packet(PROTOCOL_3_0, Buffer.from(`${text}\0`));
}

/** Asks whether TLS may begin. */
export function sslRequest(): Buffer {
  return packet(SSL_REQUEST, Buffer.alloc(0));
}

/** Asks to cancel what the owner of the key (process id and secret, as BackendKeyData has them) runs. */
export function cancelRequest(key: Uint8Array): Buffer {
  return packet(CANCEL_REQUEST, Buffer.from(key));
}

function packet(code: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

function errorFields(body: Buffer): ErrorFields {
  const fields = new Map(
    body
      .toString()
      .split("\0")
      .filter((field) => field !== "")
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return {
    severity: fields.get("V") ?? "",
    code: fields.get("C") ?? "",
    message: fields.get("M") ?? "",
  };
}
