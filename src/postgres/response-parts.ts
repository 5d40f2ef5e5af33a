/**
 * Groups what a server answers into the pieces a traffic hook is called with: one call a cycle, that
 * is up to and including ReadyForQuery, in parts when it grows beyond `maxBytes`, and earlier
 * whenever the server now waits for the client: at an authentication request and at a COPY.
 */
import { lengthAt } from "./frame-cursor.ts";
import { endOfMessage, MessageSplitter, partOfRun } from "./message-splitter.ts";
import { BackendTag, HEADER_BYTES } from "./message-types.ts";

export interface ResponsePart {
  /** Whole messages. */
  readonly bytes: Uint8Array;
  /** Ends with ReadyForQuery. */
  readonly endsCycle: boolean;
  /** Ends with an authentication request, that is, another request of the login follows. */
  readonly endsLoginStep: boolean;
  /** Ends with the request for COPY data: the server waits for the client to feed it. */
  readonly startsCopyIn: boolean;
}

const UNFINISHED = { endsCycle: false, endsLoginStep: false, startsCopyIn: false } as const;

/** Authentication codes after which the server goes on by itself. */
const AUTHENTICATION_OK = 0;
const AUTHENTICATION_SASL_FINAL = 12;

export class ResponseParts {
  readonly #splitter: MessageSplitter;
  /** A part does not grow beyond this, unless it is one message. */
  maxBytes: number;
  readonly #emit: (part: ResponsePart) => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(maxMessageBytes: number, maxBytes: number, emit: (part: ResponsePart) => void) {
    this.#splitter = new MessageSplitter(maxMessageBytes);
    this.maxBytes = maxBytes;
    this.#emit = emit;
  }

  /** Nothing is held back: the stream may be taken over at this place. */
  get isAtBoundary(): boolean {
    return this.#splitter.isAtBoundary && this.#held.length === 0;
  }

  /** Whole messages wait for the end of their cycle. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  push(chunk: Uint8Array): void {
    const run = this.#splitter.push(chunk);
    let from = 0;
    for (let at = 0, to = 0; at < run.length; at = to) {
      const tag = run[at] ?? 0;
      to = endOfMessage(run, at);
      const endsCycle = tag === BackendTag.ReadyForQuery;
      const endsLoginStep = tag === BackendTag.Authentication && asksForMore(run, at);
      const startsCopyIn = tag === BackendTag.CopyInResponse || tag === BackendTag.CopyBothResponse;
      const startsCopy = startsCopyIn || tag === BackendTag.CopyOutResponse;
      if (this.#heldBytes + to - from > this.maxBytes) {
        this.#hold(run.subarray(from, at));
        from = at;
        this.flush();
      }
      const isFull = this.#heldBytes + to - from >= this.maxBytes;
      if (!endsCycle && !endsLoginStep && !isFull && !startsCopy) continue;
      const last = partOfRun(run, from, to);
      from = to;
      this.#emit({ bytes: this.#taken(last), endsCycle, endsLoginStep, startsCopyIn });
    }
    if (from < run.length) this.#hold(partOfRun(run, from, run.length));
  }

  /** Hands on what is held: the other side waits for it, or nothing has come for a while. */
  flush(): void {
    if (this.#held.length > 0) this.#emit({ bytes: this.#taken(), ...UNFINISHED });
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  /** What is held, and what follows it, in one piece. */
  #taken(last?: Uint8Array): Uint8Array {
    // Most often all of an answer comes at once.
    if (this.#held.length === 0 && last !== undefined) return last;
    if (last !== undefined) this.#hold(last);
    const held = this.#held;
    const [first] = held;
    const bytes =
      first !== undefined && held.length === 1 ? first : Buffer.concat(held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }
}

function asksForMore(run: Uint8Array, at: number): boolean {
  const code = lengthAt(run, at + HEADER_BYTES);
  return code !== AUTHENTICATION_OK && code !== AUTHENTICATION_SASL_FINAL;
}
