/**
 * What the client is still owed by the server.
 *
 * Counting Query and Sync messages is not enough: after an error among extended messages the server
 * skips everything up to the next Sync, a Query included, and while a COPY is fed it ignores Sync
 * and Flush. The ledger follows both streams, message by message, as a model of the server
 * (PostgreSQL manual, 54.2.3 Extended Query, 54.2.6 COPY operations).
 *
 * Pending work is a list of numbers, oldest first:
 *   n > 0     a run of n extended messages that have not been completed yet
 *   READY     a Query or FunctionCall: ends with ReadyForQuery
 *   SYNC      a Sync: ends with ReadyForQuery, and ends the skipping after an error
 *   COPY_END  a CopyDone or CopyFail that was sent before the server asked for data
 *   FLUSH     a Flush behind a COPY_END
 *
 * Three flags beside it:
 *   open      extended messages were sent and no Sync since: the server holds a transaction open
 *   skipping  an extended message failed and no Sync has been sent since
 *   copying   the server reads COPY data for the head of the list
 */
import { BackendTag, FrontendTag, TransactionStatus } from "./message-types.ts";

const READY = -1;
const SYNC = -2;
const COPY_END = -3;
const FLUSH = -4;

/** Items that were taken from the front of the list before it is cut. */
const MAX_SHIFTED = 1024;

export class AnswerLedger {
  // First what every request and answer needs, side by side in memory.
  /** Of the last ReadyForQuery; 0 before the first, that is until the login is done. */
  transactionStatus = 0;
  /** How many ReadyForQuery the client waits for. */
  owedReadyForQuery = 0;
  /** How many ReadyForQuery have come. */
  cycles = 0;
  /**
   * How many messages were sent that are answered one by one: extended ones, Sync, Query, FunctionCall.
   * Before one is sent, this is its place among them.
   */
  sent = 0;
  /**
   * The oldest item, 0 when there is none: most clients wait for one answer, and need no list. Never
   * COPY_END or FLUSH: only while a COPY is ahead of them they mean something.
   */
  #head = 0;
  #behindCount = 0;
  #isCopying = false;
  #isCopyingBoth = false;
  #isSkipping = false;
  #isBatchOpen = false;
  /** What follows the head, from `#next` on. */
  #behind: number[] = [];
  #next = 0;
  /** Extended messages that are not completed, and how many of them a Flush asked to answer. */
  #extended = 0;
  #flushed = 0;
  /** A COPY_END is in the list: what a Flush behind it asks for, a COPY does not swallow. */
  #hasCopyEnd = false;

  /** Nothing sent is unanswered, and the server does not wait for more of a batch or a COPY. */
  get isIdle(): boolean {
    return this.isAnswered && !this.isBatchOpen && !this.#isCopying;
  }

  /** The server has seen a part of a batch, and no Sync since. */
  get isBatchOpen(): boolean {
    return this.#isBatchOpen || this.#isSkipping;
  }

  /** That part has failed, and the client knows: everything up to the Sync is void. */
  get hasBatchFailed(): boolean {
    return this.#isSkipping;
  }

  /** Every message sent so far is answered, but a batch may still lack its Sync. */
  get isAnswered(): boolean {
    return this.#head === 0;
  }

  /** It is the server's turn: it has been asked for answers that have not come. */
  get owesAnswer(): boolean {
    return (this.owedReadyForQuery > 0 || this.#flushed > 0) && !this.#isCopying;
  }

  /** The server reads COPY data. */
  get isCopying(): boolean {
    return this.#isCopying;
  }

  /** And sends some: it streams what is to be replicated. */
  get isCopyingBoth(): boolean {
    return this.#isCopying && this.#isCopyingBoth;
  }

  get isLoggedIn(): boolean {
    return this.transactionStatus !== 0;
  }

  get isInTransaction(): boolean {
    return this.isLoggedIn && this.transactionStatus !== TransactionStatus.Idle;
  }

  /** How many of those that were `sent` are answered: the place of the one whose answer comes now. */
  get answered(): number {
    return this.sent - this.owedReadyForQuery - this.#extended;
  }

  /** Another one that has followed the same messages. */
  copy(): AnswerLedger {
    const copy = new AnswerLedger();
    copy.transactionStatus = this.transactionStatus;
    copy.owedReadyForQuery = this.owedReadyForQuery;
    copy.cycles = this.cycles;
    copy.sent = this.sent;
    copy.#head = this.#head;
    copy.#behindCount = this.#behindCount;
    copy.#isCopying = this.#isCopying;
    copy.#isSkipping = this.#isSkipping;
    copy.#isBatchOpen = this.#isBatchOpen;
    copy.#behind = this.#behind.slice();
    copy.#next = this.#next;
    copy.#extended = this.#extended;
    copy.#flushed = this.#flushed;
    copy.#hasCopyEnd = this.#hasCopyEnd;
    return copy;
  }

  /** A message on its way to the server. */
  clientMessage(tag: number): void {
    switch (tag) {
      case FrontendTag.Query:
      case FrontendTag.FunctionCall:
        if (this.#isSkipping || this.#isCopying) return;
        this.#isBatchOpen = false;
        this.#push(READY);
        this.sent++;
        this.owedReadyForQuery++;
        return;
      case FrontendTag.Sync:
        if (this.#isCopying) return;
        this.#isBatchOpen = false;
        this.#isSkipping = false;
        this.#push(SYNC);
        this.sent++;
        this.owedReadyForQuery++;
        return;
      case FrontendTag.Parse:
      case FrontendTag.Bind:
      case FrontendTag.Describe:
      case FrontendTag.Execute:
      case FrontendTag.Close:
        if (this.#isSkipping || this.#isCopying) return;
        this.#isBatchOpen = true;
        this.#extended++;
        this.sent++;
        this.#lengthenRun();
        return;
      case FrontendTag.Flush:
        if (this.#isCopying) return;
        this.#flushed = this.#extended;
        if (this.#hasCopyEnd && this.#behind.at(-1) !== FLUSH) this.#push(FLUSH);
        return;
      case FrontendTag.CopyDone:
      case FrontendTag.CopyFail:
        if (this.#isCopying) {
          this.#isCopying = false;
        } else if (!this.isAnswered) {
          this.#push(COPY_END);
          this.#hasCopyEnd = true;
        }
        return;
    }
  }

  /** A message of the server other than ReadyForQuery. */
  serverMessage(tag: number): void {
    switch (tag) {
      case BackendTag.ParseComplete:
      case BackendTag.BindComplete:
      case BackendTag.CloseComplete:
      case BackendTag.NoData:
      case BackendTag.RowDescription:
      case BackendTag.CommandComplete:
      case BackendTag.EmptyQueryResponse:
      case BackendTag.PortalSuspended:
        this.#completeExtended();
        return;
      case BackendTag.ErrorResponse:
        this.#isCopying = false;
        if (this.#head > 0) this.#skipToSync();
        return;
      case BackendTag.CopyInResponse:
      case BackendTag.CopyBothResponse:
        this.#isCopyingBoth = tag === BackendTag.CopyBothResponse;
        this.#startCopy();
        return;
    }
  }

  /** A whole ReadyForQuery of the server. */
  readyForQuery(transactionStatus: number): void {
    const isLogin = !this.isLoggedIn;
    this.transactionStatus = transactionStatus;
    this.cycles++;
    // The one that ends the login answers nothing, also when requests came right behind the startup.
    if (isLogin) return;
    this.#isCopying = false;
    for (let item = this.#head; item !== 0; item = this.#head) {
      this.#drop();
      if (item === READY || item === SYNC) return;
    }
  }

  /** What was sent will not be answered: it goes elsewhere, or others have answered it. */
  forget(): void {
    this.#head = 0;
    this.#behind = [];
    this.#next = 0;
    this.#behindCount = 0;
    this.#extended = 0;
    this.#flushed = 0;
    this.#hasCopyEnd = false;
    this.#isCopying = false;
    this.#isSkipping = false;
    this.#isBatchOpen = false;
    this.owedReadyForQuery = 0;
  }

  #push(item: number): void {
    if (this.#head === 0) {
      this.#head = item;
      return;
    }
    this.#behind.push(item);
    this.#behindCount++;
  }

  /** One more extended message, in the run that comes last or in a new one. */
  #lengthenRun(): void {
    const last = this.#behind.length - 1;
    if (this.#behindCount === 0 ? this.#head <= 0 : (this.#behind[last] ?? 0) <= 0) this.#push(1);
    else if (this.#behindCount === 0) this.#head++;
    else this.#behind[last] = (this.#behind[last] ?? 0) + 1;
  }

  #drop(): void {
    const item = this.#head;
    if (item > 0) this.#forgetExtended(item);
    else if (item === READY || item === SYNC) this.owedReadyForQuery--;
    do this.#head = this.#shift();
    while (this.#head === COPY_END || this.#head === FLUSH);
    if (this.#head === 0) this.#hasCopyEnd = false;
  }

  /** Takes the first of those behind the head; 0 when there is none. */
  #shift(): number {
    if (this.#behindCount === 0) return 0;
    const item = this.#behind[this.#next++] ?? 0;
    this.#behindCount--;
    // A client that always has something under way would make the list grow for ever.
    if (this.#behindCount === 0 || this.#next === MAX_SHIFTED) {
      this.#behind.splice(0, this.#next);
      this.#next = 0;
    }
    return item;
  }

  #completeExtended(): void {
    const run = this.#head;
    if (run <= 0) return;
    if (run === 1) {
      this.#drop();
      return;
    }
    this.#head = run - 1;
    this.#forgetExtended(1);
  }

  #forgetExtended(count: number): void {
    this.#extended -= count;
    this.#flushed = Math.max(0, this.#flushed - count);
  }

  #skipToSync(): void {
    while (this.#head !== 0 && this.#head !== SYNC) this.#drop();
    this.#isSkipping = this.isAnswered;
  }

  /**
   * Whatever was sent behind the head, up to the end of its data, the server swallows: Syncs, Flushes; of
   * anything else that is no COPY data it dies.
   */
  #startCopy(): void {
    const behind = this.#behind.slice(this.#next);
    const end = behind.indexOf(COPY_END);
    this.#isCopying = end < 0;
    const swallowed = end < 0 ? behind : behind.slice(0, end);
    const left = end < 0 ? [] : behind.slice(end + 1);
    const before = this.answered;
    for (const item of swallowed) {
      if (item === READY || item === SYNC) this.owedReadyForQuery--;
      else if (item > 0) this.#extended -= item;
    }
    // What is swallowed is not answered: it is as if it had not been sent.
    this.sent -= this.answered - before;
    // A Sync or Flush that followed its Execute was swallowed: another one has to come.
    const isSynced = left.includes(SYNC) || left.includes(READY);
    if (this.#head > 0 && !isSynced) this.#isBatchOpen = true;
    this.#flushed = this.#flushedOf(left);
    this.#behind = left;
    this.#next = 0;
    this.#behindCount = left.length;
    this.#hasCopyEnd = left.includes(COPY_END);
  }

  /** Of the extended messages, with `left` behind the head, those that its last Flush asks for. */
  #flushedOf(left: readonly number[]): number {
    const flush = left.lastIndexOf(FLUSH);
    if (flush < 0) return 0;
    return left.slice(flush).reduce((sum, item) => sum - Math.max(0, item), this.#extended);
  }
}
