/**
 * What follows when a handler terminates a piece of traffic: the client is told, once and in its
 * place, and both sides are brought back into step.
 *
 * Requests:
 *   passing     nothing is terminated
 *   waiting     a terminated request waits for its turn: for the answers before it, or for the COPY
 *               that the server is to be fed
 *   discarding  a part of a batch was terminated: everything up to its Sync is dropped
 *
 * A server that has seen the beginning of a batch whose rest is refused gets a message it must refuse as well, in
 * front of the Sync: nothing of what the client takes for failed is committed.
 *
 * A response brings its own ReadyForQuery or none; what that says was decided when the handler ran. The client
 * gets one with the status of the server instead, when its turn has come.
 *
 * Answers:
 *   passing
 *   dropping    the client has been told something else, and the rest of the server's answer is
 *               dropped, up to its ReadyForQuery. That is dropped as well if what the client has been
 *               told brought its own
 *
 *   passing -> waiting -> passing | discarding;  discarding -> passing, at the Sync
 *   passing -> dropping -> passing, at the ReadyForQuery
 */
import {
  FrontendTag,
  FrontendWriter,
  TransactionStatus,
  copyFail,
  readyForQuery,
} from "../postgres/index.ts";
import type { AnswerLedger, RequestUnit, ResponsePart } from "../postgres/index.ts";
import { endsFatally } from "./ends-fatally.ts";
import { isRefusal } from "./is-refusal.ts";
import { READY_BYTES, statusAtEnd } from "./status-at-end.ts";
import type { TerminationVerdict } from "./traffic-hooks.ts";

/** What {@link Termination} needs of the traffic around it. */
export interface TerminationPort {
  readonly ledger: AnswerLedger;
  /** All that the server sent is with the client, up to the end of a message. */
  areResponsesThrough(): boolean;
  /** A request made by the gateway. */
  request(unit: RequestUnit): void;
  /** A message for the server that asks for no answer of its own. */
  toServer(message: Uint8Array): void;
  /** Whole messages for the client. */
  toClient(bytes: Uint8Array): void;
  /** @param isTold the client knows why */
  fail(code: "ERR_TERMINATED", isTold: boolean): void;
}

/** What the client has been told in the place of a cycle's answer. */
interface Told {
  /** ReadyForQuery as well. */
  readonly isComplete: boolean;
}

const NOTHING = new Uint8Array(0);
const SYNC = Uint8Array.of(FrontendTag.Sync, 0, 0, 0, 4);
const FLUSH = Uint8Array.of(FrontendTag.Flush, 0, 0, 0, 4);
/** Fails wherever it stands, by a portal that nobody has made. */
const FAILING = new FrontendWriter()
  .execute({ portal: "terminated by the gateway", maxRows: 0 })
  .take();

export class Termination {
  readonly #port: TerminationPort;
  #isDiscarding = false;
  /** What the client has been told of the batch is an error. */
  #isRefused = false;
  #dropping: Told | undefined;
  /** Lets the request go on that waits for its turn. */
  #takeTurn: (() => void) | undefined;

  constructor(port: TerminationPort) {
    this.#port = port;
  }

  /** Nothing that was terminated has consequences for what comes; nobody waiting is looked at. */
  get isQuiet(): boolean {
    return !this.#isDiscarding && this.#dropping === undefined;
  }

  /** Answers whether a request belongs to a terminated batch, and has been dropped with it. */
  discards(request: RequestUnit): boolean {
    if (!this.#isDiscarding || request.kind === "terminate") return false;
    if (request.kind === "batch") {
      this.#isDiscarding = false;
      this.#endUnit();
    }
    return true;
  }

  /**
   * A handler terminated a request, with or without a response for the client. The promise, if any, is
   * done when its turn has come and the client has been told.
   */
  ofRequest(request: RequestUnit, verdict: TerminationVerdict): Promise<void> | undefined {
    const { ledger } = this.#port;
    // A server answers the parts of a batch only when it is asked to.
    if (!ledger.isAnswered && ledger.isBatchOpen && !ledger.isCopying) this.#port.toServer(FLUSH);
    return this.#inTurn(() => this.#tell(request, verdict));
  }

  /** To be called when all that the server sent is with the client. */
  responsesThrough(): void {
    if (!this.#isTurn) return;
    const takeTurn = this.#takeTurn;
    this.#takeTurn = undefined;
    takeTurn?.();
  }

  /** Answers whether a part of an answer must not reach the client any more. */
  drops(part: ResponsePart): boolean {
    const told = this.#dropping;
    if (told === undefined) return false;
    if (part.startsCopyIn) this.#failCopy();
    if (part.endsCycle) {
      this.#dropping = undefined;
      if (!told.isComplete) this.#port.toClient(endOf(part));
    }
    return true;
  }

  /**
   * A handler terminated a part of an answer. Answers what the client gets instead, nothing if the
   * connection has failed.
   * @param isInCycle the part answers a request, so that more of the answer may follow
   */
  ofAnswer(
    part: ResponsePart,
    isInCycle: boolean,
    { response, error }: TerminationVerdict,
  ): Uint8Array {
    if (part.endsLoginStep && response === undefined) {
      this.#port.fail("ERR_TERMINATED", false);
      return NOTHING;
    }
    // The client waits for no answer: there is nothing to tell, and nothing more to drop.
    if (!part.endsCycle && !isInCycle) return response ?? NOTHING;
    // It will not feed a COPY that it has not heard of.
    if (part.startsCopyIn) this.#failCopy();
    if (!part.endsCycle) this.#dropping = { isComplete: isComplete(response) };
    if (response !== undefined) return response;
    return part.endsCycle ? Buffer.concat([error, endOf(part)]) : error;
  }

  get #isTurn(): boolean {
    const { ledger } = this.#port;
    return this.#port.areResponsesThrough() && (ledger.isAnswered || ledger.isCopying);
  }

  #inTurn(act: () => void): Promise<void> | undefined {
    if (this.#isTurn) {
      act();
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#takeTurn = resolve;
    // Something else may have been sent or come until the promise is heard of.
    return promise.then(() => this.#inTurn(act));
  }

  #tell(request: RequestUnit, verdict: TerminationVerdict): void {
    const { ledger } = this.#port;
    const { response } = verdict;
    if (request.kind === "startup" || request.kind === "terminate") {
      if (response === undefined) this.#port.fail("ERR_TERMINATED", false);
      else this.#port.toClient(response);
    } else if (ledger.isCopying) {
      this.#tellOfCopy(request, response);
    } else if (ledger.hasBatchFailed) {
      this.#endFailedBatch(request);
    } else if (request.kind !== "copy") {
      this.#tellOfUnit(request, verdict);
    }
    // COPY data that nobody reads is dropped by the server too, without a word.
  }

  /** Whatever comes while a COPY is fed, the server fails it; so it does when told to. */
  #tellOfCopy(request: RequestUnit, response: Uint8Array | undefined): void {
    this.#failCopy();
    if (response !== undefined) {
      this.#port.toClient(withoutEnd(response));
      this.#dropping = { isComplete: false };
    }
    if (request.kind === "batch") this.#sendSync();
  }

  /** A batch has one error, and the client knows it: the rest of it is void up to its Sync. */
  #endFailedBatch(request: RequestUnit): void {
    if (request.kind === "batch") this.#sendSync();
  }

  #tellOfUnit(request: RequestUnit, { response, error }: TerminationVerdict): void {
    const { ledger } = this.#port;
    if (response !== undefined && endsFatally(response)) {
      this.#port.toClient(response);
      this.#port.fail("ERR_TERMINATED", true);
      return;
    }
    const isPart = request.kind === "batchPart";
    if (response !== undefined && !isPart && !ledger.isBatchOpen) {
      const status = statusAtEnd(response);
      if (status === undefined || status === this.#status) {
        this.#port.toClient(response);
        return;
      }
    }
    this.#port.toClient(response === undefined ? error : withoutEnd(response));
    this.#isRefused = response === undefined || isRefusal(response);
    if (isPart) this.#isDiscarding = true;
    else this.#endUnit();
  }

  /** The end of what the client has been told; a server that saw a part of the batch tells of its own. */
  #endUnit(): void {
    if (!this.#port.ledger.isBatchOpen) {
      this.#port.toClient(readyForQuery(this.#status));
      return;
    }
    if (this.#isRefused) {
      this.#port.toServer(FAILING);
      // Its error is nothing new to the client.
      this.#dropping = { isComplete: false };
    }
    this.#sendSync();
  }

  get #status(): number {
    return this.#port.ledger.transactionStatus || TransactionStatus.Idle;
  }

  #sendSync(): void {
    this.#port.request({ kind: "batch", bytes: SYNC });
  }

  /** If the client has not sent all of it. */
  #failCopy(): void {
    if (this.#port.ledger.isCopying) this.#port.toServer(copyFail("terminated by the gateway"));
  }
}

/** A response that brings its own ReadyForQuery. */
function isComplete(response: Uint8Array | undefined): boolean {
  return response !== undefined && statusAtEnd(response) !== undefined;
}

function withoutEnd(response: Uint8Array): Uint8Array {
  return isComplete(response) ? response.subarray(0, -READY_BYTES) : response;
}

/** The ReadyForQuery that a cycle ends with. */
function endOf(part: ResponsePart): Uint8Array {
  return part.bytes.subarray(part.bytes.length - READY_BYTES);
}
