import { serialize } from "pg-protocol";
import {
  cancelRequest,
  connectWire,
  type ErrorFields,
  frontendMessage,
  type ServerMessage,
  type WireClient,
  type WireTarget,
} from "../../kit/index.ts";

/** What a server says up to and including ReadyForQuery. */
interface Answer {
  /** The type letters of its messages. */
  readonly tags: string;
  /** All rows, as text. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** SQLSTATE of its last error; undefined without one. */
  readonly error: string | undefined;
}

/** One unit by the extended protocol: the unnamed statement, bound, executed, and a Sync. */
export function batch(text: string): Buffer {
  return Buffer.concat([
    serialize.parse({ text }),
    serialize.bind(),
    serialize.execute(),
    serialize.sync(),
  ]);
}

/** A simple query as one message. */
export function query(text: string): Buffer {
  return frontendMessage("Q", `${text}\0`);
}

/** A logged-in client that sends exactly the bytes it is told to. */
export class RuleSession implements AsyncDisposable {
  readonly wire: WireClient;
  readonly #target: WireTarget;
  readonly #key: Buffer;

  /** Takes over a connection that has logged in; {@link openSession} makes one. */
  constructor(wire: WireClient, target: WireTarget, key: Buffer) {
    this.wire = wire;
    this.#target = target;
    this.#key = key;
  }

  /** Sends messages, without waiting for an answer. */
  send(...messages: readonly Uint8Array[]): void {
    this.wire.send(Buffer.concat(messages));
  }

  /** The next answer. @throws when the connection ends before its ReadyForQuery. */
  async answer(): Promise<Answer> {
    return answerOf(await this.wire.messagesUntil("Z"));
  }

  /** Sends a simple query, or messages of which the last asks for a ReadyForQuery, and reads the answer. */
  async ask(first: Uint8Array | string, ...messages: readonly Uint8Array[]): Promise<Answer> {
    this.send(typeof first === "string" ? query(first) : first, ...messages);
    return await this.answer();
  }

  /** The first column of the first row; null also when there is none. @throws when the query fails. */
  async value(text: string): Promise<string | null> {
    const { rows, error } = await this.ask(text);
    if (error !== undefined) throw new Error(`${text}: ${error}`);
    return rows[0]?.[0] ?? null;
  }

  /** The server process that runs its next unit. */
  async backend(): Promise<string | null> {
    return await this.value("select pg_backend_pid()");
  }

  /** Reads up to the next error and the end behind it. @throws unless it is fatal. */
  async fatal(): Promise<string> {
    const error: ErrorFields = await this.wire.errorResponse();
    if (error.severity !== "FATAL") throw new Error(`${error.severity} ${error.code}`);
    await this.wire.ended();
    if (this.wire.received.length > 0) throw new Error("something follows the FATAL error");
    return error.code;
  }

  /** Sends a CancelRequest for itself, on a connection of its own; nobody has to act on it yet. */
  async requestCancel(): Promise<AsyncDisposable> {
    const canceller = await connectWire(this.#target);
    canceller.send(cancelRequest(this.#key));
    return canceller;
  }

  /** Sends a CancelRequest for itself, and waits until the other side has taken it. */
  async cancel(): Promise<void> {
    await using canceller = await connectWire(this.#target);
    canceller.send(cancelRequest(this.#key));
    await canceller.ended();
  }

  /** Says goodbye, and waits until the other side has let go. */
  async leave(): Promise<void> {
    this.send(serialize.end());
    await this.wire.ended();
  }

  /** Closes the connection at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.wire[Symbol.asyncDispose]();
  }
}

/** Connects and logs in where nobody asks for a password. */
export async function openSession(
  target: WireTarget,
  parameters: Readonly<Record<string, string>> = {},
): Promise<RuleSession> {
  const wire = await connectWire(target);
  const greeting = await wire.login({ user: "postgres", database: "postgres", ...parameters });
  const key = greeting.find(({ type }) => type === "K")?.body;
  if (key === undefined) throw new Error("the greeting has no BackendKeyData");
  return new RuleSession(wire, target, key);
}

function answerOf(messages: readonly ServerMessage[]): Answer {
  const errors = messages.filter(({ type }) => type === "E");
  return {
    tags: messages.map(({ type }) => type).join(""),
    rows: messages.filter(({ type }) => type === "D").map(({ body }) => valuesOf(body)),
    error: /\0C(.{5})\0/.exec(errors.at(-1)?.body.toString("latin1") ?? "")?.[1],
  };
}

/** The values of a DataRow: a count, then a length and as many bytes for each. */
function valuesOf(row: Buffer): (string | null)[] {
  let at = 2;
  return Array.from({ length: row.readUInt16BE(0) }, () => {
    const length = row.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return row.toString("utf8", at - length, at);
  });
}
