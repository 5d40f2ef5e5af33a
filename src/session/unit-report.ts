/**
 * Tells whoever watches of the units of one session. Made only where somebody does; one for the life of a relay,
 * and what it says of a unit is overwritten by the next.
 *
 *   resting    nothing is asked
 *   asking     a unit waits for a backend                  (shared backends only)
 *   under way  a server has it, or a part of it
 *
 *   resting -> asking -> under way;  resting -> under way;  asking | under way -> resting, when it is answered or
 *   cut off;  under way -> under way, when it is answered and another one was sent behind it
 */
import type { StatementCatalog } from "../backend/index.ts";
import { ERROR_TABLE } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { TimerWheel } from "../net/index.ts";
import { FrontendTag, HEADER_BYTES, asBuffer, lengthAt } from "../postgres/index.ts";
import type { AnswerLedger, AnswerReport } from "../postgres/index.ts";
import type { BlockWatch, UnitKind, WatchedClient, WatchedUnit } from "../watch/index.ts";
import type { SessionFacts } from "./session-facts.ts";
import { textOfRequest } from "./text-of-request.ts";

/** The session, as far as units go. */
export interface ReportedSession {
  readonly watch: BlockWatch;
  readonly facts: SessionFacts;
  /** The first backend it has, where it has one from the beginning. */
  readonly server?: WatchedClient;
  readonly client: WatchedClient;
  readonly ledger: AnswerLedger;
  readonly timers: TimerWheel;
  /** When its login began. */
  readonly startedMs: number;
  /** Whose statements it uses; undefined where they are none of the gateway's business. */
  readonly catalog: StatementCatalog | undefined;
  /** The text of a statement that the client has prepared; its name is given with one byte a character. */
  readonly named: (name: string) => string | undefined;
  /** Why it keeps its backend. */
  readonly pinReason: () => string | undefined;
}

/** Of a first message in many pieces, the rest is not looked at. */
const MAX_JOINED_BYTES = 64 * 1024;

/** How a session has its backend. */
export interface ReportedHold {
  /** There was no need to wait for it. */
  readonly isAtOnce: boolean;
  /** It has units of others to answer. */
  readonly isShared: boolean;
}

export class UnitReport implements WatchedUnit, AnswerReport {
  readonly #of: ReportedSession;
  readonly #watch: BlockWatch;
  readonly #ledger: AnswerLedger;
  #state: "resting" | "asking" | "under way" = "resting";
  /** Asking: since when. */
  #asksSinceMs = 0;
  /** While it is looked at: what it began with, and where the tag of its last command is. */
  #request: Uint8Array | undefined;
  #answer: Uint8Array | undefined;
  #tagFrom = 0;
  #tagTo = 0;
  /** What was sent of the next one's first message, most of the time none. */
  #sentPart: Uint8Array | undefined;
  /** Somebody wants to look at it when it has ended. */
  #isLookedAt = false;
  #server: WatchedClient | undefined;
  #hits = 0;
  #misses = 0;
  beganMs = 0;
  waitedMs = 0;
  kind: UnitKind = "query";
  requestBytes = 0;
  answerBytes = 0;
  sqlState: string | undefined;
  transactionStatus = 0;
  isMultiplexed = false;
  preparedHits = 0;
  preparedMisses = 0;
  traceId: string | undefined;

  constructor(of: ReportedSession) {
    this.#of = of;
    this.#watch = of.watch;
    this.#ledger = of.ledger;
    this.#server = of.server;
  }

  get session(): SessionFacts {
    return this.#of.facts;
  }

  get clientAddress(): string {
    return this.#of.client.remoteAddress;
  }

  get serverAddress(): string {
    return this.#server?.remoteAddress ?? "";
  }

  get text(): string | undefined {
    return this.#request && textOfRequest(this.#request, this.#of.named);
  }

  get request(): Uint8Array | undefined {
    return this.#request;
  }

  get commandTag(): string | undefined {
    return this.#answer && asBuffer(this.#answer).toString("latin1", this.#tagFrom, this.#tagTo);
  }

  get rows(): number | undefined {
    return this.#answer && numberBefore(this.#answer, this.#tagTo);
  }

  get pinReason(): string | undefined {
    return this.#of.pinReason();
  }

  get followsCommands(): boolean {
    return this.#isLookedAt;
  }

  /** A unit is there, and a backend is asked for it. */
  asks(request: Uint8Array | undefined): void {
    if (this.#state === "resting") {
      this.#begin(request);
      this.#asksSinceMs = this.beganMs;
      this.#state = "asking";
    } else {
      this.asksAgain();
    }
  }

  /** It was with a backend already, and asks for another one. */
  asksAgain(): void {
    this.#asksSinceMs = this.#now();
    this.#state = "asking";
  }

  /** There will be none. */
  getsNone(code: ErrorCode): void {
    if (this.#state !== "asking") return;
    const waitedMs = this.#now() - this.#asksSinceMs;
    this.waitedMs += waitedMs;
    this.#state = "under way";
    this.#watch.waited(this.#of.facts, waitedMs, code);
  }

  /** There is a backend. */
  gets(server: WatchedClient, { isAtOnce, isShared }: ReportedHold): void {
    this.#server = server;
    if (this.#state !== "asking") return;
    this.#state = "under way";
    this.isMultiplexed = isShared;
    const waitedMs = isAtOnce ? 0 : this.#now() - this.#asksSinceMs;
    this.waitedMs += waitedMs;
    this.#watch.waited(this.#of.facts, waitedMs, undefined);
  }

  /** The ledger is about to hear of messages of the client. */
  sends(): void {
    const { catalog } = this.#of;
    if (catalog === undefined) return;
    this.#hits = catalog.hits;
    this.#misses = catalog.misses;
  }

  /** It has heard of them. */
  sent(bytes: Uint8Array): void {
    this.requestBytes += bytes.length;
    if (this.#state === "resting") {
      if (this.#ledger.isIdle) {
        this.#sentInPart(bytes);
        return;
      }
      this.#begin(this.#sentPart === undefined ? bytes : Buffer.concat([this.#sentPart, bytes]));
    }
    const { catalog } = this.#of;
    if (catalog === undefined) return;
    this.preparedHits += catalog.hits - this.#hits;
    this.preparedMisses += catalog.misses - this.#misses;
  }

  /** From the answers, up to `commanded`. */
  received(byteLength: number): void {
    if (this.#state === "under way") this.answerBytes += byteLength;
  }

  /** A unit has begun when all of its first message is there. */
  #sentInPart(bytes: Uint8Array): void {
    if (!this.#ledger.isLoggedIn) {
      // A password is none.
      this.requestBytes = 0;
      return;
    }
    const before = this.#sentPart;
    if (before !== undefined && before.length > MAX_JOINED_BYTES) return;
    const joined = before === undefined ? bytes : Buffer.concat([before, bytes]);
    const from = startOfPart(joined);
    this.#sentPart = from < joined.length ? joined.subarray(from) : undefined;
  }

  loggedIn(): void {
    this.#watch.loggedIn(this.#of.facts, this.#now() - this.#of.startedMs);
  }

  answered(transactionStatus: number): void {
    if (this.#state === "resting") return;
    this.transactionStatus = transactionStatus;
    const nowMs = this.#now();
    this.#end(nowMs);
    if (!this.#ledger.isIdle) this.#next(nowMs);
  }

  failed(sqlState: string): void {
    this.sqlState = sqlState;
    this.#watch.failed(this.#of.facts, sqlState);
  }

  /** Read only if somebody asks for it: most units are of interest to nobody when they have ended. */
  commanded(bytes: Uint8Array, from: number, to: number): void {
    this.#answer = bytes;
    this.#tagFrom = from;
    this.#tagTo = to;
  }

  /** It is answered by the gateway, which has told the client of an error. */
  refused(code: ErrorCode): void {
    if (this.#state === "resting") return;
    this.failed(ERROR_TABLE[code].sqlState);
    this.transactionStatus = this.#ledger.transactionStatus;
    this.#end(this.#now());
  }

  /** The session is over. @param code why, if the gateway has ended it */
  cutOff(code: ErrorCode | undefined): void {
    if (this.#state === "resting") return;
    if (code !== undefined) this.sqlState ??= ERROR_TABLE[code].sqlState;
    this.transactionStatus = 0;
    this.#end(this.#now());
  }

  #begin(request: Uint8Array | undefined): void {
    const nowMs = this.#now();
    this.beganMs = nowMs;
    this.kind = kindOf(request);
    this.#state = "under way";
    this.#request = request;
    this.#sentPart = undefined;
    this.#isLookedAt = this.#watch.unitBegan(this);
    if (!this.#isLookedAt) this.#request = undefined;
  }

  /** One that was sent behind the one before; of its request nothing is known any more. */
  #next(nowMs: number): void {
    this.beganMs = nowMs;
    this.#state = "under way";
    this.#isLookedAt = this.#watch.unitBegan(this);
  }

  #end(nowMs: number): void {
    this.#state = "resting";
    this.#watch.unitEnded(this, nowMs - this.beganMs);
    if (this.#isLookedAt) this.#lookAway();
    this.waitedMs = 0;
    this.requestBytes = 0;
    this.answerBytes = 0;
    this.sqlState = undefined;
    this.isMultiplexed = false;
    this.preparedHits = 0;
    this.preparedMisses = 0;
    this.traceId = undefined;
  }

  #lookAway(): void {
    this.#isLookedAt = false;
    this.#request = undefined;
    this.#answer = undefined;
  }

  #now(): number {
    return this.#of.timers.clock.now();
  }
}

/** Where the message begins that is not there as a whole: messages before it have asked for nothing. */
function startOfPart(bytes: Uint8Array): number {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const next = at + 1 + lengthAt(bytes, at + 1);
    if (next <= at || next > bytes.length) break;
    at = next;
  }
  return at;
}

/** The number whose last digit is right before `end`. */
function numberBefore(bytes: Uint8Array, end: number): number {
  let number = 0;
  let factor = 1;
  for (let at = end - 1; at >= 0; at--) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    number += digit * factor;
    factor *= 10;
  }
  return number;
}

function kindOf(request: Uint8Array | undefined): UnitKind {
  switch (request?.[0]) {
    case FrontendTag.Query:
      return "query";
    case FrontendTag.FunctionCall:
      return "function";
    default:
      return "extended";
  }
}
