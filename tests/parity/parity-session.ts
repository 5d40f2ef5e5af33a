import {
  cancelRequest,
  connectWire,
  startupPacket,
  type WireClient,
  type WireTarget,
  waitFor,
} from "../kit/index.ts";
import { copyDone, query, sync, terminate } from "./messages.ts";
import type { Transcript } from "./transcript.ts";

/** What a session asks of the stage it plays on. */
export interface Surroundings {
  /** A session is about to send something: others may come in between. */
  beforeUnit(): Promise<void>;
  /** How long a session waits for a message. */
  readonly patienceMs: number;
}

/** A client of a case, which takes down all it receives. */
export class ParitySession {
  readonly #target: WireTarget;
  readonly #wire: WireClient;
  readonly #transcript: Transcript;
  readonly #surroundings: Surroundings;
  /** ReadyForQuery that are still to come; more than that only after an error in a pipeline. */
  #owed = 1;
  /** Of the last ReadyForQuery, if nothing has been sent since. */
  #status = "";
  #isOver = false;

  #cancelKey: Buffer | undefined;

  private constructor(
    target: WireTarget,
    wire: WireClient,
    transcript: Transcript,
    surroundings: Surroundings,
  ) {
    this.#target = target;
    this.#wire = wire;
    this.#transcript = transcript;
    this.#surroundings = surroundings;
  }

  /** Connects and sends a first packet, without waiting for what comes of it. */
  static async start(
    target: WireTarget,
    packet: Uint8Array,
    transcript: Transcript,
    surroundings: Surroundings,
  ): Promise<ParitySession> {
    const wire = await connectWire(target, { allowHalfOpen: true });
    const session = new ParitySession(target, wire, transcript, surroundings);
    wire.send(packet);
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
      await this.#somethingReceived();
      const message = await this.#wire.message();
      this.#transcript.received(message);
      if (message.type === "K") this.#cancelKey = message.body;
      if (message.type === "Z") {
        this.#owed = Math.max(0, this.#owed - 1);
        this.#status = message.body.toString("latin1");
      }
      if (message.type === type) return message.body;
    }
  }

  /** Sends a StartupMessage behind what came before it. */
  startup(parameters: Readonly<Record<string, string>>): void {
    this.#wire.send(startupPacket(parameters));
  }

  /** Reads so many bytes that are no message: the answer to an SSLRequest. */
  async bytes(count: number): Promise<void> {
    this.#transcript.receivedBytes(await this.#wire.bytes(count));
  }

  /** Asks to cancel what runs, until something comes of it. */
  async cancel(): Promise<void> {
    const key = this.#cancelKey;
    if (key === undefined) throw new Error("the session has no cancel key");
    const isAnswered = () => this.#wire.received.length > 0;
    await waitFor("the cancelled query to end", async () => {
      await using canceller = await connectWire(this.#target);
      canceller.send(cancelRequest(key));
      await canceller.ended();
      return isAnswered();
    });
  }

  /** Ends its own side; what was sent before still counts. */
  end(): void {
    this.#wire.end();
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
        this.#wire.end();
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

  async #somethingReceived(): Promise<void> {
    const isThere = () => this.#wire.received.length > 0 || this.#wire.hasEnded;
    const deadlineMs = this.#surroundings.patienceMs;
    await waitFor("something to come", isThere, { deadlineMs, intervalMs: 1 });
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
