/**
 * Has a backend ready for the message at hand: what it lacks goes ahead of it, in the same batch. If that
 * fails, the server itself skips what follows, and the client has the error where it would have been.
 *
 * What is sent counts as done; the {@link DueList} has what must be taken back when the server skips it.
 */
import { STATEMENT_PREFIX } from "../../backend/index.ts";
import type {
  BackendStatements,
  ServerStatement,
  SharedStatement,
  StatementCatalog,
} from "../../backend/index.ts";
import {
  FrontendTag,
  Settings,
  Trait,
  TransactionStatus,
  errorResponse,
  literalsDetour,
} from "../../postgres/index.ts";
import type { AnswerLedger, LiteralsDetour } from "../../postgres/index.ts";
import type { Due, DueList } from "./due-list.ts";
import type { NamedStatements } from "./named-statements.ts";
import { withNames } from "./statement-in-text.ts";
import type { NameInText } from "./statement-in-text.ts";
import {
  bindMessage,
  closeMessage,
  closePortalMessage,
  refusedParse,
  executeMessage,
  parseMessage,
  syncMessage,
} from "./statement-messages.ts";

/** What no statement is called: for a name with our prefix that a client made up. */
export const NOBODYS_NAME = `${STATEMENT_PREFIX}0`;

/** The text speaks of other statements by their names. */
export const NAMES_OTHERS = Trait.Execute | Trait.Deallocate | Trait.Prepare;

/** What PostgreSQL says of a statement whose result is not what it was. */
export const RESULT_CHANGED = errorResponse({
  severity: "ERROR",
  sqlState: "0A000",
  message: "cached plan must not change result type",
});

const NO_NAME = Buffer.alloc(0);
const PORTAL = Buffer.from(`${STATEMENT_PREFIX}portal`);
/** An empty statement can always be prepared. */
const EMPTY_STATEMENT = Buffer.alloc(3);
/** The first words of what is analysed when it is parsed; other statements have no values. */
const ANALYSED =
  /^[\s(]*(?:select|insert|update|delete|merge|with|values|table|explain|declare|call|create\s[\w\s]*(?:table|materialized)|--|\/\*)/i;

export class StatementPreparation {
  readonly #ledger: AnswerLedger;
  readonly #due: DueList;
  readonly #names: NamedStatements;
  readonly #catalog: StatementCatalog;
  backend: BackendStatements | undefined;
  /** In force there since the lease began; undefined once they may have changed. */
  settings: Settings | undefined = Settings.NONE;
  #ahead: Uint8Array[] = [];
  /** What is prepared is for this Query. */
  #query: Due | undefined;

  constructor(
    ledger: AnswerLedger,
    due: DueList,
    names: NamedStatements,
    catalog: StatementCatalog,
  ) {
    this.#catalog = catalog;
    this.#ledger = ledger;
    this.#due = due;
    this.#names = names;
  }

  get isEmpty(): boolean {
    return this.#ahead.length === 0;
  }

  /** The backend has the statement, or gets it ahead of the message at hand. */
  ensure(shared: SharedStatement): ServerStatement {
    const known = this.leased.find(shared);
    if (known !== undefined && known.body === shared.body) return known;
    return this.#prepare(shared, known);
  }

  /** A new statement has a place on the backend. */
  makeRoom(): void {
    const backend = this.leased;
    const evicted = backend.evict();
    if (evicted !== undefined) this.#close(backend, evicted);
  }

  /** A text in the names that the backend knows, which has all of them then. */
  inServersNames(text: string): string {
    return withNames(text, (found) => this.#serversName(found, text.slice(found.from, found.to)));
  }

  /** Of a statement, with what follows its text. */
  bodyOf({ traits, text, body }: SharedStatement): Uint8Array {
    if ((traits.flags & NAMES_OTHERS) === 0) return body;
    const inServersNames = this.inServersNames(text);
    const rest = body.subarray(Buffer.byteLength(text, "latin1"));
    return Buffer.concat([Buffer.from(inServersNames, "latin1"), rest]);
  }

  /** What the client calls a statement of ours on this backend; undefined if it has no such one. */
  clientsName(ours: string): string | undefined {
    const shared = this.leased.named(ours)?.shared;
    return shared === undefined ? undefined : this.#names.of(shared)?.name;
  }

  /** A message of ours goes ahead, unseen by the client. */
  hide(tag: number, message: Uint8Array, makes?: ServerStatement, undo?: () => void): void {
    const place = this.#ledger.sent;
    const tells = this.#query;
    this.#due.add({
      place,
      isHidden: true,
      ...(tells && { tells }),
      ...(makes && { makes }),
      ...(undo && { undo }),
    });
    this.#ledger.clientMessage(tag);
    this.#ahead.push(message);
  }

  /**
   * A Query must not be within a batch: what goes ahead of it becomes a unit of its own. The client hears
   * of errors there as those of its Query.
   */
  forQuery<T>(prepare: () => T): T {
    const query = { place: 0, isHidden: false };
    const isBatchOpen = this.#ledger.isBatchOpen;
    this.#query = query;
    const prepared = prepare();
    this.#query = undefined;
    if (this.isEmpty) return prepared;
    if (!isBatchOpen) this.hide(FrontendTag.Sync, syncMessage);
    query.place = this.#ledger.sent;
    this.#due.add(query);
    return prepared;
  }

  /** What is ahead, and the message behind it; undefined when that goes alone, as it is. */
  take<Message extends Uint8Array | undefined>(message: Message): Uint8Array | Message {
    if (this.#ahead.length === 0) return message;
    const ahead = this.#ahead;
    this.#ahead = [];
    return Buffer.concat(message === undefined ? ahead : [...ahead, message]);
  }

  get leased(): BackendStatements {
    if (this.backend === undefined) throw new Error("no backend to prepare on"); // Only called when leased.
    return this.backend;
  }

  #prepare(shared: SharedStatement, known: ServerStatement | undefined): ServerStatement {
    const backend = this.leased;
    if (known === undefined && shared.changedAt !== undefined) {
      const changed = this.#prepareChanged(shared, shared.changedAt);
      if (changed !== undefined) return changed;
    }
    const body = this.bodyOf(shared);
    if (known !== undefined) {
      if (Buffer.compare(known.body, body) === 0) return known;
      backend.remove(known);
      this.#close(backend, known);
    }
    this.makeRoom();
    const detour = this.#detour(shared);
    detour?.before.forEach((text) => this.#run(text));
    const statement = backend.add(shared, this.#catalog.now(), body);
    const undo = () => backend.remove(statement);
    this.hide(FrontendTag.Parse, parseMessage(statement.name, body), statement, undo);
    detour?.after.forEach((text) => this.#run(text));
    return statement;
  }

  /**
   * Its result has changed, and the backend does not have it: there it would be what it is now. Who had it
   * parsed before the change is refused, as directly; who did later gets another one.
   */
  #prepareChanged(shared: SharedStatement, changedAt: number): ServerStatement | undefined {
    const named = this.#names.of(shared);
    if (named === undefined) return undefined;
    if (named.parsedAt > changedAt) {
      const fresh = this.#catalog.renew(shared);
      this.#names.renew(named, fresh);
      return this.ensure(fresh);
    }
    this.leased.unnamedOwner = undefined;
    const backend = this.leased;
    const statement = backend.add(shared, this.#catalog.now(), EMPTY_STATEMENT);
    const undo = () => backend.remove(statement);
    this.#due.add({ place: this.#ledger.sent, isHidden: true, refusal: RESULT_CHANGED, undo });
    this.#ledger.clientMessage(FrontendTag.Parse);
    this.#ahead.push(refusedParse);
    return statement;
  }

  /** It is not known there any more; if the message is skipped, it still is. */
  #close(backend: BackendStatements, statement: ServerStatement): void {
    const undo = () => backend.restore(statement);
    this.hide(FrontendTag.Close, closeMessage(statement.name), undefined, undo);
  }

  /** A literal is what it was when the client had the statement parsed. */
  #detour({ settings, text }: SharedStatement): LiteralsDetour | undefined {
    if (settings === undefined || this.settings?.literalsKey === settings.literalsKey)
      return undefined;
    if (!ANALYSED.test(text)) return undefined;
    const { isInTransaction, transactionStatus, owedReadyForQuery } = this.#ledger;
    if (transactionStatus === TransactionStatus.Failed) return undefined;
    const isInBlock = isInTransaction && owedReadyForQuery === 0;
    return literalsDetour(this.settings, settings, isInBlock);
  }

  /** A statement without rows, that touches no portal of the client. */
  #run(text: string): void {
    this.leased.unnamedOwner = undefined;
    this.hide(FrontendTag.Parse, parseMessage(NO_NAME, Buffer.from(`${text}\0\0\0`)));
    this.hide(FrontendTag.Bind, bindMessage(PORTAL, NO_NAME));
    this.hide(FrontendTag.Execute, executeMessage(PORTAL));
    this.hide(FrontendTag.Close, closePortalMessage(PORTAL));
  }

  /** What a name in a text is on the server. */
  #serversName({ verb, name }: NameInText, written: string): string {
    if (name.startsWith(STATEMENT_PREFIX)) return NOBODYS_NAME;
    const named = this.#names.find(name);
    if (named === undefined) return written;
    const statement = verb === "execute" ? this.ensure(named.shared) : this.#stand(named.shared);
    return Buffer.from(statement.name).toString();
  }

  /** There has to be something of that name: it is not run. */
  #stand(shared: SharedStatement): ServerStatement {
    const backend = this.leased;
    const known = backend.find(shared);
    if (known !== undefined) return known;
    this.makeRoom();
    const statement = backend.add(shared, this.#catalog.now(), EMPTY_STATEMENT);
    const undo = () => backend.remove(statement);
    this.hide(FrontendTag.Parse, parseMessage(statement.name, EMPTY_STATEMENT), statement, undo);
    return statement;
  }
}
