/** Follows the messages of a server, and keeps what a relay needs of them. */
import type { AnswerLedger } from "./answer-ledger.ts";
import { asBuffer } from "./as-buffer.ts";
import { SQL_STATE_WITHIN_BYTES, sqlStateIn } from "./answer-report.ts";
import type { AnswerReport } from "./answer-report.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { BackendTag } from "./message-types.ts";

/** Since protocol 3.2: a process id and up to 256 bytes of secret. */
const MAX_KEY_BYTES = 260;
const APPLICATION_NAME = "application_name\0";
const OTHER_REPORT = "?";
/** PostgreSQL cuts names off at 63 bytes. */
const MAX_NAME_REPORT_BYTES = 128;
/** A longer tag is none of PostgreSQL's. */
const MAX_TAG_BYTES = 128;
const NO_TAG = -1;

export class ServerStream extends FrameCursor {
  readonly #ledger: AnswerLedger;
  /** Process id and secret of BackendKeyData, as a CancelRequest repeats them. */
  keyData: Uint8Array | undefined;
  /** The last whole message was an ErrorResponse: the server has told the client what happened. */
  endedWithError = false;
  /** Undefined: nobody wants to hear of the answers. */
  listener: AnswerReport | undefined;
  /** As reported last, undefined before. */
  applicationName: string | undefined;
  /** What has come of a report that it may be in. */
  #report: string | undefined;
  /** For {@link listener}: what has come of an ErrorResponse or a CommandComplete, one byte a character. */
  #heard: string | undefined;
  /** Of a CommandComplete: how long its tag is with the zero byte; else {@link NO_TAG}. */
  #tagBytes = NO_TAG;
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
      case BackendTag.ParameterStatus:
        this.endedWithError = false;
        if (bodyLength > MAX_NAME_REPORT_BYTES) return false;
        this.#report = "";
        return true;
      default:
        this.endedWithError = tag === BackendTag.ErrorResponse;
        this.#ledger.serverMessage(tag);
        return this.listener !== undefined && this.#isForListener(tag, bodyLength);
    }
  }

  protected override messageBody(chunk: Uint8Array, from: number, to: number): void {
    if (this.#keyBytesLeft > 0 && this.keyData !== undefined) {
      this.keyData.set(chunk.subarray(from, to), this.keyData.length - this.#keyBytesLeft);
      this.#keyBytesLeft -= to - from;
    } else if (this.#report !== undefined) {
      this.#addToReport(chunk, from, to);
    } else if (this.#heard !== undefined) {
      if (this.#tagBytes === to - from) {
        this.#heard = undefined;
        this.listener?.commanded(chunk, from, to - 1);
        return;
      }
      const room = SQL_STATE_WITHIN_BYTES - this.#heard.length;
      if (room > 0) this.#heard += textOf(chunk, from, Math.min(to, from + room));
    } else {
      this.#status = chunk[from] ?? this.#status;
    }
  }

  protected override messageEnded(tag: number): void {
    if (tag === BackendTag.ReadyForQuery) this.#ready();
    else if (tag === BackendTag.ParameterStatus) this.#reported();
    else if (this.#heard !== undefined) this.#tell(tag, this.#heard);
  }

  #ready(): void {
    const isLogin = !this.#ledger.isLoggedIn;
    this.#ledger.readyForQuery(this.#status);
    if (this.listener === undefined) return;
    if (isLogin) this.listener.loggedIn();
    else this.listener.answered(this.#status);
  }

  /** Its body is wanted. */
  #isForListener(tag: number, bodyLength: number): boolean {
    const isTag =
      tag === BackendTag.CommandComplete &&
      bodyLength <= MAX_TAG_BYTES &&
      this.listener?.followsCommands === true;
    const isHeard = isTag || tag === BackendTag.ErrorResponse;
    if (isHeard) this.#heard = "";
    this.#tagBytes = isTag ? bodyLength : NO_TAG;
    return isHeard;
  }

  #tell(tag: number, text: string): void {
    this.#heard = undefined;
    if (tag === BackendTag.ErrorResponse) this.listener?.failed(sqlStateIn(text));
    else this.listener?.commanded(Buffer.from(text, "latin1"), 0, text.length - 1);
  }

  #addToReport(chunk: Uint8Array, from: number, to: number): void {
    // Most are of other parameters, and need not be read.
    const isFirst = this.#report === "" && from < to;
    if (isFirst && chunk[from] !== APPLICATION_NAME.charCodeAt(0)) this.#report = OTHER_REPORT;
    if (this.#report !== OTHER_REPORT) this.#report += textOf(chunk, from, to);
  }

  #reported(): void {
    const report = this.#report;
    this.#report = undefined;
    if (report?.startsWith(APPLICATION_NAME) !== true) return;
    this.applicationName = report.slice(APPLICATION_NAME.length, -1);
  }
}

/** The server reports this name in ASCII. */
function textOf(chunk: Uint8Array, from: number, to: number): string {
  return asBuffer(chunk).toString("latin1", from, to);
}
