/**
 * What a server answers to a session that shares its backends: followed message by message, and passed
 * on as it came, but for what the client must not see.
 *
 * The port decides about the few messages that may have to be kept back or replaced; only these, and
 * what is read here, is waited for as a whole. All else goes on in the pieces it came in.
 */
import { GatewayError } from "../../errors.ts";
import {
  BackendTag,
  HEADER_BYTES,
  MAX_SERVER_MESSAGE_BYTES,
  SQL_STATE_WITHIN_BYTES,
  asBuffer,
  lengthAt,
  sqlStateIn,
} from "../../postgres/index.ts";
import { partOf } from "../../net/index.ts";
import type { AnswerLedger, AnswerReport } from "../../postgres/index.ts";
import type { DueList } from "./due-list.ts";

export interface AnswerPort {
  /** Wants to hear of commands. */
  readonly followsCommands: boolean;
  /** A command is complete; `at` is where its tag begins in `bytes`. */
  commanded(bytes: Uint8Array, at: number): void;
  /** What is answered resets settings: a ReadyForQuery is not the end of it. */
  readonly hasReset: boolean;
  /**
   * The server has changed a parameter.
   * @returns the client hears of it now
   */
  reported(name: string, value: string): boolean;
  /**
   * A ReadyForQuery has come while {@link hasReset}, and the ledger knows.
   * @returns what the client gets: the same, something else, or nothing yet
   */
  readied(message: Uint8Array): Uint8Array | undefined;
  /**
   * An ErrorResponse has come, and the ledger knows.
   * @param place of the message that it answers, as {@link AnswerLedger.sent} counts
   * @param message undefined when it is too long to be looked at: it goes on as it is
   * @returns what the client gets: the same, another one, or nothing
   */
  refused(place: number, message: Uint8Array | undefined): Uint8Array | undefined;
  /**
   * The error came before the client has heard anything.
   * @param answer what it would get
   * @returns it hears nothing of it either: what failed is asked once more
   */
  repeats(message: Uint8Array, answer: Uint8Array): boolean;
}

/** A longer ErrorResponse or NoticeResponse goes on as it comes. */
const MAX_ERROR_BYTES = 64 * 1024;

const NOTHING: readonly Uint8Array[] = [];

export class AnswerStream {
  readonly #ledger: AnswerLedger;
  readonly #due: DueList;
  readonly #port: AnswerPort;
  /** Bytes still to come of a message that was begun to be passed on. */
  #bodyLeft = 0;
  /** The beginning of a message that is waited for. */
  #held: Uint8Array | undefined;
  /** What is to be passed on, if it is more than one piece. */
  #pieces: Uint8Array[] = [];
  /** Since {@link startOver} the client has got nothing, and no unit has ended. */
  #isUntouched = true;
  /** The client is to hear no more of what is answered: that is asked anew, see {@link startOver}. */
  isDropping = false;
  /** The last whole message was an ErrorResponse. */
  endedWithError = false;
  /** Undefined: nobody wants to hear what the client is answered. */
  listener: AnswerReport | undefined;

  /** @param due what the client must not see of the answers, among others */
  constructor(ledger: AnswerLedger, due: DueList, port: AnswerPort) {
    this.#ledger = ledger;
    this.#due = due;
    this.#port = port;
  }

  /** Nothing of a message has come whose rest is still missing. */
  get isAtBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#held === undefined;
  }

  /** The client has got whole messages only. */
  get isClientAtBoundary(): boolean {
    return this.#bodyLeft === 0;
  }

  /** Another backend's answers come. */
  startOver(): void {
    this.#bodyLeft = 0;
    this.#held = undefined;
    this.#isUntouched = true;
    this.isDropping = false;
    this.endedWithError = false;
  }

  /**
   * Moves over a piece of a chunk.
   * @returns the client gets it as it is, which is most often so; else {@link takePieces} has what it gets
   * @throws GatewayError ERR_PROTOCOL_VIOLATION or ERR_MESSAGE_TOO_LARGE at a header that cannot be
   */
  advance(chunk: Uint8Array, begin = 0, end = chunk.length): boolean {
    if (this.listener !== undefined) this.listener.received(end - begin);
    if (this.#held === undefined) return this.#advance(chunk, begin, end);
    const bytes = Buffer.concat([this.#held, partOf(chunk, begin, end)]);
    this.#held = undefined;
    if (this.#advance(bytes, 0, bytes.length)) this.#pieces.push(bytes);
    return false;
  }

  #advance(bytes: Uint8Array, begin: number, end: number): boolean {
    let from = begin;
    let at = begin + this.#bodyLeft;
    if (at > end) {
      this.#bodyLeft = at - end;
      return true;
    }
    this.#bodyLeft = 0;
    while (at + HEADER_BYTES <= end) {
      const tag = bytes[at] ?? 0;
      const next = at + 1 + lengthAt(bytes, at + 1);
      if (next < at + HEADER_BYTES || next - at > MAX_SERVER_MESSAGE_BYTES) {
        throw impossible(tag, next - at - 1);
      }
      if (next > end && isAwaited(tag, next - at)) break;
      if (tag === BackendTag.DataRow || tag === BackendTag.CopyData) {
        // The many: nothing of them is of interest.
      } else if (tag === BackendTag.ReadyForQuery) {
        this.endedWithError = false;
        const isHidden = this.#completes();
        this.#ledger.readyForQuery(bytes[at + HEADER_BYTES] ?? 0);
        this.#isUntouched = false;
        if (this.listener !== undefined && !isHidden && !this.isDropping) {
          this.listener.answered(this.#ledger.transactionStatus);
        }
        if (isHidden) {
          this.#replace(bytes, from, at, undefined);
          from = next;
        } else if (this.#port.hasReset) {
          this.#replace(bytes, from, at, this.#port.readied(bytes.subarray(at, next)));
          from = next;
        }
      } else {
        const kept = this.#read(tag, bytes, at, next, end);
        if (kept !== bytes) {
          this.#replace(bytes, from, at, kept);
          from = next;
        }
      }
      at = next;
    }
    if (at > end) {
      this.#bodyLeft = at - end;
      at = end;
    } else if (at < end) {
      this.#held = bytes.subarray(at, end);
    }
    const isAll = from === begin && at === end;
    return this.#pass(bytes, from, at, isAll);
  }

  takePieces(): readonly Uint8Array[] {
    if (this.#pieces.length === 0) return NOTHING;
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** What is in front of a message goes on, and something else, or nothing, in its place. */
  #replace(bytes: Uint8Array, from: number, at: number, instead: Uint8Array | undefined): void {
    if (at > from) this.#pieces.push(bytes.subarray(from, at));
    if (instead !== undefined) this.#pieces.push(instead);
  }

  /** The rest goes on. @returns it is all there is, and there is nothing else to go */
  #pass(bytes: Uint8Array, from: number, to: number, isAll: boolean): boolean {
    if (this.isDropping) {
      this.#pieces = [];
      return false;
    }
    if (from < to || this.#pieces.length > 0) this.#isUntouched = false;
    if (isAll && this.#pieces.length === 0) return true;
    if (from < to) this.#pieces.push(bytes.subarray(from, to));
    return false;
  }

  /** The message whose answer this is has succeeded; answers whether the client is not to see that. */
  #completes(): boolean {
    return !this.#due.isEmpty && this.#due.complete(this.#ledger.answered);
  }

  /** @returns `bytes` when the message goes on as it is, else what goes instead */
  #read(
    tag: number,
    bytes: Uint8Array,
    at: number,
    next: number,
    end: number,
  ): Uint8Array | undefined {
    this.endedWithError = tag === BackendTag.ErrorResponse;
    switch (tag) {
      case BackendTag.ParseComplete:
      case BackendTag.BindComplete:
      case BackendTag.CommandComplete:
      case BackendTag.CloseComplete: {
        if (this.#port.followsCommands && tag === BackendTag.CommandComplete && next <= end) {
          this.#port.commanded(bytes, at + HEADER_BYTES);
        }
        const isHidden = this.#completes();
        if (tag === BackendTag.CommandComplete && !isHidden && next <= end) {
          if (this.listener?.followsCommands === true) {
            this.listener.commanded(bytes, at + HEADER_BYTES, next - 1);
          }
        }
        this.#ledger.serverMessage(tag);
        return isHidden ? undefined : bytes;
      }
      case BackendTag.ErrorResponse: {
        const place = this.#ledger.answered;
        this.#ledger.serverMessage(tag);
        const message = next > end ? undefined : bytes.subarray(at, next);
        const answer = this.#port.refused(place, message);
        if (message !== undefined && answer !== undefined && this.#isUntouched) {
          this.isDropping = this.#port.repeats(message, answer);
        }
        if (this.listener !== undefined) this.#tellError(message, answer);
        return answer === message ? bytes : answer;
      }
      case BackendTag.NoticeResponse:
        return this.#due.isHidden(this.#ledger.answered) ? undefined : bytes;
      case BackendTag.ParameterStatus: {
        const body = Buffer.from(bytes.buffer, bytes.byteOffset + at, next - at);
        const [name = "", value = ""] = body.subarray(HEADER_BYTES).toString().split("\0");
        return this.#port.reported(name, value) ? bytes : undefined;
      }
    }
    this.#ledger.serverMessage(tag);
    return bytes;
  }

  /** @param answer what the client gets for the message; undefined for one that goes on as it is, or not at all */
  #tellError(message: Uint8Array | undefined, answer: Uint8Array | undefined): void {
    const isUnheard = answer === undefined && message !== undefined;
    if (this.isDropping || isUnheard) return;
    const to = HEADER_BYTES + SQL_STATE_WITHIN_BYTES;
    const fields = answer && asBuffer(answer).toString("latin1", HEADER_BYTES, to);
    this.listener?.failed(fields === undefined ? "" : sqlStateIn(fields));
  }
}

/** The whole of such a message is needed at once. */
function isAwaited(tag: number, messageBytes: number): boolean {
  switch (tag) {
    case BackendTag.ReadyForQuery:
    case BackendTag.ParameterStatus:
      return true;
    case BackendTag.ErrorResponse:
    case BackendTag.NoticeResponse:
      return messageBytes <= MAX_ERROR_BYTES;
    default:
      return false;
  }
}

function impossible(tag: number, length: number): GatewayError {
  const name = `message ${JSON.stringify(String.fromCharCode(tag))}`;
  const announced = length >>> 0;
  return new GatewayError(
    announced < HEADER_BYTES - 1 ? "ERR_PROTOCOL_VIOLATION" : "ERR_MESSAGE_TOO_LARGE",
    `${name} announces ${announced} bytes`,
  );
}
