import { connectWire, startupPacket, type WireClient, type WireTarget } from "../kit/index.ts";
import { copyDone, query, sync, terminate } from "./messages.ts";
import type { Transcript } from "./transcript.ts";

/** What a session asks of the stage it plays on. */
export interface Surroundings {
  /** A session is about to send something: others may come in between. */
  beforeUnit(): Promise<void>;
}

/** A client of a case, which takes down all it receives. */
export class ParitySession {
  readonly #wire: WireClient;
  readonly #transcript: Transcript;
  readonly #surroundings: Surroundings;
  /** ReadyForQuery that are still to come; more than that only after an error in a pipeline. */
  #owed = 1;
  /** Of the last ReadyForQuery, if nothing has been sent since. */
  #status = "";
  #isOver = false;

  private constructor(wire: WireClient, transcript: Transcript, surroundings: Surroundings) {
    this.#wire = wire;
    this.#transcript = transcript;
    this.#surroundings = surroundings;
  }

  /** Connects and sends a StartupMessage, without waiting for what comes of it. */
  static async start(
    target: WireTarget,
    parameters: Readonly<Record<string, string>>,
    transcript: Transcript,
    surroundings: Surroundings,
  ): Promise<ParitySession> {
    const session = new ParitySession(await connectWire(target), transcript, surroundings);
    session.#wire.send(startupPacket(parameters));
    return session;
  }

  /** Nothing is owed to it, and no transaction is open. */
  get isIdle(): boolean {
    return this.#isOver || (this.#owed === 0 && this.#status === "I");
  }

  /** Sends simple queries one after the other, and reads each answer. */
  async query(...texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      await this.send(query(text));
      await this.ready();
    }
  }

  /** Sends messages with a Sync behind them, and reads the answer. */
  async unit(...messages: readonly Uint8Array[]): Promise<void> {
    await this.send(...messages, sync());
    await this.ready();
  }

  /** Sends messages in one write. */
  async send(...messages: readonly Uint8Array[]): Promise<void> {
    await this.#surroundings.beforeUnit();
    this.#transcript.sent(messages);
    this.#owed += messages.filter(endsUnit).length;
    this.#status = "";
    this.#wire.send(Buffer.concat(messages));
  }

  /** Sends messages cut into pieces of so many bytes, each in a write of its own. */
  async sendInPieces(bytesEach: number, ...messages: readonly Uint8Array[]): Promise<void> {
    await this.#surroundings.beforeUnit();
    this.#transcript.sent(messages);
    this.#owed += messages.filter(endsUnit).length;
    this.#status = "";
    const all = Buffer.concat(messages);
    for (let at = 0; at < all.length; at += bytesEach) {
      this.#wire.send(all.subarray(at, at + bytesEach));
      // Lets the event loop turn, so that the pieces are not sent as one.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Reads up to the next ReadyForQuery, or so many. */
  async ready(count = 1): Promise<void> {
    for (let left = count; left > 0; left--) await this.until("Z");
  }

  /** Reads up to the next message of a type (its tag), and returns its body. */
  async until(type: string): Promise<Buffer> {
    for (;;) {
      const message = await this.#wire.message();
      this.#transcript.received(message);
      if (message.type === "Z") {
        this.#owed = Math.max(0, this.#owed - 1);
        this.#status = message.body.toString("latin1");
      }
      if (message.type === type) return message.body;
    }
  }

  /** The value in a row's column, as it was received. */
  async value(text: string): Promise<Buffer> {
    await this.send(query(text));
    const row = await this.until("D");
    await this.ready();
    return row.subarray(6);
  }

  /** Copies text into a table: the query, data in so many messages, CopyDone. */
  async copyIn(text: string, ...data: readonly Uint8Array[]): Promise<void> {
    await this.send(query(text));
    await this.until("G");
    await this.send(...data, copyDone());
    await this.ready();
  }

  /** Reads until the other side closes. */
  async closed(): Promise<void> {
    for (;;) {
      try {
        await this.until("");
      } catch (error) {
        if (!this.#wire.hasEnded) throw error;
        this.#over();
        return;
      }
    }
  }

  /** Says goodbye, and reads what may still come: that, too, must be the same. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    this.#transcript.sent([terminate()]);
    this.#wire.send(terminate());
    await this.closed();
  }

  /** Breaks off, as a crashed client does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#transcript.closed();
  }
}

/** Query, Sync and FunctionCall are answered by a ReadyForQuery. */
function endsUnit(message: Uint8Array): boolean {
  return [0x51, 0x53, 0x46].includes(message[0] ?? 0);
}
