/**
 * Groups what a client sends into the pieces a traffic hook is called with: a Query, a FunctionCall,
 * a password message or a Terminate alone; an extended batch up to its Sync or Flush; a run of COPY
 * data.
 */
import { endOfMessage, MessageSplitter, partOfRun } from "./message-splitter.ts";
import { FrontendTag, isFrontendTag } from "./message-types.ts";

export type RequestKind =
  /** The StartupMessage, or a message of the login that follows it. */
  | "startup"
  /** Query or FunctionCall: the server answers with one ReadyForQuery. */
  | "query"
  /** Extended messages up to a Sync: one ReadyForQuery. */
  | "batch"
  /** Extended messages up to a Flush, or as many as fit: no ReadyForQuery. */
  | "batchPart"
  /** CopyData, CopyDone, CopyFail. */
  | "copy"
  | "terminate";

export interface RequestUnit {
  readonly kind: RequestKind;
  /** Whole messages. */
  readonly bytes: Uint8Array;
}

/** Before the login is done. PostgreSQL takes no longer message of a client it does not know. */
const MAX_LOGIN_MESSAGE_BYTES = 64 * 1024;
const MAX_BATCH_BYTES = 1024 * 1024;

export class RequestUnits {
  /** A batch that grows beyond this is handed on in parts. */
  maxBatchBytes = MAX_BATCH_BYTES;
  readonly #splitter: MessageSplitter;
  readonly #maxMessageBytes: number;
  readonly #emit: (unit: RequestUnit) => void;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  constructor(maxMessageBytes: number, emit: (unit: RequestUnit) => void) {
    this.#splitter = new MessageSplitter(maxMessageBytes, isFrontendTag);
    this.#maxMessageBytes = maxMessageBytes;
    this.#emit = emit;
  }

  /** Nothing is held back: the stream may be taken over at this place. */
  get isAtBoundary(): boolean {
    return this.#splitter.isAtBoundary && this.#batch.length === 0;
  }

  /**
   * @param isLoggedIn false while nobody knows who the client is: it gets less room
   * @throws GatewayError when the bytes cannot be messages of a client, or a message is too long
   */
  push(chunk: Uint8Array, isLoggedIn: boolean): void {
    this.#splitter.maxMessageBytes = isLoggedIn
      ? this.#maxMessageBytes
      : Math.min(this.#maxMessageBytes, MAX_LOGIN_MESSAGE_BYTES);
    const run = this.#splitter.push(chunk);
    // Where a run of COPY data begins, and one of extended messages: never both.
    let copyFrom = -1;
    let batchFrom = -1;
    for (let at = 0, next = 0; at < run.length; at = next) {
      const tag = run[at] ?? 0;
      next = endOfMessage(run, at);
      if (isBatched(tag)) {
        if (copyFrom >= 0) this.#emit({ kind: "copy", bytes: run.subarray(copyFrom, at) });
        copyFrom = -1;
        if (this.#batchBytes + next - at > this.maxBatchBytes) {
          this.#gather(run, batchFrom, at);
          this.#flush("batchPart");
          batchFrom = -1;
        }
        if (batchFrom < 0) batchFrom = at;
        this.#batchBytes += next - at;
        if (tag !== FrontendTag.Sync && tag !== FrontendTag.Flush) continue;
        this.#gather(run, batchFrom, next);
        this.#flush(tag === FrontendTag.Sync ? "batch" : "batchPart");
        batchFrom = -1;
        continue;
      }
      this.#gather(run, batchFrom, at);
      if (tag !== FrontendTag.Password) this.#flush("batchPart");
      batchFrom = -1;
      if (tag === FrontendTag.CopyData || tag === FrontendTag.CopyDone) {
        if (copyFrom < 0) copyFrom = at;
        continue;
      }
      if (copyFrom >= 0) this.#emit({ kind: "copy", bytes: run.subarray(copyFrom, at) });
      copyFrom = -1;
      this.#emit({ kind: kindOf(tag), bytes: partOfRun(run, at, next) });
    }
    if (copyFrom >= 0) this.#emit({ kind: "copy", bytes: run.subarray(copyFrom) });
    this.#gather(run, batchFrom, run.length);
  }

  #gather(run: Uint8Array, from: number, to: number): void {
    if (from >= 0) this.#batch.push(partOfRun(run, from, to));
  }

  #flush(kind: "batch" | "batchPart"): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#emit({
      kind,
      bytes: batch.length === 1 ? (batch[0] as Uint8Array) : Buffer.concat(batch),
    });
  }
}

function kindOf(tag: number): RequestKind {
  switch (tag) {
    case FrontendTag.Password:
      return "startup";
    case FrontendTag.CopyFail:
      return "copy";
    case FrontendTag.Terminate:
      return "terminate";
    default:
      return "query";
  }
}

/** It belongs to a batch. */
function isBatched(tag: number): boolean {
  switch (tag) {
    case FrontendTag.Query:
    case FrontendTag.FunctionCall:
    case FrontendTag.Password:
    case FrontendTag.CopyData:
    case FrontendTag.CopyDone:
    case FrontendTag.CopyFail:
    case FrontendTag.Terminate:
      return false;
    default:
      return true;
  }
}
