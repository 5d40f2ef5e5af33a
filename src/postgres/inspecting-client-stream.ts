/** Follows the messages of a client, and reads what its statements do to the session. */
import type { AnswerLedger } from "./answer-ledger.ts";
import { ClientStream } from "./client-stream.ts";
import { FrontendTag } from "./message-types.ts";
import { UNKNOWN_TRAITS, statementTraits } from "./statement-traits.ts";
import type { StatementTraits } from "./statement-traits.ts";

/** The text of a Query, or of a Parse. */
export interface InspectedStatement {
  readonly traits: StatementTraits;
  /** It is a Parse that makes a statement with a name, which stays on the server. */
  readonly isNamed: boolean;
}

/** A longer text is not read: it may do anything. */
const MAX_TEXT_BYTES = 256 * 1024;

export class InspectingClientStream extends ClientStream {
  readonly #onStatement: (statement: InspectedStatement) => void;
  /** The body of a Query or Parse, as far as it has come, one character a byte. */
  #text = "";
  #isTooLong = false;

  /** @param onStatement called for every Query and Parse, once the whole of it has come */
  constructor(
    ledger: AnswerLedger,
    maxMessageBytes: number,
    onStatement: (statement: InspectedStatement) => void,
  ) {
    super(ledger, maxMessageBytes);
    this.#onStatement = onStatement;
  }

  protected override messageBegan(tag: number, bodyLength: number, isWhole: boolean): boolean {
    if (tag !== FrontendTag.Query && tag !== FrontendTag.Parse) {
      return super.messageBegan(tag, bodyLength, isWhole);
    }
    this.#text = "";
    this.#isTooLong = bodyLength > MAX_TEXT_BYTES;
    return true;
  }

  protected override messageBody(chunk: Uint8Array, from: number, to: number): void {
    if (!this.#isTooLong) this.#text += latin1(chunk, from, to);
  }

  protected override messageEnded(tag: number): void {
    if (tag === FrontendTag.Query) this.#inspect(this.#text, false);
    else if (tag === FrontendTag.Parse) this.#inspectParse();
    super.messageEnded(tag);
  }

  /** The name of the statement, its text, and types; each text ends with a zero byte. */
  #inspectParse(): void {
    const nameEnd = this.#text.indexOf("\0");
    const textEnd = this.#text.indexOf("\0", nameEnd + 1);
    this.#inspect(this.#text.slice(nameEnd + 1, textEnd), nameEnd > 0);
  }

  #inspect(text: string, isNamed: boolean): void {
    const traits = this.#isTooLong ? UNKNOWN_TRAITS : statementTraits(text);
    this.#text = "";
    if (isNamed || this.#isTooLong || traits.flags !== 0) {
      this.#onStatement({ traits, isNamed: isNamed || this.#isTooLong });
    }
  }
}

function latin1(chunk: Uint8Array, from: number, to: number): string {
  return Buffer.prototype.latin1Slice.call(chunk, from, to);
}
