/**
 * Makes a backend fit for the next session after its own has ended, whatever that left behind: a query
 * that runs, a COPY, an open batch or transaction, settings and temporary tables.
 *
 *   cancelling  the server is told that nobody wants the answer: it would not notice by itself
 *   answering   what is still owed comes, and is dropped
 *   cleaning    ROLLBACK and the reset query
 *   over        given back, as it is, or not to be used again
 *
 * PostgreSQL does not notice a closed connection while it executes; what does not end in time is closed
 * all the same.
 */
import type { PooledBackend } from "../../backend/index.ts";
import type { Connection, ConnectionHandler, Deadline, TimerWheel } from "../../net/index.ts";
import type { LeaseOutcome, Slot } from "../../pool/index.ts";
import { FrontendTag, FrontendWriter, Settings, copyFail } from "../../postgres/index.ts";
import type { AnswerLedger } from "../../postgres/index.ts";
import type { AnswerStream } from "./answer-stream.ts";

export interface Remains {
  readonly slot: Slot<PooledBackend>;
  readonly ledger: AnswerLedger;
  readonly answers: AnswerStream;
  /** Tells the server to cancel. Resolves when that is done. Never rejects. */
  readonly cancel: () => Promise<void>;
  /** The session has left something on the server that outlives a transaction. */
  readonly isDirty: boolean;
  /** What removes it. */
  readonly resetQuery: string;
  readonly timers: TimerWheel;
}

/** So long a server may take to end what it does. */
const END_MS = 5_000;
/** Nothing less takes everything away that a session can leave: after that the backend is not shared. */
const RESETS_ALL = /\bdiscard\s+all\b/i;

export class Aftermath implements ConnectionHandler {
  readonly #remains: Remains;
  readonly #backend: PooledBackend;
  readonly #deadline: Deadline;
  #state: "cancelling" | "answering" | "cleaning" | "over" = "answering";
  #hasFailedCopy = false;

  /** Takes the backend over from its session. */
  constructor(remains: Remains) {
    this.#remains = remains;
    this.#backend = remains.slot.backend;
    this.#deadline = remains.timers.after(END_MS, () => this.#over("broken"));
    this.#backend.take(this);
    this.#backend.connection.resume();
    if (remains.ledger.isAnswered) this.#proceed();
    else void this.#cancel();
  }

  onData(bytes: Uint8Array): void {
    const { answers } = this.#remains;
    answers.advance(bytes);
    answers.takePieces();
    this.#proceed();
  }

  onStall(): void {}
  onDrain(): void {}

  onEnd(connection: Connection): void {
    connection.terminate();
  }

  onClose(): void {
    this.#over("lost");
  }

  async #cancel(): Promise<void> {
    this.#state = "cancelling";
    await this.#remains.cancel();
    if (this.#state !== "cancelling") return;
    this.#state = "answering";
    this.#proceed();
  }

  /** What the server waits for, it gets; then it is cleaned. */
  #proceed(): void {
    if (this.#state !== "answering") return;
    const { ledger, answers } = this.#remains;
    if (ledger.isCopying && !this.#hasFailedCopy) {
      this.#hasFailedCopy = true;
      this.#send(FrontendTag.CopyFail, copyFail("the client has gone"));
    }
    if (ledger.isBatchOpen && !ledger.isCopying) this.#endBatch();
    if (ledger.isIdle && answers.isAtBoundary) void this.#clean();
  }

  /** A Sync alone would commit what the batch has done so far. */
  #endBatch(): void {
    if (!this.#remains.ledger.hasBatchFailed) {
      this.#send(FrontendTag.Parse, PARSE_ROLLBACK);
      this.#send(FrontendTag.Bind, BIND);
      this.#send(FrontendTag.Execute, EXECUTE);
      this.#backend.statements.unnamedOwner = undefined;
    }
    this.#send(FrontendTag.Sync, SYNC);
  }

  #send(tag: number, message: Uint8Array): void {
    this.#remains.ledger.clientMessage(tag);
    this.#backend.connection.write(message);
  }

  async #clean(): Promise<void> {
    this.#state = "cleaning";
    // What is asked from here on has a limit of its own.
    this.#deadline.clear();
    const { ledger, isDirty, resetQuery } = this.#remains;
    try {
      const isRolledBack = !ledger.isInTransaction || (await this.#succeeds("ROLLBACK"));
      this.#over(
        isRolledBack && (!isDirty || (await this.#isReset(resetQuery))) ? "clean" : "broken",
      );
    } catch {
      // The connection is closed, and so cannot be used again.
      this.#over("lost");
    }
  }

  async #isReset(resetQuery: string): Promise<boolean> {
    const isDone = await this.#succeeds(resetQuery);
    this.#backend.settings = Settings.NONE;
    this.#backend.statements.clear();
    return isDone && RESETS_ALL.test(resetQuery);
  }

  async #succeeds(statement: string): Promise<boolean> {
    const { error } = await this.#backend.run(statement);
    return error === undefined;
  }

  #over(outcome: LeaseOutcome): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#deadline.dispose();
    this.#remains.slot.release(outcome);
  }
}

const PARSE_ROLLBACK = new FrontendWriter()
  .parse({ name: "", text: "ROLLBACK", parameterTypes: [] })
  .take();
const BIND = new FrontendWriter()
  .bind({ portal: "", statement: "", parameterFormats: [], values: [], resultFormats: [] })
  .take();
const EXECUTE = new FrontendWriter().execute({ portal: "", maxRows: 0 }).take();
const SYNC = new FrontendWriter().sync().take();
