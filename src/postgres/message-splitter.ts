/** Cuts a stream into runs of whole messages, for those who need to see them whole. */
import { GatewayError } from "../errors.ts";
import { lengthAt } from "./frame-cursor.ts";
import { HEADER_BYTES } from "./message-types.ts";

const NOTHING = new Uint8Array(0);

export class MessageSplitter {
  /** Longest message accepted, header included. */
  maxMessageBytes: number;
  readonly #isTag: (tag: number) => boolean;
  /** The beginning of a message whose end has not come yet. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes that must be there before looking again is worth it. */
  #neededBytes = HEADER_BYTES;

  /** @param isTag tells which messages there are; others are refused at their header */
  constructor(maxMessageBytes: number, isTag: (tag: number) => boolean = () => true) {
    this.maxMessageBytes = maxMessageBytes;
    this.#isTag = isTag;
  }

  get isAtBoundary(): boolean {
    return this.#heldBytes === 0;
  }

  /**
   * Adds a chunk; answers all whole messages there are now, as one piece (empty when none).
   * @throws GatewayError ERR_PROTOCOL_VIOLATION or ERR_MESSAGE_TOO_LARGE
   */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#heldBytes + chunk.length < this.#neededBytes) {
      this.#hold(chunk);
      return NOTHING;
    }
    const bytes = this.#heldBytes === 0 ? chunk : this.#joined(chunk);
    this.#neededBytes = HEADER_BYTES;
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const next = at + this.#messageBytes(bytes, at);
      if (next > bytes.length) {
        this.#neededBytes = next - at;
        break;
      }
      at = next;
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at));
    return partOfRun(bytes, 0, at);
  }

  #joined(chunk: Uint8Array): Uint8Array {
    this.#held.push(chunk);
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #messageBytes(bytes: Uint8Array, at: number): number {
    const tag = bytes[at] ?? 0;
    if (!this.#isTag(tag)) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", `invalid message type ${tag}`);
    }
    const length = lengthAt(bytes, at + 1);
    if (length >= 4 && length < this.maxMessageBytes) return 1 + length;
    const announced = length >>> 0;
    throw new GatewayError(
      announced < 4 ? "ERR_PROTOCOL_VIOLATION" : "ERR_MESSAGE_TOO_LARGE",
      `a message announces ${announced} bytes`,
    );
  }
}

/** Calls back for every message of a run made by {@link MessageSplitter}. */
export function forEachMessage(
  run: Uint8Array,
  visit: (tag: number, from: number, to: number) => void,
): void {
  for (let at = 0; at < run.length;) {
    const next = endOfMessage(run, at);
    visit(run[at] ?? 0, at, next);
    at = next;
  }
}

/** Where the message ends that begins at a place of a run made by {@link MessageSplitter}. */
export function endOfMessage(run: Uint8Array, at: number): number {
  return at + 1 + lengthAt(run, at + 1);
}

/** The bytes from one place to another: the run itself when these are all, as most often. */
export function partOfRun(run: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === run.length ? run : run.subarray(from, to);
}
