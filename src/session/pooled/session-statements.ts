/**
 * The prepared statements of one session in the modes that share backends, and what its statements do
 * to the session: the policy of its {@link RequestStream}.
 *
 * A client's named statement is a {@link SharedStatement} under a name that only this session knows. A
 * backend that does not have it gets a Parse ahead of the message that needs it, in the same batch: if
 * that fails, the server itself skips what follows, and the client has its error where it would have
 * been. Every Parse of a client is answered by the server too, so that its errors are the server's.
 *
 * The unnamed statement is the session's as well: it is parsed anew on a backend where the last one to
 * make one was somebody else.
 *
 * What is sent counts as done; the {@link DueList} has what must be taken back when the server skips it.
 */
import { STATEMENT_PREFIX, SharedStatement } from "../../backend/index.ts";
import type { BackendStatements, ServerStatement, StatementCatalog } from "../../backend/index.ts";
import { ERROR_TABLE, GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import {
  FrontendTag,
  HEADER_BYTES,
  Trait,
  TransactionStatus,
  UNKNOWN_TRAITS,
  errorResponse,
  statementTraits,
} from "../../postgres/index.ts";
import type { AnswerLedger, StatementTraits } from "../../postgres/index.ts";
import { DueList } from "./due-list.ts";
import type { Pins } from "./pins.ts";
import type { RequestPolicy } from "./request-stream.ts";
import type { SettingsWatch } from "./settings-watch.ts";
import { nameInText } from "./statement-in-text.ts";
import { closeMessage, parseMessage, queryMessage, renamed } from "./statement-messages.ts";

/** The last unnamed statement of the session. */
interface Unnamed {
  /** Its Parse; undefined of one that was too long to be kept, which pins. */
  readonly message: Uint8Array | undefined;
  readonly traits: StatementTraits;
  readonly place: number;
}

/** A session may have so many named statements, and so many bytes of them. */
const MAX_NAMES = 10_000;
const MAX_NAMED_BYTES = 16 * 1024 * 1024;

const NO_NAME = Buffer.alloc(0);
/** What no statement is called: for a name with our prefix that a client made up. */
const NOBODYS_NAME = Buffer.from(`${STATEMENT_PREFIX}0`);
/** An empty statement can always be prepared. */
const EMPTY_STATEMENT = Buffer.alloc(3);
/** What the server fails at in place of what the gateway refuses: it keeps the books of the batch. */
const REFUSED_TEXT = "gatewayd refused this statement";
const REFUSED_BODY = Buffer.from(`${REFUSED_TEXT}\0\0\0`);

export class SessionStatements implements RequestPolicy {
  readonly #ledger: AnswerLedger;
  readonly #pins: Pins;
  readonly #watch: SettingsWatch;
  readonly #catalog: StatementCatalog;
  readonly #named = new Map<string, SharedStatement>();
  #namedBytes = 0;
  #unnamed: Unnamed | undefined;
  readonly #due = new DueList();
  #backend: BackendStatements | undefined;
  #analysisKey = "";
  /** Settings may differ from those the key was made of: what is parsed now is nobody else's. */
  #isPrivate = false;
  /** What goes ahead of the message at hand. */
  #ahead: Uint8Array[] = [];

  constructor(ledger: AnswerLedger, pins: Pins, watch: SettingsWatch, catalog: StatementCatalog) {
    this.#ledger = ledger;
    this.#pins = pins;
    this.#watch = watch;
    this.#catalog = catalog;
  }

  /**
   * What comes now goes to this backend.
   * @param analysisKey of the settings in force there
   */
  begin(backend: BackendStatements, analysisKey: string): void {
    this.#backend = backend;
    this.#analysisKey = analysisKey;
    this.#isPrivate = false;
    this.#due.clear();
  }

  /** The statement that the client knows by this name; one byte a character. */
  named(name: string): SharedStatement | undefined {
    return this.#named.get(name);
  }

  replace(
    tag: number,
    bytes: Buffer,
    at: number,
    end: number,
    next: number,
  ): Uint8Array | undefined {
    // The server skips it.
    if (this.#ledger.hasBatchFailed || this.#ledger.isCopying) return undefined;
    switch (tag) {
      case FrontendTag.Query:
        this.#endsBatch();
        return this.#query(bytes, at, end, next);
      case FrontendTag.Parse:
        return this.#parse(bytes, at, end, next);
      case FrontendTag.Bind:
        return this.#bind(bytes, at, end, next);
      case FrontendTag.FunctionCall:
        this.#endsBatch();
        this.#watch.touch();
        return undefined;
      default:
        return this.#describeOrClose(tag, bytes, at, end);
    }
  }

  /**
   * A ParseComplete or CloseComplete comes.
   * @returns the client is not to see it
   */
  completed(): boolean {
    return this.#due.complete(this.#ledger.answered);
  }

  /**
   * The server has failed at a message.
   * @returns what the client gets
   */
  refused(place: number, message: Uint8Array | undefined): Uint8Array | undefined {
    const end = this.#ledger.answered;
    const refusal = this.#due.fail(place, end);
    const unnamed = this.#unnamed;
    if (unnamed !== undefined && unnamed.place >= place && unnamed.place < end) {
      this.#unnamed = undefined;
      if (this.#backend !== undefined) this.#backend.unnamedOwner = undefined;
    }
    return refusal ?? (message === undefined ? undefined : this.#inClientsNames(message));
  }

  /**
   * A Query inside of a batch that has executed something leaves PostgreSQL in a state of which the next
   * statement hears ("StartTransactionCommand: unexpected state"): that must be this session's.
   */
  #endsBatch(): void {
    if (this.#ledger.isBatchOpen) this.#pins.saw(Trait.Untracked, false);
  }

  #query(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    this.#unnamed = undefined;
    if (this.#backend !== undefined) this.#backend.unnamedOwner = undefined;
    if (next > end) {
      this.#runs(UNKNOWN_TRAITS);
      return undefined;
    }
    const text = bytes.toString("latin1", at + HEADER_BYTES, end - 1);
    const traits = statementTraits(text);
    if (traits.flags === 0) return undefined;
    if (this.#refuses(traits)) return queryMessage(REFUSED_TEXT);
    this.#runs(traits);
    this.#forgets(traits);
    const renamedText = this.#renamedInText(text, traits);
    if (renamedText === undefined) return undefined;
    return this.#withAhead(queryMessage(renamedText));
  }

  #parse(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    const nameFrom = at + HEADER_BYTES;
    const nameTo = endOfName(bytes, nameFrom, end);
    const isUnnamed = nameFrom === nameTo;
    if (next > end) {
      this.#pins.saw(UNKNOWN_TRAITS.flags, !isUnnamed);
      this.#runs(UNKNOWN_TRAITS);
      if (isUnnamed) this.#madeUnnamed(undefined, UNKNOWN_TRAITS);
      return undefined;
    }
    if (isUnnamed) return this.#parseUnnamed(bytes, at, end, nameTo);
    const name = bytes.toString("latin1", nameFrom, nameTo);
    const known = this.#named.get(name);
    if (known !== undefined) {
      // The server's answer is the same as if the name were its own.
      const { name: taken } = this.#ensure(known);
      return this.#withAhead(renamed(bytes, at, end, next, nameFrom, nameTo, taken));
    }
    const body = bytes.toString("latin1", nameTo + 1, end);
    if (!this.#hasRoom(body.length)) {
      return this.#refuse("ERR_TOO_MANY_STATEMENTS");
    }
    const shared = this.#isPrivate
      ? new SharedStatement(body)
      : this.#catalog.find(body, this.#analysisKey);
    return this.#parseShared(name, shared);
  }

  #parseShared(name: string, shared: SharedStatement): Uint8Array | undefined {
    const backend = this.#backend;
    if (backend === undefined) return undefined;
    this.#name(name, shared);
    if (backend.find(shared) !== undefined) {
      // It is there, and the server checks it all the same: the tables may have changed.
      backend.unnamedOwner = undefined;
      this.#expect(false, () => this.#unname(name, shared));
      return parseMessage(NO_NAME, shared.body);
    }
    this.#makeRoom(backend);
    const statement = backend.add(shared);
    const undo = () => {
      backend.remove(statement);
      this.#unname(name, shared);
    };
    this.#due.add({ place: this.#ledger.sent, isHidden: false, makes: statement, undo });
    return this.#withAhead(parseMessage(statement.name, shared.body));
  }

  #parseUnnamed(bytes: Buffer, at: number, end: number, nameTo: number): Uint8Array | undefined {
    const textEnd = bytes.indexOf(0, nameTo + 1);
    const text = bytes.toString("latin1", nameTo + 1, textEnd < 0 ? end : Math.min(textEnd, end));
    const traits = statementTraits(text);
    const renamedText = traits.flags === 0 ? undefined : this.#renamedInText(text, traits);
    const message =
      renamedText === undefined
        ? undefined
        : parseMessage(NO_NAME, Buffer.from(`${renamedText}\0\0\0`, "latin1"));
    const sent = this.#withAhead(message);
    this.#madeUnnamed(message ?? Uint8Array.prototype.slice.call(bytes, at, end), traits);
    return sent;
  }

  #bind(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    const nameFrom = endOfName(bytes, at + HEADER_BYTES, end) + 1;
    const nameTo = endOfName(bytes, nameFrom, end);
    if (nameFrom === nameTo) {
      const traits = this.#unnamed?.traits;
      if (traits !== undefined && traits.flags !== 0) {
        if (next === end && this.#refuses(traits)) return this.#refusedParse();
        this.#runs(traits);
        this.#forgets(traits);
      }
      this.#ensureUnnamed();
      return this.#ahead.length === 0 ? undefined : this.#withAhead(bytes.subarray(at, end));
    }
    const name = bytes.toString("latin1", nameFrom, nameTo);
    const shared = this.#named.get(name);
    if (shared === undefined) {
      if (!name.startsWith(STATEMENT_PREFIX)) return undefined;
      return renamed(bytes, at, end, next, nameFrom, nameTo, NOBODYS_NAME);
    }
    if (shared.traits.flags !== 0) {
      if (next === end && this.#refuses(shared.traits)) return this.#refusedParse();
      this.#runs(shared.traits);
    }
    const statement = this.#ensure(shared);
    if (shared.traits.flags !== 0) this.#forgets(shared.traits);
    const message = renamed(bytes, at, end, next, nameFrom, nameTo, statement.name);
    return this.#ahead.length === 0 ? message : this.#withAhead(message);
  }

  #describeOrClose(tag: number, bytes: Buffer, at: number, end: number): Uint8Array | undefined {
    if (bytes[at + HEADER_BYTES] !== STATEMENT_KIND) return undefined;
    const nameFrom = at + HEADER_BYTES + 1;
    const nameTo = endOfName(bytes, nameFrom, end);
    const isClose = tag === FrontendTag.Close;
    if (nameFrom === nameTo) {
      if (isClose) this.#closeUnnamed();
      else this.#ensureUnnamed();
      return this.#ahead.length === 0 ? undefined : this.#withAhead(bytes.subarray(at, end));
    }
    const name = bytes.toString("latin1", nameFrom, nameTo);
    const shared = this.#named.get(name);
    if (shared === undefined || isClose) {
      if (shared !== undefined) this.#closeNamed(name, shared);
      else if (!name.startsWith(STATEMENT_PREFIX)) return undefined;
      // Others may use it still: the server closes one that is not there, and says the same.
      return renamed(bytes, at, end, end, nameFrom, nameTo, NOBODYS_NAME);
    }
    const statement = this.#ensure(shared);
    return this.#withAhead(renamed(bytes, at, end, end, nameFrom, nameTo, statement.name));
  }

  #closeNamed(name: string, shared: SharedStatement): void {
    this.#unname(name, shared);
    this.#expect(false, () => {
      if (!this.#named.has(name)) this.#name(name, shared);
    });
  }

  #closeUnnamed(): void {
    this.#unnamed = undefined;
    if (this.#backend !== undefined) this.#backend.unnamedOwner = undefined;
  }

  #madeUnnamed(message: Uint8Array | undefined, traits: StatementTraits): void {
    this.#unnamed = { message, traits, place: this.#ledger.sent };
    if (this.#backend !== undefined) this.#backend.unnamedOwner = this;
  }

  /** The unnamed statement on the backend is this session's, or there is none. */
  #ensureUnnamed(): void {
    const backend = this.#backend;
    if (backend === undefined || backend.unnamedOwner === this) return;
    const message = this.#unnamed?.message;
    this.#expect(true);
    this.#sendAhead(
      message === undefined ? FrontendTag.Close : FrontendTag.Parse,
      message ?? closeMessage(NO_NAME),
    );
    backend.unnamedOwner = message === undefined ? undefined : this;
  }

  /** The backend has the statement, or gets it ahead of the message at hand. */
  #ensure(shared: SharedStatement): ServerStatement {
    const backend = this.#backend;
    if (backend === undefined) throw new Error("no backend to prepare on"); // Only called when leased.
    const known = backend.find(shared);
    if (known !== undefined) return known;
    this.#makeRoom(backend);
    const statement = backend.add(shared);
    const undo = () => backend.remove(statement);
    this.#due.add({ place: this.#ledger.sent, isHidden: true, makes: statement, undo });
    this.#sendAhead(FrontendTag.Parse, parseMessage(statement.name, shared.body));
    return statement;
  }

  #makeRoom(backend: BackendStatements): void {
    const evicted = backend.evict();
    if (evicted === undefined) return;
    this.#expect(true);
    this.#sendAhead(FrontendTag.Close, closeMessage(evicted.name));
  }

  #sendAhead(tag: number, message: Uint8Array): void {
    this.#ledger.clientMessage(tag);
    this.#ahead.push(message);
  }

  #expect(isHidden: boolean, undo?: () => void): void {
    this.#due.add({ place: this.#ledger.sent, isHidden, ...(undo !== undefined && { undo }) });
  }

  #withAhead<Message extends Uint8Array | undefined>(message: Message): Uint8Array | Message {
    if (this.#ahead.length === 0) return message;
    const ahead = this.#ahead;
    this.#ahead = [];
    return Buffer.concat(message === undefined ? ahead : [...ahead, message]);
  }

  /** A statement is about to run. */
  #runs(traits: StatementTraits): void {
    const isFollowed = this.#watch.saw(traits);
    this.#pins.saw(isFollowed ? traits.flags : traits.flags | Trait.Untracked, false);
    if ((traits.flags & (Trait.Settings | Trait.LocalSettings)) !== 0) this.#isPrivate = true;
  }

  /** DEALLOCATE ALL takes itself away, too, if it was prepared. */
  #forgets({ flags }: StatementTraits): void {
    if ((flags & Trait.DeallocateAll) === 0) return;
    this.#named.clear();
    this.#namedBytes = 0;
    this.#backend?.clear();
  }

  /** What would be answered by another client's doings. */
  #refuses({ flags }: StatementTraits): boolean {
    const isOutside =
      (flags & (Trait.Begin | Trait.Several)) === 0 && !this.#ledger.isInTransaction;
    if ((flags & Trait.SequenceState) === 0 || !isOutside || !this.#pins.areNone) return false;
    this.#refuse("ERR_NOT_SHAREABLE");
    return true;
  }

  /** The message at hand is not sent: a Parse that fails goes instead. */
  #refuse(code: ErrorCode): Uint8Array {
    const { sqlState, clientMessage, remedy } = ERROR_TABLE[code];
    this.#due.add({
      place: this.#ledger.sent,
      isHidden: false,
      refusal: errorResponse({ severity: "ERROR", sqlState, message: clientMessage, hint: remedy }),
    });
    return this.#refusedParse();
  }

  #refusedParse(): Uint8Array {
    if (this.#backend !== undefined) this.#backend.unnamedOwner = undefined;
    return parseMessage(NO_NAME, REFUSED_BODY);
  }

  /** DEALLOCATE and EXECUTE of a statement of this session, which has another name on the server. */
  #renamedInText(text: string, { flags }: StatementTraits): string | undefined {
    if ((flags & (Trait.Deallocate | Trait.Execute)) === 0) return undefined;
    const found = nameInText(text);
    const shared = found === undefined ? undefined : this.#named.get(found.name);
    const backend = this.#backend;
    if (found === undefined || shared === undefined || backend === undefined) return undefined;
    let statement = backend.find(shared);
    if (found.isDeallocate) {
      if (statement === undefined) {
        statement = backend.add(shared);
        this.#expect(true);
        this.#sendAhead(FrontendTag.Parse, parseMessage(statement.name, EMPTY_STATEMENT));
      }
      backend.remove(statement);
      // In a failed transaction it fails, too.
      const { transactionStatus } = this.#ledger;
      if (transactionStatus !== TransactionStatus.Failed) this.#unname(found.name, shared);
    }
    if (statement === undefined) return undefined;
    const name = Buffer.from(statement.name).toString();
    return text.slice(0, found.from) + name + text.slice(found.to);
  }

  #name(name: string, shared: SharedStatement): void {
    this.#named.set(name, shared);
    this.#namedBytes += shared.body.length;
  }

  #unname(name: string, shared: SharedStatement): void {
    if (this.#named.get(name) !== shared) return;
    this.#named.delete(name);
    this.#namedBytes -= shared.body.length;
  }

  #hasRoom(bodyBytes: number): boolean {
    return this.#named.size < MAX_NAMES && this.#namedBytes + bodyBytes <= MAX_NAMED_BYTES;
  }

  /** The names that a message of the server speaks of are not those that the client knows. */
  #inClientsNames(message: Uint8Array): Uint8Array {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    if (!bytes.includes(STATEMENT_PREFIX)) return message;
    const body = bytes
      .toString("latin1", HEADER_BYTES)
      .replaceAll(OUR_NAME, (name) => this.#clientsName(name) ?? name);
    const changed = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    changed[0] = bytes[0] ?? 0;
    changed.writeInt32BE(body.length + 4, 1);
    changed.write(body, HEADER_BYTES, "latin1");
    return changed;
  }

  #clientsName(ours: string): string | undefined {
    const shared = this.#backend?.named(ours)?.shared;
    for (const [name, statement] of this.#named) if (statement === shared) return name;
    return undefined;
  }
}

const STATEMENT_KIND = 0x53; // S
const OUR_NAME = new RegExp(`${STATEMENT_PREFIX}[0-9]+`, "g");

function endOfName(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(0, from);
  if (at >= 0 && at < end) return at;
  throw new GatewayError("ERR_PROTOCOL_VIOLATION", "a statement's name has no end");
}
