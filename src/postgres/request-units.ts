/**
 * Groups what a client sends into the pieces a traffic hook is called with: a Query, a FunctionCall,
 * a password message or a Terminate alone; an extended batch up to its Sync or Flush; a run of COPY
 * data.
 */
import { forEachMessage, MessageSplitter, partOfRun } from "./message-splitter.ts";
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
    let copyFrom = -1;
    forEachMessage(run, (tag, from, to) => {
      if (tag === FrontendTag.CopyData || tag === FrontendTag.CopyDone) {
        this.#flush("batchPart");
        if (copyFrom < 0) copyFrom = from;
        return;
      }
      if (copyFrom >= 0) this.#emit({ kind: "copy", bytes: run.subarray(copyFrom, from) });
      copyFrom = -1;
      this.#message(tag, partOfRun(run, from, to));
    });
    if (copyFrom >= 0) this.#emit({ kind: "copy", bytes: run.subarray(copyFrom) });
  }

  #message(tag: number, bytes: Uint8Array): void {
    switch (tag) {
      case FrontendTag.Query:
      case FrontendTag.FunctionCall:
        this.#flush("batchPart");
        this.#emit({ kind: "query", bytes });
        return;
      case FrontendTag.Password:
        this.#emit({ kind: "startup", bytes });
        return;
      case FrontendTag.CopyFail:
        this.#flush("batchPart");
        this.#emit({ kind: "copy", bytes });
        return;
      case FrontendTag.Terminate:
        this.#flush("batchPart");
        this.#emit({ kind: "terminate", bytes });
        return;
      default:
        if (this.#batchBytes + bytes.length > this.maxBatchBytes) this.#flush("batchPart");
        this.#batch.push(bytes);
        this.#batchBytes += bytes.length;
        if (tag === FrontendTag.Sync) this.#flush("batch");
        else if (tag === FrontendTag.Flush) this.#flush("batchPart");
    }
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
