/**
 * What a client sends to a backend that it shares: followed message by message, and passed on as it
 * came, but for the messages that the policy replaces.
 *
 * What the policy wants to see, it sees as a whole: such a message waits here until all of it has come,
 * if it is not too long for that. All else goes on in the pieces it came in.
 */
import {
  FrontendTag,
  HEADER_BYTES,
  asBuffer,
  checkFrontendHeader,
  lengthAt,
} from "../../postgres/index.ts";
import type { AnswerLedger } from "../../postgres/index.ts";

/** Hears what is sent. */
export interface RequestReport {
  /** The ledger is about to hear of messages. */
  sends(): void;
  /** It has heard of them: all that were complete. */
  sent(bytes: Uint8Array): void;
}

export interface RequestPolicy {
  /** It wants to see an Execute, too. */
  readonly awaitsExecute: boolean;
  /**
   * A Query, FunctionCall, Parse, Bind, Describe or Close is about to be sent. Messages that go ahead of it are in the
   * ledger already when this returns, itself is not.
   * @param at where it begins in `bytes`
   * @param end where what has come of it ends
   * @param next where it ends, beyond `end` for a long one
   * @returns what goes instead of the part from `at` to `end`; undefined to leave it as it is
   */
  replace(
    tag: number,
    bytes: Buffer,
    at: number,
    end: number,
    next: number,
  ): Uint8Array | undefined;
}

/** Of a longer message the policy sees the beginning only. */
const MAX_WHOLE_BYTES = 256 * 1024;
/** Of a longer Bind: so much of it has the names of portal and statement. */
const MAX_NAMES_BYTES = 64 * 1024;

/** More is sent in the pieces that it came in. */
const MAX_JOINED_BYTES = 64 * 1024;

const NO_BYTES = Buffer.alloc(0);

export class RequestStream {
  readonly #ledger: AnswerLedger;
  readonly #maxMessageBytes: number;
  readonly #policy: RequestPolicy | undefined;
  /** The message whose rest is still to come, and how much of it; the beginning was passed on. */
  #tag = 0;
  #bodyLeft = 0;
  /** The beginning of a message that waits for its rest. */
  #held: Buffer = NO_BYTES;
  /** What is to be sent, oldest first: most often one piece, which needs no list. */
  #first: Uint8Array | undefined;
  #more: Uint8Array[] = [];
  /** Undefined: nobody wants to hear of what is sent. */
  listener: RequestReport | undefined;
  /** The client said Terminate: what is behind that is void. */
  hasTerminated = false;

  /** @param policy none: everything goes on as it is */
  constructor(ledger: AnswerLedger, maxMessageBytes: number, policy: RequestPolicy | undefined) {
    this.#ledger = ledger;
    this.#maxMessageBytes = maxMessageBytes;
    this.#policy = policy;
  }

  /** Nothing of a message has come whose rest is still missing. */
  get isAtBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#held.length === 0;
  }

  /** The server has whole messages only, once what there is to send is sent. */
  get isServerAtBoundary(): boolean {
    return this.#bodyLeft === 0;
  }

  /** As {@link FrameCursor.stepIn}. */
  stepIn(chunk: Uint8Array, from: number): number {
    const left = chunk.length - from;
    if (this.#bodyLeft > 0) return from + Math.min(left, this.#bodyLeft);
    const seen = this.#held.length;
    if (seen >= HEADER_BYTES) {
      return from + Math.min(left, 1 + (lengthAt(this.#held, 1) >>> 0) - seen);
    }
    if (seen > 0 || left < HEADER_BYTES) return from + Math.min(left, HEADER_BYTES - seen);
    return from + Math.min(left, 1 + (lengthAt(chunk, from + 1) >>> 0));
  }

  /** What has become of the bytes so far, to be sent in this order; joined, as far as that pays. */
  take(): readonly Uint8Array[] {
    const pieces = this.#more;
    if (this.#first !== undefined) pieces.unshift(this.#first);
    this.#first = undefined;
    this.#more = [];
    if (pieces.length === 0) return pieces;
    const byteLength = pieces.reduce((sum, { length }) => sum + length, 0);
    // Each piece would be a system call, and wake the server.
    return byteLength > MAX_JOINED_BYTES ? pieces : [Buffer.concat(pieces, byteLength)];
  }

  /** The same, when it is one piece. */
  takeOne(): Uint8Array | undefined {
    if (this.#more.length > 0) return undefined;
    const piece = this.#first;
    this.#first = undefined;
    return piece;
  }

  #put(piece: Uint8Array): void {
    if (this.#first === undefined) this.#first = piece;
    else this.#more.push(piece);
  }

  /** What is behind the last message that was replaced. */
  #putRest(bytes: Buffer, from: number, to: number): void {
    const first = this.#first;
    const byteLength = (first?.length ?? 0) + to - from;
    if (first === undefined || this.#more.length > 0 || byteLength > MAX_JOINED_BYTES) {
      this.#put(bytes.subarray(from, to));
      return;
    }
    // Joined at once, which takes neither a list nor a view.
    const joined = Buffer.allocUnsafe(byteLength);
    joined.set(first);
    bytes.copy(joined, first.length, from, to);
    this.#first = joined;
  }

  /** @throws GatewayError at bytes that cannot be messages of a client */
  advance(chunk: Uint8Array): void {
    if (this.hasTerminated) return;
    if (this.listener === undefined) {
      this.#advance(chunk);
      return;
    }
    this.listener.sends();
    this.#advance(chunk);
    this.listener.sent(chunk);
  }

  #advance(chunk: Uint8Array): void {
    const bytes = this.#joined(chunk);
    const end = bytes.length;
    let at = this.#bodyLeft;
    if (at > end) {
      this.#bodyLeft = at - end;
      this.#put(bytes);
      return;
    }
    if (at > 0) {
      this.#bodyLeft = 0;
      this.#ledger.clientMessage(this.#tag);
    }
    let from = 0;
    while (at + HEADER_BYTES <= end) {
      const tag = bytes[at] ?? 0;
      const next = at + 1 + lengthAt(bytes, at + 1);
      checkFrontendHeader(tag, next - at, this.#maxMessageBytes);
      if (tag === FrontendTag.Terminate) {
        this.hasTerminated = true;
        break;
      }
      if (next > end && isAwaited(tag, next - at, end - at)) break;
      const here = Math.min(next, end);
      if (this.#policy !== undefined && isReplaceable(tag, this.#policy)) {
        const instead = this.#policy.replace(tag, bytes, at, here, next);
        if (instead !== undefined) {
          if (at > from) this.#put(bytes.subarray(from, at));
          this.#put(instead);
          from = here;
        }
      }
      if (next > end) {
        this.#tag = tag;
        this.#bodyLeft = next - end;
        at = end;
        break;
      }
      this.#ledger.clientMessage(tag);
      at = next;
    }
    if (from === 0 && at === end) this.#put(bytes);
    else if (from < at) this.#putRest(bytes, from, at);
    if (at < end && !this.hasTerminated) this.#held = bytes.subarray(at);
  }

  #joined(chunk: Uint8Array): Buffer {
    if (this.#held.length === 0) return asBuffer(chunk);
    const bytes = Buffer.concat([this.#held, chunk]);
    this.#held = NO_BYTES;
    return bytes;
  }
}

/** @returns false also when the policy has to do with what has come */
function isAwaited(tag: number, messageBytes: number, cameBytes: number): boolean {
  switch (tag) {
    case FrontendTag.CopyData:
    case FrontendTag.FunctionCall:
      return false;
    case FrontendTag.Bind:
      return messageBytes <= MAX_NAMES_BYTES || cameBytes < MAX_NAMES_BYTES;
    default:
      return messageBytes <= MAX_WHOLE_BYTES;
  }
}

function isReplaceable(tag: number, policy: RequestPolicy): boolean {
  switch (tag) {
    case FrontendTag.Query:
    case FrontendTag.Parse:
    case FrontendTag.Bind:
    case FrontendTag.Describe:
    case FrontendTag.Close:
    case FrontendTag.FunctionCall:
      return true;
    case FrontendTag.Execute:
      return policy.awaitsExecute;
    default:
      return false;
  }
}
