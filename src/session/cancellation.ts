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
 */
import type { AnswerLedger, ClientStream } from "../postgres/index.ts";

/** What {@link Cancellation} needs of the relay around it. */
export interface CancellationPort {
  readonly ledger: AnswerLedger;
  readonly clientStream: ClientStream;
  /** Resolves when the server was told, or could not be. Never rejects. */
  sendRequest(): Promise<void>;
  /** Bytes that the client's stream has moved over. */
  toServer(bytes: Uint8Array): void;
}

export class Cancellation {
  readonly #port: CancellationPort;
  /** Requests that the server has not closed the connection of. */
  #requests = 0;
  /** The cycle that was cancelled last. */
  #cycle = -1;
  #held: Uint8Array[] = [];

  constructor(port: CancellationPort) {
    this.#port = port;
  }

  get state(): "requested" | "awaited" | "over" {
    if (this.#requests > 0) return "requested";
    const { ledger } = this.#port;
    return ledger.cycles === this.#cycle && !ledger.isAnswered ? "awaited" : "over";
  }

  /** Something that the client sent is not with the server yet. */
  get isHolding(): boolean {
    return this.#held.length > 0;
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
    if (rest.length > 0) this.#held.push(rest);
  }

  /**
   * Passes on what may go by now. Call it whenever the server has said something.
   * @throws GatewayError as `push` does
   */
  release(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const rest = this.#pass(first);
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
    if (this.state === "over") return true;
    const { ledger } = this.#port;
    if (ledger.isCopying) return true;
    return ledger.isBatchOpen && ledger.owedReadyForQuery === 0 && ledger.cycles === this.#cycle;
  }
}
