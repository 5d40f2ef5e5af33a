/** Follows the messages of a server, and keeps what a relay needs of them. */
import type { AnswerLedger } from "./answer-ledger.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { BackendTag } from "./message-types.ts";

/** Since protocol 3.2: a process id and up to 256 bytes of secret. */
const MAX_KEY_BYTES = 260;

export class ServerStream extends FrameCursor {
  readonly #ledger: AnswerLedger;
  /** Process id and secret of BackendKeyData, as a CancelRequest repeats them. */
  keyData: Uint8Array | undefined;
  /** The last whole message was an ErrorResponse: the server has told the client what happened. */
  endedWithError = false;
  /** Bytes of it that have not come yet. */
  #keyBytesLeft = 0;
  #status = 0;

  constructor(ledger: AnswerLedger, maxMessageBytes: number) {
    super(maxMessageBytes);
    this.#ledger = ledger;
  }

  protected override messageBegan(tag: number, bodyLength: number): boolean {
    switch (tag) {
      case BackendTag.DataRow:
      case BackendTag.CopyData:
        return false;
      case BackendTag.ReadyForQuery:
        this.endedWithError = false;
        return true;
      case BackendTag.BackendKeyData:
        if (bodyLength > MAX_KEY_BYTES) return false;
        this.keyData = new Uint8Array(bodyLength);
        this.#keyBytesLeft = bodyLength;
        return true;
      default:
        this.endedWithError = tag === BackendTag.ErrorResponse;
        this.#ledger.serverMessage(tag);
        return false;
    }
  }

  protected override messageBody(chunk: Uint8Array, from: number, to: number): void {
    if (this.#keyBytesLeft > 0 && this.keyData !== undefined) {
      this.keyData.set(chunk.subarray(from, to), this.keyData.length - this.#keyBytesLeft);
      this.#keyBytesLeft -= to - from;
    } else {
      this.#status = chunk[from] ?? this.#status;
    }
  }

  protected override messageEnded(tag: number): void {
    if (tag === BackendTag.ReadyForQuery) this.#ledger.readyForQuery(this.#status);
  }
}
