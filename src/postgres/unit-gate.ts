/**
 * Collects what a client sends while it has no server, until that is worth one: a whole unit, or as
 * much of one as should not be held.
 *
 * What asks the server for nothing stays here: a Sync alone, a Flush alone, and COPY messages that come
 * after the server has ended their COPY.
 */
import { GatewayError } from "../errors.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { FrontendTag, isFrontendTag } from "./message-types.ts";

/** A unit of which more than this has come is not waited for. */
const MAX_HELD_BYTES = 64 * 1024;

export class UnitGate extends FrameCursor {
  #pieces: Uint8Array[] = [];
  #byteLength = 0;
  #hasBegun = false;
  #isReady = false;
  #loneSyncs = 0;
  #hasTerminated = false;

  /** Nothing is held, not even the beginning of a message. */
  get isEmpty(): boolean {
    return !this.#hasBegun && this.isAtBoundary;
  }

  /** There is something for a server. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** The client said Terminate, in front of any unit. */
  get hasTerminated(): boolean {
    return this.#hasTerminated;
  }

  /** Answers how many Syncs have come that a ReadyForQuery is all the answer to, and forgets them. */
  takeLoneSyncs(): number {
    const count = this.#loneSyncs;
    this.#loneSyncs = 0;
    return count;
  }

  /** @throws GatewayError when the bytes cannot be messages of a client */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#hasBegun) {
      if (this.isAtBoundary && beginsUnit(bytes[at] ?? 0)) {
        this.#hasBegun = true;
        break;
      }
      const next = this.stepIn(bytes, at);
      this.advance(bytes.subarray(at, next));
      at = next;
    }
    const rest = at === 0 ? bytes : bytes.subarray(at);
    if (rest.length === 0) return;
    this.#pieces.push(rest);
    this.#byteLength += rest.length;
    if (!this.#isReady) this.advance(rest);
    this.#isReady ||= this.#byteLength > MAX_HELD_BYTES;
  }

  /** Hands over what is held, cut anywhere, and begins anew at a boundary. */
  take(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#byteLength = 0;
    this.#hasBegun = false;
    this.#isReady = false;
    this.startOver();
    return pieces;
  }

  protected override messageBegan(tag: number, _bodyLength: number, isWhole: boolean): boolean {
    if (!isFrontendTag(tag) || tag === FrontendTag.Password) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", `invalid frontend message type ${tag}`);
    }
    if (isWhole) this.messageEnded(tag);
    return !isWhole;
  }

  protected override messageBody(): void {}

  protected override messageEnded(tag: number): void {
    if (!this.#hasBegun) {
      if (tag === FrontendTag.Sync) this.#loneSyncs++;
      else if (tag === FrontendTag.Terminate) this.#hasTerminated = true;
    } else if (endsUnit(tag)) {
      this.#isReady = true;
    }
  }
}

function beginsUnit(tag: number): boolean {
  switch (tag) {
    case FrontendTag.Query:
    case FrontendTag.FunctionCall:
    case FrontendTag.Parse:
    case FrontendTag.Bind:
    case FrontendTag.Describe:
    case FrontendTag.Execute:
    case FrontendTag.Close:
      return true;
    default:
      return false;
  }
}

/** A Flush ends none, but what is in front of it is to be answered. */
function endsUnit(tag: number): boolean {
  return (
    tag === FrontendTag.Query ||
    tag === FrontendTag.FunctionCall ||
    tag === FrontendTag.Sync ||
    tag === FrontendTag.Flush ||
    tag === FrontendTag.Terminate
  );
}
