/** Follows the messages of a client, from the first one after its StartupMessage. */
import { GatewayError } from "../errors.ts";
import type { AnswerLedger } from "./answer-ledger.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { FrontendTag, isFrontendTag } from "./message-types.ts";

export class ClientStream extends FrameCursor {
  readonly #ledger: AnswerLedger;
  /** The client said Terminate. */
  hasTerminated = false;

  constructor(ledger: AnswerLedger, maxMessageBytes: number) {
    super(maxMessageBytes);
    this.#ledger = ledger;
  }

  protected override messageBegan(tag: number, _bodyLength: number, isWhole: boolean): boolean {
    if (!isFrontendTag(tag)) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", `invalid frontend message type ${tag}`);
    }
    if (isWhole) this.messageEnded(tag);
    return !isWhole;
  }

  protected override messageBody(_chunk: Uint8Array, _from: number, _to: number): void {}

  /** Not before: the server can do nothing about a message that it has a part of. */
  protected override messageEnded(tag: number): void {
    if (tag === FrontendTag.Terminate) this.hasTerminated = true;
    else this.#ledger.clientMessage(tag);
  }
}
