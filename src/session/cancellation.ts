/**
 * Cancel requests of one session, and the messages of its client that they must not hit.
 *
 *   requested  a request is on its way: until the server has closed its connection it may strike
 *   awaited    it has reached the server, and the unit it was meant for has not ended
 *   over       it can hit nothing any more
 *
 * Until it is over the rest of the unit still passes: the server takes no notice of a request while
 * it reads, and what it waits for may be just that, the rest of a message, of COPY data or of a batch.
 * Whatever would begin another unit is held.
 *
 * A request that comes by itself, of a time limit, must not hit what was sent before it either: with
 * such a limit one unit at a time goes to the server, always.
 */
import type { AnswerLedger } from "../postgres/index.ts";

/** Follows the messages of a client, in steps from one boundary to the next. */
export interface RequestSteps {
  readonly isAtBoundary: boolean;
  stepIn(chunk: Uint8Array, from: number): number;
  advance(chunk: Uint8Array): void;
}

/** What {@link Cancellation} needs of the relay around it. */
export interface CancellationPort {
  readonly ledger: AnswerLedger;
  readonly clientStream: RequestSteps;
  /** Resolves when the server was told, or could not be. Never rejects. */
  sendRequest(): Promise<void>;
  /** Bytes that the client's stream has moved over. */
  toServer(bytes: Uint8Array): void;
}

/** More than this held is too much. */
const MAX_HELD_BYTES = 64 * 1024;

export class Cancellation {
  readonly #port: CancellationPort;
  readonly #isOneByOne: boolean;
  /** Requests that the server has not closed the connection of. */
  #requests = 0;
  /** The cycle that was cancelled last. */
  #cycle = -1;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /** @param isOneByOne no unit goes to the server before the one ahead of it has ended */
  constructor(port: CancellationPort, isOneByOne: boolean) {
    this.#port = port;
    this.#isOneByOne = isOneByOne;
  }

  get state(): "requested" | "awaited" | "over" {
    if (this.#requests > 0) return "requested";
    const { ledger } = this.#port;
    return ledger.cycles === this.#cycle && !ledger.isAnswered ? "awaited" : "over";
  }

  /** So much that the client sent is not with the server yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isHolding(): boolean {
    return this.#heldBytes > 0;
  }

  /** So much is held that the client should send no more for now. */
  get isFull(): boolean {
    return this.#heldBytes > MAX_HELD_BYTES;
  }

  /** Nothing is held, nor will anything be. */
  get isDone(): boolean {
    return !this.isHolding && !this.#isOneByOne && this.state === "over";
  }

  /** Cancels the unit that runs. Call {@link release} when it resolves. */
  async request(): Promise<void> {
    this.#requests++;
    this.#cycle = this.#port.ledger.cycles;
    await this.#port.sendRequest();
    this.#requests--;
  }

  /**
   * Messages of the client, cut anywhere: passes on what may go, and holds the rest.
   * @throws GatewayError when the bytes that may go cannot be messages of a client
   */
  push(bytes: Uint8Array): void {
    const rest = this.isHolding ? bytes : this.#pass(bytes);
    if (rest.length === 0) return;
    this.#held.push(rest);
    this.#heldBytes += rest.length;
  }

  /**
   * Passes on what may go by now. Call it whenever the server has said something.
   * @throws GatewayError as `push` does
   */
  release(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const rest = this.#pass(first);
      this.#heldBytes -= first.length - rest.length;
      if (rest.length > 0) {
        this.#held[0] = rest;
        return;
      }
      this.#held.shift();
    }
  }

  /** Sends the part of the bytes that may go; answers the rest. */
  #pass(bytes: Uint8Array): Uint8Array {
    const { clientStream } = this.#port;
    let end = 0;
    while (end < bytes.length && (!clientStream.isAtBoundary || this.#mayBegin)) {
      const next = clientStream.stepIn(bytes, end);
      clientStream.advance(bytes.subarray(end, next));
      end = next;
    }
    if (end > 0) this.#port.toServer(bytes.subarray(0, end));
    return bytes.subarray(end);
  }

  /** Another message may begin: no request can hit it, or it is a part of what the request is for. */
  get #mayBegin(): boolean {
    const { ledger } = this.#port;
    if (ledger.isCopying) return true;
    const isUnitSent = ledger.owedReadyForQuery > 0;
    if (this.state === "over") return !this.#isOneByOne || !isUnitSent;
    return !isUnitSent && ledger.isBatchOpen && ledger.cycles === this.#cycle;
  }
}
