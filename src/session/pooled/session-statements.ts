/**
 * The prepared statements of one session in the modes that share backends, and what its statements do
 * to the session: the policy of its {@link RequestStream}.
 *
 * A client's named statement is a {@link SharedStatement} under a name that only this session knows;
 * {@link StatementPreparation} has it on the backend. Every Parse of a client is answered by the server too,
 * so that its errors are the server's.
 *
 * The unnamed statement is the session's as well: it is parsed anew on a backend where the last one to
 * make one was somebody else. Names that SQL's PREPARE has made are left as they are: they tie the session
 * to its backend; and so do texts that are too long to be kept.
 */
import { STATEMENT_PREFIX, SharedStatement } from "../../backend/index.ts";
import type { BackendStatements, StatementCatalog } from "../../backend/index.ts";
import type { ErrorCode } from "../../errors.ts";
import {
  FrontendTag,
  HEADER_BYTES,
  Settings,
  Trait,
  UNKNOWN_TRAITS,
  mayHaveTraits,
  statementTraits,
} from "../../postgres/index.ts";
import type { AnswerLedger, StatementTraits } from "../../postgres/index.ts";
import { inClientsNames } from "./clients-names.ts";
import type { DueList } from "./due-list.ts";
import { NamedStatements } from "./named-statements.ts";
import type { NamedStatement } from "./named-statements.ts";
import type { Pins } from "./pins.ts";
import type { RequestPolicy } from "./request-stream.ts";
import type { SettingsWatch } from "./settings-watch.ts";
import { namesInText } from "./statement-in-text.ts";
import {
  endOfName,
  parseMessage,
  queryMessage,
  refusal,
  refusedParse,
  refusedQuery,
  renamed,
} from "./statement-messages.ts";
import { StatementRepair } from "./statement-repair.ts";
import { NAMES_OTHERS, NOBODYS_NAME, StatementPreparation } from "./statement-preparation.ts";
import { UnnamedStatement } from "./unnamed-statement.ts";
import type { Runnable, Unnamed } from "./unnamed-statement.ts";

const NO_NAME = Buffer.alloc(0);
const NOBODYS = Buffer.from(NOBODYS_NAME);
const UNKNOWN: Runnable = { traits: UNKNOWN_TRAITS, text: "" };
/** What it does was seen when it was prepared. */
const MADE_BY_SQL: Runnable = { traits: statementTraits(""), text: "" };
/** What a session has prepared, while it has no relay. */
export interface KeptStatements {
  readonly names: NamedStatements;
  readonly unnamed: Unnamed | undefined;
}

export interface StatementParts {
  readonly ledger: AnswerLedger;
  readonly due: DueList;
  readonly pins: Pins;
  readonly watch: SettingsWatch;
  readonly catalog: StatementCatalog;
}

export class SessionStatements implements RequestPolicy {
  readonly #ledger: AnswerLedger;
  readonly #pins: Pins;
  readonly #watch: SettingsWatch;
  readonly #catalog: StatementCatalog;
  readonly #due: DueList;
  readonly #names: NamedStatements;
  readonly #preparation: StatementPreparation;
  readonly #repair: StatementRepair;
  readonly #unnamed: UnnamedStatement;
  /** Made by SQL, or of a text too long to be kept: on the server they have the same names. */
  readonly #untouched = new Map<string, Runnable>();
  /** What portals would run that goes beyond itself; most of the time none. */
  readonly #portals = new Map<string, Runnable>();
  #settings = Settings.NONE;
  /** Other settings may be in force: what is parsed now is nobody else's. */
  #isPrivate = false;

  /** @param kept what the session has prepared already */
  constructor({ ledger, due, pins, watch, catalog }: StatementParts, kept?: KeptStatements) {
    this.#names = kept?.names ?? new NamedStatements();
    this.#ledger = ledger;
    this.#due = due;
    this.#pins = pins;
    this.#watch = watch;
    this.#catalog = catalog;
    this.#preparation = new StatementPreparation(ledger, due, this.#names, catalog);
    this.#repair = new StatementRepair(this.#names, catalog, this.#preparation);
    this.#unnamed = new UnnamedStatement(ledger, this.#preparation, kept?.unnamed);
  }

  /** Of a session that is not tied; undefined when it has prepared nothing. */
  keep(): KeptStatements | undefined {
    const { current: unnamed } = this.#unnamed;
    return unnamed === undefined && this.#names.isEmpty
      ? undefined
      : { names: this.#names, unnamed };
  }

  /**
   * What comes now goes to this backend.
   * @param settings in force there
   */
  begin(backend: BackendStatements, settings: Settings): void {
    this.#preparation.backend = backend;
    this.#preparation.settings = settings;
    this.#settings = settings;
    this.#isPrivate = false;
    this.#due.clear();
    if (this.#portals.size > 0) this.#portals.clear();
  }

  /** The statement that the client knows by this name; one byte a character. */
  named(name: string): SharedStatement | undefined {
    return this.#names.find(name)?.shared;
  }

  /** The server says that settings have changed. */
  settingsChanged(): void {
    this.#isPrivate = true;
    this.#preparation.settings = undefined;
  }

  /** A Query of the gateway would take away what cannot be brought back. */
  get mustNotBeAsked(): boolean {
    return this.#unnamed.isUnkept;
  }

  get awaitsExecute(): boolean {
    return this.#portals.size > 0;
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
      case FrontendTag.Execute:
        this.#execute(bytes, at, end);
        return undefined;
      case FrontendTag.FunctionCall:
        this.#endsBatch();
        this.#watch.touch();
        return undefined;
      default:
        return this.#describeOrClose(tag, bytes, at, end);
    }
  }

  /**
   * The server has failed at a message.
   * @returns what the client gets
   */
  refused(place: number, message: Uint8Array | undefined): Uint8Array | undefined {
    const end = this.#ledger.answered;
    const told = message && inClientsNames(message, (ours) => this.#preparation.clientsName(ours));
    const answer = this.#due.fail(place, end, told);
    this.#unnamed.failed(place, end);
    return answer;
  }

  /**
   * Of a failure that {@link refused} has heard of and answered.
   * @param unit that has failed, as the client sent it; undefined when it cannot be sent again
   * @returns it is to be sent again, and all that was done for it is undone
   */
  repairs(message: Uint8Array, answer: Uint8Array, unit: Uint8Array | undefined): boolean {
    if (!this.#repair.repair(message, answer, unit) || unit === undefined) return false;
    this.#due.undoAll();
    return true;
  }

  get #backend(): BackendStatements {
    return this.#preparation.leased;
  }

  /**
   * A Query inside of a batch that has executed something leaves PostgreSQL in a state of which the next
   * statement hears ("StartTransactionCommand: unexpected state"): that must be this session's.
   */
  #endsBatch(): void {
    if (this.#ledger.isBatchOpen) this.#pins.saw(Trait.Untracked, false);
  }

  #query(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    this.#unnamed.close();
    if (next > end) {
      this.#runs(UNKNOWN_TRAITS);
      return undefined;
    }
    // A string of each Query, made to be looked at, was a fifth of all work in transaction mode.
    if (!mayHaveTraits(bytes, at + HEADER_BYTES, end - 1)) return undefined;
    const text = bytes.toString("latin1", at + HEADER_BYTES, end - 1);
    const traits = statementTraits(text);
    if (traits.flags === 0) return undefined;
    if (this.#refuses(traits)) return refusedQuery;
    const preparation = this.#preparation;
    const known =
      (traits.flags & NAMES_OTHERS) === 0
        ? text
        : preparation.forQuery(() => preparation.inServersNames(text));
    this.#executes({ traits, text });
    return preparation.take(
      known === text && preparation.isEmpty ? undefined : queryMessage(known),
    );
  }

  #parse(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    const nameFrom = at + HEADER_BYTES;
    const nameTo = endOfName(bytes, nameFrom, end);
    const isUnnamed = nameFrom === nameTo;
    if (next > end) {
      this.#pins.saw(UNKNOWN_TRAITS.flags, !isUnnamed);
      if (isUnnamed) this.#unnamed.made(undefined, UNKNOWN);
      else this.#untouched.set(bytes.toString("latin1", nameFrom, nameTo), UNKNOWN);
      return undefined;
    }
    if (isUnnamed) return this.#unnamed.parse(bytes, at, end, nameTo + 1);
    const name = bytes.toString("latin1", nameFrom, nameTo);
    if (this.#untouched.has(name)) return undefined;
    const known = this.#names.find(name);
    if (known !== undefined) {
      // The server's answer is the same as if the name were its own.
      const { name: taken } = this.#preparation.ensure(known.shared);
      return this.#preparation.take(renamed(bytes, at, end, next, nameFrom, nameTo, taken));
    }
    const body = bytes.toString("latin1", nameTo + 1, end);
    if (!this.#names.hasRoom(body.length)) return this.#refuse("ERR_TOO_MANY_STATEMENTS");
    return this.#parseNew(name, this.#sharedOf(body));
  }

  #sharedOf(body: string): SharedStatement {
    if (this.#isPrivate) {
      // On another backend its literals could not be read as they are now.
      if (this.#preparation.settings === undefined) this.#pins.saw(0, true);
      return new SharedStatement(body, this.#preparation.settings);
    }
    const shared = this.#catalog.find(body, this.#settings);
    const isOwn =
      this.#names.of(shared) !== undefined || (shared.traits.flags & NAMES_OTHERS) !== 0;
    return isOwn ? new SharedStatement(body, this.#settings) : shared;
  }

  #parseNew(name: string, shared: SharedStatement): Uint8Array | undefined {
    const backend = this.#backend;
    const preparation = this.#preparation;
    const named = { name, shared, parsedAt: this.#catalog.now() };
    this.#names.add(named);
    if (backend.find(shared) !== undefined) {
      // It is there, and the server checks it all the same: the tables may have changed.
      backend.unnamedOwner = undefined;
      this.#undoing(() => this.#names.remove(named));
      return parseMessage(NO_NAME, shared.body);
    }
    const body = preparation.bodyOf(shared);
    preparation.makeRoom();
    const statement = backend.add(shared, named.parsedAt, body);
    const undo = () => {
      backend.remove(statement);
      this.#names.remove(named);
    };
    this.#due.add({ place: this.#ledger.sent, isHidden: false, makes: statement, undo });
    return preparation.take(parseMessage(statement.name, body));
  }

  #bind(bytes: Buffer, at: number, end: number, next: number): Uint8Array | undefined {
    const portalTo = endOfName(bytes, at + HEADER_BYTES, end);
    const nameFrom = portalTo + 1;
    const nameTo = endOfName(bytes, nameFrom, end);
    const isUnnamed = nameFrom === nameTo;
    const name = isUnnamed ? "" : bytes.toString("latin1", nameFrom, nameTo);
    const shared = isUnnamed ? undefined : this.#names.find(name)?.shared;
    const runs = isUnnamed ? this.#unnamed.current : (shared ?? this.#untouched.get(name));
    if (this.#portals.size > 0)
      this.#portals.delete(bytes.toString("latin1", at + HEADER_BYTES, portalTo));
    if (runs !== undefined && runs.traits.flags !== 0) {
      if (next === end && this.#refuses(runs.traits)) return this.#refusedParse();
      this.#portals.set(bytes.toString("latin1", at + HEADER_BYTES, portalTo), runs);
    }
    const preparation = this.#preparation;
    if (isUnnamed) {
      this.#unnamed.ensure();
      return preparation.isEmpty ? undefined : preparation.take(bytes.subarray(at, end));
    }
    if (shared === undefined) {
      if (!name.startsWith(STATEMENT_PREFIX)) return undefined;
      return renamed(bytes, at, end, next, nameFrom, nameTo, NOBODYS);
    }
    const statement = preparation.ensure(shared);
    if (preparation.isEmpty) this.#catalog.hits++;
    else this.#catalog.misses++;
    return preparation.take(renamed(bytes, at, end, next, nameFrom, nameTo, statement.name));
  }

  #describeOrClose(tag: number, bytes: Buffer, at: number, end: number): Uint8Array | undefined {
    if (bytes[at + HEADER_BYTES] !== STATEMENT_KIND) return undefined;
    const nameFrom = at + HEADER_BYTES + 1;
    const nameTo = endOfName(bytes, nameFrom, end);
    const isClose = tag === FrontendTag.Close;
    const preparation = this.#preparation;
    if (nameFrom === nameTo) {
      if (isClose) this.#unnamed.close();
      else this.#unnamed.ensure();
      return preparation.isEmpty ? undefined : preparation.take(bytes.subarray(at, end));
    }
    const name = bytes.toString("latin1", nameFrom, nameTo);
    const named = this.#names.find(name);
    if (named === undefined || isClose) {
      if (named !== undefined) this.#forget(named);
      else if (!name.startsWith(STATEMENT_PREFIX)) return undefined;
      // Others may use it still: the server closes one that is not there, and says the same.
      return renamed(bytes, at, end, end, nameFrom, nameTo, NOBODYS);
    }
    const statement = preparation.ensure(named.shared);
    return preparation.take(renamed(bytes, at, end, end, nameFrom, nameTo, statement.name));
  }

  /** Only asked for while {@link awaitsExecute}. */
  #execute(bytes: Buffer, at: number, end: number): void {
    const from = at + HEADER_BYTES;
    const runs = this.#portals.get(bytes.toString("latin1", from, endOfName(bytes, from, end)));
    if (runs !== undefined) this.#executes(runs);
  }

  /** A statement is about to run, in the message at hand. */
  #executes({ traits, text }: Runnable): void {
    this.#runs(traits);
    const { flags } = traits;
    if ((flags & Trait.DeallocateAll) !== 0) this.#forgetAll();
    if ((flags & (Trait.Deallocate | Trait.Prepare)) === 0) return;
    for (const { verb, name } of namesInText(text)) {
      const named = this.#names.find(name);
      if (verb === "deallocate" && named !== undefined) this.#deallocate(named);
      if (verb === "prepare" && named === undefined) this.#untouched.set(name, MADE_BY_SQL);
    }
  }

  #runs(traits: StatementTraits): void {
    const { flags } = traits;
    const isFollowed = this.#watch.saw(traits);
    this.#pins.saw(isFollowed ? flags : flags | Trait.Untracked, false);
    if ((flags & (Trait.Settings | Trait.LocalSettings)) !== 0) this.#isPrivate = true;
    if ((flags & Trait.Literals) !== 0) this.#preparation.settings = undefined;
  }

  /** The client knows it no more, unless the message at hand fails. */
  #forget(named: NamedStatement): void {
    this.#names.remove(named);
    this.#undoing(() => this.#names.add(named));
  }

  /** Nor does the server. */
  #deallocate(named: NamedStatement): void {
    this.#forget(named);
    const backend = this.#backend;
    const statement = backend.find(named.shared);
    if (statement === undefined) return;
    backend.remove(statement);
    this.#undoing(() => backend.restore(statement));
  }

  /** All of them: DEALLOCATE ALL takes itself away, too, if it was prepared. */
  #forgetAll(): void {
    const backend = this.#backend;
    const names = this.#names.clear();
    const statements = backend.clear();
    const untouched = [...this.#untouched];
    this.#untouched.clear();
    this.#undoing(() => {
      for (const named of names) this.#names.add(named);
      for (const statement of statements) backend.restore(statement);
      for (const [name, runnable] of untouched) this.#untouched.set(name, runnable);
    });
  }

  #undoing(undo: () => void): void {
    this.#due.add({ place: this.#ledger.sent, isHidden: false, undo });
  }

  /** What would be answered by another client's doings, or would pin one session too many. */
  #refuses({ flags }: StatementTraits): boolean {
    const isOutside =
      (flags & (Trait.Begin | Trait.Several)) === 0 && !this.#ledger.isInTransaction;
    const isOthers = (flags & Trait.SequenceState) !== 0 && isOutside && this.#pins.areNone;
    if (!isOthers && this.#pins.allows(flags)) return false;
    this.#refuse(isOthers ? "ERR_NOT_SHAREABLE" : "ERR_TOO_MANY_PINNED");
    return true;
  }

  /** The message at hand is not sent: a Parse that fails goes instead. */
  #refuse(code: ErrorCode): Uint8Array {
    this.#due.add({ place: this.#ledger.sent, isHidden: false, refusal: refusal(code) });
    return this.#refusedParse();
  }

  #refusedParse(): Uint8Array {
    this.#backend.unnamedOwner = undefined;
    return refusedParse;
  }
}

const STATEMENT_KIND = 0x53; // S
