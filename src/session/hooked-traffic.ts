/**
 * A PostgreSQL connection whose traffic hooks have handlers: traffic is cut into requests and
 * responses, which go through the hooks one after the other in each direction.
 *
 * A request that a handler terminates is answered here, in its place among the answers the client is
 * still owed: the requests behind it wait until those are through.
 */
import {
  BackendTag,
  FrontendTag,
  HEADER_BYTES,
  MAX_SERVER_MESSAGE_BYTES,
  RequestUnits,
  ResponseParts,
} from "../postgres/index.ts";
import { TransactionStatus, copyFail, errorResponseFor, readyForQuery } from "../postgres/index.ts";
import type { AnswerLedger, RequestUnit, ResponsePart } from "../postgres/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import { HookLane } from "./hook-lane.ts";
import type { TrafficHooks, Verdict } from "./traffic-hooks.ts";

/** What {@link HookedTraffic} needs of the relay around it. */
export interface HookedPort {
  readonly ledger: AnswerLedger;
  readonly timers: TimerWheel;
  /** Longest message of the client, header included. */
  readonly maxMessageBytes: number;
  /** Whole messages for the server, or the StartupMessage. */
  toServer(bytes: Uint8Array, isStartup: boolean): void;
  /** Whole messages for the client. */
  toClient(bytes: Uint8Array): void;
  pauseClient(): void;
  resumeClient(): void;
  pauseServer(): void;
  resumeServer(): void;
  /** A handler ended the connection. */
  fail(code: "ERR_TERMINATED"): void;
  /** A direction has nothing under way any more. */
  settled(): void;
}

type Request = RequestUnit & { readonly isStartupMessage?: boolean };

/** A response larger than this is shown to hooks in parts. */
const HOOK_BUFFER_BYTES = 1024 * 1024;
/** A response that pauses this long is shown as far as it came. */
const HOOK_FLUSH_INTERVAL_MS = 5;
const NOTHING = new Uint8Array(0);
/** Header and transaction status. */
const READY_BYTES = HEADER_BYTES + 1;
const SYNC = Uint8Array.of(FrontendTag.Sync, 0, 0, 0, 4);

export class HookedTraffic {
  readonly #port: HookedPort;
  readonly #hooks: TrafficHooks;
  readonly #units: RequestUnits;
  readonly #parts: ResponseParts;
  readonly #requests: HookLane<Request>;
  readonly #responses: HookLane<ResponsePart>;
  readonly #flushTimer: Deadline;
  /** Sent to the server and not answered to the end, oldest first: shown beside their responses. */
  readonly #unanswered: Request[] = [];
  /** A terminated batch: everything up to its Sync is dropped. */
  #isDiscarding = false;
  /**
   * An answer that a handler ended before it was complete: what is left of it is dropped, up to its
   * ReadyForQuery, which `ending` takes the place of, if there is one.
   */
  #ended: { readonly ending: Uint8Array | undefined } | undefined;
  /** What waits until all earlier answers are with the client. */
  #whenAnswered: (() => void) | undefined;

  constructor(hooks: TrafficHooks, port: HookedPort) {
    this.#hooks = hooks;
    this.#port = port;
    const { maxMessageBytes, timers } = port;
    this.#units = new RequestUnits(maxMessageBytes, (unit) => this.#requests.push(unit));
    this.#parts = new ResponseParts(MAX_SERVER_MESSAGE_BYTES, HOOK_BUFFER_BYTES, (part) =>
      this.#responses.push(part),
    );
    this.#requests = new HookLane<Request>({
      handle: (request) => this.#handleRequest(request),
      onFull: () => port.pauseClient(),
      onRoom: () => port.resumeClient(),
      onEmpty: () => port.settled(),
    });
    this.#responses = new HookLane<ResponsePart>({
      handle: (part) => this.#handleResponse(part),
      onFull: () => port.pauseServer(),
      onRoom: () => port.resumeServer(),
      onEmpty: () => this.#responsesEmpty(),
    });
    this.#flushTimer = timers.deadline(() => this.#parts.flush());
  }

  /** Nothing is held or under way: hooks may be left without losing anything. */
  get isQuiet(): boolean {
    return (
      this.#requests.isEmpty &&
      this.#responses.isEmpty &&
      this.#units.isAtBoundary &&
      this.#parts.isAtBoundary &&
      !this.#isDiscarding &&
      this.#ended === undefined
    );
  }

  /** All that the client sent is with the server. */
  get areRequestsThrough(): boolean {
    return this.#requests.isEmpty;
  }

  /** All that the server sent is with the client. */
  get areResponsesThrough(): boolean {
    return this.#responses.isEmpty && !this.#parts.isHolding;
  }

  startup(packet: Uint8Array): void {
    this.#requests.push({ kind: "startup", bytes: packet, isStartupMessage: true });
  }

  /** @throws GatewayError when the bytes cannot be messages of a client */
  fromClient(bytes: Uint8Array): void {
    this.#units.push(bytes, this.#port.ledger.isLoggedIn);
  }

  /** To be called after the ledger has followed the bytes. */
  fromServer(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    if (!this.#parts.isHolding) {
      this.#flushTimer.clear();
    } else if (this.#port.ledger.isLoggedIn && this.#port.ledger.isAnswered) {
      this.#parts.flush();
    } else {
      this.#flushTimer.set(HOOK_FLUSH_INTERVAL_MS);
    }
  }

  /** The server will say no more: what is held goes out. */
  serverEnded(): void {
    this.#parts.flush();
  }

  dispose(): void {
    this.#flushTimer.dispose();
  }

  #handleRequest(request: Request): Promise<void> | undefined {
    if (this.#isDiscarding && request.kind !== "terminate") {
      if (request.kind === "batch") this.#finishDiscarding();
      return undefined;
    }
    const verdict = this.#hooks.fromClient(request.bytes);
    return verdict instanceof Promise
      ? verdict.then((late) => this.#decide(request, late))
      : this.#decide(request, verdict);
  }

  #decide(request: Request, verdict: Verdict): Promise<void> | undefined {
    if (verdict.kind === "forward") {
      this.#forward(request, verdict.bytes);
      return undefined;
    }
    if (request.kind === "copy") {
      this.#port.toServer(copyFail("terminated by the gateway"), false);
      // Without a response, the server's own error tells the client.
      if (verdict.response !== undefined) this.#ended = { ending: verdict.response };
      return undefined;
    }
    const answer = (): void => this.#answerTerminated(request, verdict.response);
    if (this.#isAnswered) {
      answer();
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenAnswered = resolve;
    return promise.then(answer);
  }

  #forward(request: Request, bytes: Uint8Array): void {
    // COPY data belongs to the request that asked for it.
    if (request.kind !== "copy" && request.kind !== "terminate") {
      this.#unanswered.push({ ...request, bytes });
    }
    this.#port.toServer(bytes, request.isStartupMessage === true);
    this.#hooks.toServer(bytes);
  }

  get #isAnswered(): boolean {
    return this.#port.ledger.isAnswered && this.areResponsesThrough;
  }

  #answerTerminated(request: Request, response: Uint8Array | undefined): void {
    const port = this.#port;
    if (response !== undefined) {
      port.toClient(response);
      return;
    }
    switch (request.kind) {
      case "startup":
      case "terminate":
      case "copy": // Decided already: the server is made to fail it.
        port.fail("ERR_TERMINATED");
        return;
      case "query":
        port.toClient(this.#terminated(true));
        return;
      case "batch":
        this.#tellBatchTerminated(!port.ledger.isBatchOpen);
        this.#closeBatch();
        return;
      case "batchPart":
        this.#tellBatchTerminated(false);
        this.#isDiscarding = true;
    }
  }

  /** A batch has one error at most: not another one if the server has refused a part already. */
  #tellBatchTerminated(isComplete: boolean): void {
    if (!this.#port.ledger.hasBatchFailed) this.#port.toClient(this.#terminated(isComplete));
  }

  #finishDiscarding(): void {
    this.#isDiscarding = false;
    if (this.#port.ledger.isBatchOpen) this.#closeBatch();
    else this.#port.toClient(readyForQuery(this.#status));
  }

  /** A server that has seen a part of the batch is told that it ends: its answer ends ours. */
  #closeBatch(): void {
    if (!this.#port.ledger.isBatchOpen) return;
    this.#forward({ kind: "batch", bytes: SYNC }, SYNC);
  }

  #terminated(isComplete: boolean): Uint8Array {
    const error = errorResponseFor("ERR_TERMINATED", "ERROR");
    return isComplete ? Buffer.concat([error, readyForQuery(this.#status)]) : error;
  }

  get #status(): number {
    return this.#port.ledger.transactionStatus || TransactionStatus.Idle;
  }

  #handleResponse(part: ResponsePart): Promise<void> | undefined {
    const request = this.#unanswered[0]?.bytes ?? NOTHING;
    const isPartial = !part.endsCycle && !part.endsLoginStep;
    this.#forgetAnswered(part);
    if (this.#ended !== undefined) {
      this.#dropEnded(part, this.#ended.ending);
      return undefined;
    }
    const verdict = this.#hooks.fromServer(request, part.bytes, isPartial);
    const use = (decided: Verdict): void => {
      if (decided.kind === "terminate" && decided.response === undefined && part.endsLoginStep) {
        this.#port.fail("ERR_TERMINATED");
        return;
      }
      const bytes = decided.kind === "forward" ? decided.bytes : this.#replacement(part, decided);
      this.#port.toClient(bytes);
      this.#hooks.toClient(request, bytes, isPartial);
    };
    if (verdict instanceof Promise) return verdict.then(use);
    use(verdict);
    return undefined;
  }

  /** Requests are answered in order; ReadyForQuery ends the one that asked for it. */
  #forgetAnswered(part: ResponsePart): void {
    if (part.endsLoginStep) {
      this.#unanswered.shift();
    } else if (part.endsCycle) {
      let ended = this.#unanswered.shift();
      while (ended !== undefined && ended.kind !== "query" && ended.kind !== "batch") {
        if (ended.kind === "startup" && this.#unanswered[0]?.kind !== "startup") break;
        ended = this.#unanswered.shift();
      }
    } else if (this.#port.ledger.isAnswered && this.#port.ledger.isLoggedIn) {
      this.#unanswered.length = 0;
    }
  }

  #replacement(part: ResponsePart, verdict: Verdict & { kind: "terminate" }): Uint8Array {
    // A part that comes later would only confuse the client: it has been told already.
    if (!part.endsCycle)
      this.#ended = { ending: isComplete(verdict.response) ? NOTHING : undefined };
    if (verdict.response !== undefined) return verdict.response;
    const error = errorResponseFor("ERR_TERMINATED", "ERROR");
    return part.endsCycle ? Buffer.concat([error, endOf(part)]) : error;
  }

  #dropEnded(part: ResponsePart, ending: Uint8Array | undefined): void {
    if (!part.endsCycle) return;
    this.#ended = undefined;
    this.#port.toClient(ending ?? endOf(part));
  }

  #responsesEmpty(): void {
    if (this.#whenAnswered !== undefined && this.#isAnswered) {
      const answer = this.#whenAnswered;
      this.#whenAnswered = undefined;
      answer();
    }
    this.#port.settled();
  }
}

/** A response that brings its own ReadyForQuery. */
function isComplete(response: Uint8Array | undefined): boolean {
  const tagAt = (response?.length ?? 0) - READY_BYTES;
  return tagAt >= 0 && response?.[tagAt] === BackendTag.ReadyForQuery && response[tagAt + 4] === 5;
}

/** The ReadyForQuery that a cycle ends with. */
function endOf(part: ResponsePart): Uint8Array {
  return part.bytes.subarray(part.bytes.length - READY_BYTES);
}
