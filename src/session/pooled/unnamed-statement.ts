/**
 * The unnamed statement of one session: it is parsed anew on a backend where the last one to make one was
 * somebody else.
 */
import { SharedStatement } from "../../backend/index.ts";
import { FrontendTag, HEADER_BYTES, mayHaveTraits, statementTraits } from "../../postgres/index.ts";
import type { AnswerLedger, StatementTraits } from "../../postgres/index.ts";
import { closeMessage, parseMessage } from "./statement-messages.ts";
import { NAMES_OTHERS } from "./statement-preparation.ts";
import type { StatementPreparation } from "./statement-preparation.ts";

/** What runs, as far as it goes beyond itself. */
export interface Runnable {
  readonly traits: StatementTraits;
  /** One byte a character. May be empty when there are no traits: nobody needs it then. */
  readonly text: string;
}

export interface Unnamed extends Runnable {
  /** Its Parse; undefined of one that was too long to be kept, which pins. */
  readonly message: Uint8Array | undefined;
  /** As {@link AnswerLedger.sent} counts. */
  readonly place: number;
}

/** Of one that is in force since before the first message of a ledger. */
const LONG_AGO = -1;

const NO_NAME = Buffer.alloc(0);
const HARMLESS: Runnable = { traits: statementTraits(""), text: "" };

export class UnnamedStatement {
  readonly #ledger: AnswerLedger;
  readonly #preparation: StatementPreparation;
  #current: Unnamed | undefined;

  /** @param kept the session has made it already */
  constructor(ledger: AnswerLedger, preparation: StatementPreparation, kept?: Unnamed) {
    this.#ledger = ledger;
    this.#preparation = preparation;
    if (kept !== undefined) this.#current = { ...kept, place: LONG_AGO };
  }

  /** Undefined when there is none. */
  get current(): Unnamed | undefined {
    return this.#current;
  }

  /** It is on its backend alone. */
  get isUnkept(): boolean {
    return this.#current !== undefined && this.#current.message === undefined;
  }

  /**
   * A Parse of it is about to be sent.
   * @param textFrom where its text begins in `bytes`
   * @returns what goes instead; undefined to leave it as it is
   */
  parse(bytes: Buffer, at: number, end: number, textFrom: number): Uint8Array | undefined {
    const textEnd = bytes.indexOf(0, textFrom);
    const runnable = runnableOf(bytes, textFrom, textEnd < 0 ? end : Math.min(textEnd, end));
    const message = Uint8Array.prototype.slice.call(bytes, at, end);
    const namesOthers = (runnable.traits.flags & NAMES_OTHERS) !== 0;
    this.close();
    const sent = this.#preparation.take(namesOthers ? this.#inServersNames(message) : undefined);
    this.made(message, runnable);
    return sent;
  }

  /** @param message undefined when it is too long to be kept: the session is pinned */
  made(message: Uint8Array | undefined, { traits, text }: Runnable): void {
    this.#current = { message, traits, text, place: this.#ledger.sent };
    this.#preparation.leased.unnamedOwner = this;
  }

  /** It is closed, or a Query has taken it away. */
  close(): void {
    this.#current = undefined;
    this.#preparation.leased.unnamedOwner = undefined;
  }

  /** A message has failed, and all from there to before `end` were skipped. */
  failed(place: number, end: number): void {
    const current = this.#current;
    if (current !== undefined && current.place >= place && current.place < end) this.close();
  }

  /** The one on the backend is this session's, or there is none. */
  ensure(): void {
    const backend = this.#preparation.leased;
    const message = this.#current?.message;
    const flags = message === undefined ? 0 : (this.#current?.traits.flags ?? 0);
    const namesOthers = (flags & NAMES_OTHERS) !== 0;
    // What it speaks of may have another name by now.
    if (backend.unnamedOwner === this && !namesOthers) return;
    if (message === undefined) {
      this.#preparation.hide(FrontendTag.Close, closeMessage(NO_NAME));
      backend.unnamedOwner = undefined;
      return;
    }
    const parse = namesOthers ? this.#inServersNames(message) : message;
    this.#preparation.hide(FrontendTag.Parse, parse, undefined, () => {
      backend.unnamedOwner = undefined;
    });
    backend.unnamedOwner = this;
  }

  /** A Parse whose text speaks of other statements. */
  #inServersNames(message: Uint8Array): Uint8Array {
    const body = Buffer.from(message.subarray(HEADER_BYTES + 1)).toString("latin1");
    const statement = new SharedStatement(body, undefined);
    return parseMessage(NO_NAME, this.#preparation.bodyOf(statement));
  }
}

function runnableOf(bytes: Buffer, from: number, to: number): Runnable {
  if (!mayHaveTraits(bytes, from, to)) return HARMLESS;
  const text = bytes.toString("latin1", from, to);
  return { traits: statementTraits(text), text };
}
