/** Follows the messages of a server, and reads what it reports of its session (ParameterStatus). */
import type { AnswerLedger } from "./answer-ledger.ts";
import { BackendTag } from "./message-types.ts";
import { ServerStream } from "./server-stream.ts";

export class ReportingServerStream extends ServerStream {
  readonly #onReport: (name: string, value: string) => void;
  /** The body of a ParameterStatus, as far as it has come. */
  #report: Uint8Array[] | undefined;

  constructor(
    ledger: AnswerLedger,
    maxMessageBytes: number,
    onReport: (name: string, value: string) => void,
  ) {
    super(ledger, maxMessageBytes);
    this.#onReport = onReport;
  }

  protected override messageBegan(tag: number, bodyLength: number): boolean {
    if (tag !== BackendTag.ParameterStatus) return super.messageBegan(tag, bodyLength);
    this.#report = [];
    return true;
  }

  protected override messageBody(chunk: Uint8Array, from: number, to: number): void {
    if (this.#report === undefined) super.messageBody(chunk, from, to);
    else this.#report.push(chunk.subarray(from, to));
  }

  protected override messageEnded(tag: number): void {
    if (this.#report === undefined) {
      super.messageEnded(tag);
      return;
    }
    const [name = "", value = ""] = Buffer.concat(this.#report).toString().split("\0");
    this.#report = undefined;
    this.#onReport(name, value);
  }
}
