/**
 * Collects what a client sends while it has no server, until that is worth one: a whole unit, or as
 * much of one as should not be held.
 *
 * What asks the server for nothing stays here: a Sync alone, a Flush alone, and COPY messages that come
 * after the server has ended their COPY.
 */
import { lengthAt } from "./frame-cursor.ts";
import { checkFrontendHeader } from "./frontend-header.ts";
import { FrontendTag, HEADER_BYTES } from "./message-types.ts";

/** A unit of which more than this has come is not waited for. */
const MAX_HELD_BYTES = 64 * 1024;

const NO_BYTES = new Uint8Array(0);

export class UnitGate {
  readonly #maxMessageBytes: number;
  /** What is held: most often one piece, which needs no list. */
  #first: Uint8Array | undefined;
  #more: Uint8Array[] = [];
  #byteLength = 0;
  #hasBegun = false;
  #isReady = false;
  /** The unit was given up: it is dropped up to its Sync. */
  #isVoid = false;
  #loneSyncs = 0;
  #hasTerminated = false;
  /** Of the message that the end of what has come is in: still to come. */
  #bodyLeft = 0;
  /** Or the beginning of its header. */
  #header: Uint8Array = NO_BYTES;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Nothing is held, not even the beginning of a message. */
  get isEmpty(): boolean {
    return !this.#hasBegun && this.#bodyLeft === 0 && this.#header.length === 0;
  }

  /** Nor is anything to be dropped or answered because of what was. */
  get isAtRest(): boolean {
    return this.isEmpty && !this.#isVoid && this.#loneSyncs === 0 && !this.#hasTerminated;
  }

  /** There is something for a server. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** What is held, as one piece: made when it is several. */
  get joined(): Uint8Array | undefined {
    const first = this.#first;
    return first === undefined || this.#more.length === 0
      ? first
      : Buffer.concat([first, ...this.#more]);
  }

  /** What is held, when it is one piece that begins with a unit. */
  get onePiece(): Uint8Array | undefined {
    return this.#hasBegun && this.#more.length === 0 ? this.#first : undefined;
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
    const from = this.#hasBegun ? 0 : this.#drop(bytes);
    if (from < 0) return;
    const unit = from === 0 ? bytes : bytes.subarray(from);
    this.#hold(unit);
    this.#byteLength += unit.length;
    if (!this.#isReady) this.#isReady = this.#endsIn(unit) || this.#byteLength > MAX_HELD_BYTES;
  }

  /**
   * Hands over what is held, cut anywhere, and begins anew.
   * @returns also the beginning of a header, though no unit has begun
   */
  take(): readonly Uint8Array[] {
    if (!this.#hasBegun && this.#header.length > 0) this.#hold(this.#header);
    const more = this.#more;
    if (this.#first !== undefined) more.unshift(this.#first);
    this.#more = [];
    this.#begin();
    return more;
  }

  /** The same when it is one piece: undefined if it is not. */
  takeOne(): Uint8Array | undefined {
    if (!this.#hasBegun || this.#more.length > 0) return undefined;
    const piece = this.#first;
    this.#begin();
    return piece;
  }

  #begin(): void {
    this.#first = undefined;
    this.#byteLength = 0;
    this.#hasBegun = false;
    this.#isReady = false;
    this.#bodyLeft = 0;
    this.#header = NO_BYTES;
  }

  #hold(piece: Uint8Array): void {
    if (this.#first === undefined) this.#first = piece;
    else this.#more.push(piece);
  }

  /** In the middle of a COPY message that nobody wants: `take` would not know of it. */
  get isDropping(): boolean {
    return !this.#hasBegun && this.#bodyLeft > 0;
  }

  /**
   * Gives up the unit that is held.
   * @returns its end has come, too, and it can be answered; else that is a lone Sync later
   */
  giveUp(): boolean {
    const bytes = Buffer.concat(this.take());
    this.#isVoid = true;
    const syncs = this.#loneSyncs;
    this.push(bytes);
    const isWhole = this.#loneSyncs > syncs;
    if (isWhole) this.#loneSyncs--;
    return isWhole;
  }

  /** Steps over what is no unit; answers where one begins, negative if none does. */
  #drop(chunk: Uint8Array): number {
    const held = this.#header.length;
    const bytes = held === 0 ? chunk : Buffer.concat([this.#header, chunk]);
    let at = this.#bodyLeft;
    if (at > bytes.length) {
      this.#bodyLeft = at - bytes.length;
      return -1;
    }
    this.#bodyLeft = 0;
    this.#header = NO_BYTES;
    while (at + HEADER_BYTES <= bytes.length) {
      const tag = bytes[at] ?? 0;
      const next = at + 1 + lengthAt(bytes, at + 1);
      checkFrontendHeader(tag, next - at, this.#maxMessageBytes);
      if (beginsUnit(tag) && !this.#isVoid) {
        this.#hasBegun = true;
        if (at >= held) return at - held;
        // Its header came in two pieces.
        this.push(bytes.subarray(at));
        return -1;
      }
      if (tag === FrontendTag.Terminate) this.#hasTerminated = true;
      else this.#stepOver(tag);
      at = next;
    }
    if (at > bytes.length) this.#bodyLeft = at - bytes.length;
    else if (at < bytes.length) this.#header = bytes.subarray(at);
    return -1;
  }

  #stepOver(tag: number): void {
    if (tag === FrontendTag.Sync) this.#loneSyncs++;
    if (!this.#isVoid) return;
    // A Query has no Sync behind it: the first message of what was given up tells.
    if (tag === FrontendTag.Query || tag === FrontendTag.FunctionCall) this.#loneSyncs++;
    if (endsUnit(tag) && tag !== FrontendTag.Flush) this.#isVoid = false;
  }

  /** Moves over bytes of the unit: its end, or what is to be answered, is among them. */
  #endsIn(chunk: Uint8Array): boolean {
    const bytes = this.#header.length === 0 ? chunk : Buffer.concat([this.#header, chunk]);
    let at = this.#bodyLeft;
    this.#header = NO_BYTES;
    let isEnd = false;
    while (at + HEADER_BYTES <= bytes.length) {
      const tag = bytes[at] ?? 0;
      const next = at + 1 + lengthAt(bytes, at + 1);
      checkFrontendHeader(tag, next - at, this.#maxMessageBytes);
      if (next > bytes.length && endsUnit(tag)) break;
      isEnd ||= endsUnit(tag);
      at = next;
    }
    this.#bodyLeft = Math.max(0, at - bytes.length);
    // Not an empty view: for the first view of a small piece the engine moves its bytes out of the
    // heap, which made a quarter of all work in transaction mode.
    if (at < bytes.length) this.#header = bytes.subarray(at);
    return isEnd;
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
