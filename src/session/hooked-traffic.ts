/**
 * A PostgreSQL connection whose traffic hooks have handlers: traffic is cut into requests and
 * responses, which go through the hooks one after the other in each direction.
 *
 * A request that a handler terminates is answered here, in its place among the answers the client is
 * still owed: the requests behind it wait until those are through.
 */
import { MAX_SERVER_MESSAGE_BYTES, RequestUnits, ResponseParts } from "../postgres/index.ts";
import type { AnswerLedger, RequestUnit, ResponsePart } from "../postgres/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import { HookLane } from "./hook-lane.ts";
import { statusAtEnd } from "./status-at-end.ts";
import { Termination } from "./termination.ts";
import type { TerminationPort } from "./termination.ts";
import { TERMINATION } from "./traffic-hooks.ts";
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
  /** The StartupMessage is with the server, and handlers have not seen it. */
  readonly isLoggingIn: boolean;
  /** So much of what was given to `toServer`, the end of it, is not on its way yet, and unknown to the ledger. */
  heldBytes(): number;
  pauseClient(): void;
  resumeClient(): void;
  pauseServer(): void;
  resumeServer(): void;
  /** The client has sent its last byte, and handlers take longer over a request of it than it can be waited for. */
  clientGone(): void;
  /** A handler ended the connection. @param isTold it has told the client why */
  fail(code: "ERR_TERMINATED", isTold: boolean): void;
  /** A direction has nothing under way any more. */
  settled(): void;
}

type Request = RequestUnit & {
  readonly isStartupMessage?: boolean;
  /** It is only shown: it has been answered already, and what handlers say of it is not used. */
  readonly isAnswered?: boolean;
};

/** A request that the server has not answered to the end. */
interface Unanswered extends RequestUnit {
  /** It went to the server before there were handlers: they do not see what it is answered either. */
  readonly isUnseen: boolean;
  /** Where it ends among all bytes for the server. */
  readonly end: number;
}

type Response = ResponsePart & {
  /** What it answers, empty when there is no such thing. */
  readonly request: Uint8Array;
  /** What it answers has not been shown. */
  readonly isUnseen: boolean;
  /** It answers something: more of the answer follows, unless it ends the cycle. */
  readonly isInCycle: boolean;
};

const NOTHING = new Uint8Array(0);

/** As much time has the server for its answer: see {@link HalfClosedLimit}. */
const HALF_CLOSED_MS = 500;

/** Why a side is not read from; both may hold at once. */
const SHOWN = 1;
const TOLD = 2;

export class HookedTraffic {
  readonly #port: HookedPort;
  readonly #hooks: TrafficHooks;
  readonly #units: RequestUnits;
  readonly #parts: ResponseParts;
  readonly #requests: HookLane<Request>;
  readonly #responses: HookLane<Response>;
  readonly #termination: Termination;
  readonly #flushTimer: Deadline;
  /** Sent to the server and not answered to the end, oldest first: shown beside their responses. */
  readonly #unanswered: Unanswered[];
  /** How much was given to the port. */
  #forwardedBytes = 0;
  #clientPauses = 0;
  #serverPauses = 0;
  /** A Terminate has come: the requests before it are to be done, although the client is not there any more. */
  #hasGoodbye = false;
  #hasClientEnded = false;
  /** A request is before handlers that take their time. */
  #isAsking = false;
  /** Set while it is, and the client has sent its last byte. */
  #halfClosed: Deadline | undefined;
  #isOver = false;

  constructor(hooks: TrafficHooks, port: HookedPort) {
    this.#hooks = hooks;
    this.#port = port;
    const { ledger, maxMessageBytes, timers } = port;
    hooks.facts.toldStatus = ledger.transactionStatus;
    this.#unanswered = unseenOf(port);
    this.#termination = new Termination(this.#terminationPort());
    this.#units = new RequestUnits(maxMessageBytes, (unit) => {
      if (unit.kind === "terminate") this.#hasGoodbye = true;
      this.#requests.push(unit);
    });
    this.#parts = new ResponseParts(MAX_SERVER_MESSAGE_BYTES, hooks.bufferBytes, (part) =>
      this.#responses.push(this.#attributed(part)),
    );
    this.#requests = new HookLane<Request>({
      handle: (request) => this.#handleRequest(request),
      onFull: () => this.#pauseClient(SHOWN),
      onRoom: () => this.#resumeClient(SHOWN),
      onEmpty: () => port.settled(),
    });
    this.#responses = new HookLane<Response>({
      handle: (response) => this.#handleResponse(response),
      onFull: () => this.#pauseServer(SHOWN),
      onRoom: () => this.#resumeServer(SHOWN),
      onEmpty: () => this.#responsesEmpty(),
    });
    this.#flushTimer = timers.deadline(() => this.#parts.flush());
    hooks.brake = {
      pauseClient: () => this.#pauseClient(TOLD),
      resumeClient: () => this.#resumeClient(TOLD),
      pauseServer: () => this.#pauseServer(TOLD),
      resumeServer: () => this.#resumeServer(TOLD),
    };
  }

  /** Nothing is held or under way. */
  get isQuiet(): boolean {
    return (
      this.#requests.isEmpty &&
      this.#responses.isEmpty &&
      this.#units.isAtBoundary &&
      this.#parts.isAtBoundary &&
      this.#termination.isQuiet
    );
  }

  /** Hooks may be left without losing anything, and nobody waits for them. */
  get mayBeLeft(): boolean {
    return this.isQuiet && !this.#hooks.isBraking;
  }

  /** A request or an answer is with a handler, or waits for one. */
  get isHandling(): boolean {
    return !this.#requests.isEmpty || !this.#responses.isEmpty || this.#hooks.isBraking;
  }

  /** All that the client sent is with the server. */
  get areRequestsThrough(): boolean {
    return this.#requests.isEmpty;
  }

  /** All that the server sent is with the client. */
  get areResponsesThrough(): boolean {
    return this.#responses.isEmpty && !this.#parts.isHolding;
  }

  /** @param sslRequest that came before it */
  startup(packet: Uint8Array, sslRequest?: Uint8Array): void {
    if (sslRequest !== undefined) {
      this.#requests.push({ kind: "startup", bytes: sslRequest, isAnswered: true });
    }
    this.#requests.push({ kind: "startup", bytes: packet, isStartupMessage: true });
  }

  /** @throws GatewayError when the bytes cannot be messages of a client */
  fromClient(bytes: Uint8Array): void {
    this.#units.maxBatchBytes = this.#hooks.maxBatchBytes;
    this.#units.push(bytes, this.#port.ledger.isLoggedIn);
  }

  /** To be called after the ledger has followed the bytes. */
  fromServer(bytes: Uint8Array): void {
    const { ledger } = this.#port;
    // Handlers may have come, or others have taken their place.
    this.#parts.maxBytes = this.#hooks.bufferBytes;
    this.#parts.push(bytes);
    if (ledger.isLoggedIn && ledger.isAnswered) {
      this.#parts.flush();
      if (this.#parts.isAtBoundary) this.#forgetSent();
    }
    const { flushIntervalMs } = this.#hooks;
    if (flushIntervalMs === 0) this.#parts.flush();
    if (this.#parts.isHolding) this.#flushTimer.set(flushIntervalMs);
    else this.#flushTimer.clear();
  }

  /** The client will say no more. */
  clientEnded(): void {
    this.#hasClientEnded = true;
    this.#limitAsking();
  }

  /** The server will say no more: what is held goes out. */
  serverEnded(): void {
    this.#parts.flush();
  }

  /** Handlers that answer later, for a connection that has been given up, are not heeded. */
  dispose(): void {
    this.#isOver = true;
    this.#hooks.facts.toldStatus = undefined;
    this.#flushTimer.dispose();
    this.#halfClosed?.dispose();
    this.#hooks.callOff();
  }

  #pauseClient(reason: number): void {
    if (this.#clientPauses === 0) this.#port.pauseClient();
    this.#clientPauses |= reason;
  }

  #resumeClient(reason: number): void {
    this.#clientPauses &= ~reason;
    if (this.#clientPauses > 0) return;
    this.#port.resumeClient();
    if (reason === TOLD) this.#port.settled();
  }

  #pauseServer(reason: number): void {
    if (this.#serverPauses === 0) this.#port.pauseServer();
    this.#serverPauses |= reason;
  }

  #resumeServer(reason: number): void {
    this.#serverPauses &= ~reason;
    if (this.#serverPauses > 0) return;
    this.#port.resumeServer();
    if (reason === TOLD) this.#port.settled();
  }

  #handleRequest(request: Request): Promise<void> | undefined {
    if (this.#isOver || this.#termination.discards(request)) return undefined;
    const verdict = this.#hooks.fromClient(request.bytes);
    if (!(verdict instanceof Promise)) return this.#decide(request, verdict);
    this.#isAsking = true;
    this.#limitAsking();
    return verdict.then((late) => {
      this.#isAsking = false;
      this.#halfClosed?.clear();
      return this.#decide(request, late);
    });
  }

  /** The end of a client's stream may be the client's own, which then waits for no answer. */
  #limitAsking(): void {
    if (!this.#isAsking || !this.#hasClientEnded || this.#hasGoodbye || this.#isOver) return;
    this.#halfClosed ??= this.#port.timers.deadline(() => this.#port.clientGone());
    this.#halfClosed.set(HALF_CLOSED_MS);
  }

  #decide(request: Request, verdict: Verdict): Promise<void> | undefined {
    if (this.#isOver || request.isAnswered === true) return undefined;
    if (verdict.kind === "terminate") return this.#termination.ofRequest(request, verdict);
    // COPY data may be left out, and a goodbye; of anything else the client waits for an answer.
    const mayBeEmpty = request.kind === "copy" || request.kind === "terminate";
    if (verdict.bytes.length === 0 && !mayBeEmpty) {
      return this.#termination.ofRequest(request, TERMINATION);
    }
    this.#forward(request, verdict.bytes);
    return undefined;
  }

  #forward(request: Request, bytes: Uint8Array): void {
    const { kind } = request;
    const end = (this.#forwardedBytes += bytes.length);
    // COPY data belongs to the request that asked for it.
    if (kind !== "copy" && kind !== "terminate") {
      this.#unanswered.push({ kind, bytes, isUnseen: false, end });
    }
    // A goodbye ends the session at once: nothing is told of it after that.
    const isGoodbye = kind === "terminate";
    if (isGoodbye) this.#hooks.toServer(bytes);
    // It may be answered at once, by the gateway: hooks hear of that afterwards.
    this.#responses.hold();
    this.#port.toServer(bytes, request.isStartupMessage === true);
    if (!isGoodbye) this.#hooks.toServer(bytes);
    this.#responses.release();
  }

  /** To be decided when the part comes: until a handler has time for it, more may have happened. */
  #attributed(part: ResponsePart): Response {
    const oldest = this.#unanswered[0];
    const request = oldest !== undefined && oldest.end <= this.#sentBytes ? oldest : undefined;
    const { bytes, endsCycle, endsLoginStep, startsCopyIn } = part;
    const isInCycle = request !== undefined || this.#port.ledger.owedReadyForQuery > 0;
    this.#forgetAnswered(part);
    return {
      bytes,
      endsCycle,
      endsLoginStep,
      startsCopyIn,
      request: request?.bytes ?? NOTHING,
      isUnseen: request?.isUnseen === true,
      isInCycle,
    };
  }

  get #sentBytes(): number {
    return this.#forwardedBytes - this.#port.heldBytes();
  }

  /** All that is with the server is answered: some of it may have been void, or swallowed by a COPY. */
  #forgetSent(): void {
    if (this.#port.heldBytes() === 0) {
      this.#unanswered.length = 0;
      return;
    }
    const sentBytes = this.#sentBytes;
    const held = this.#unanswered.findIndex(({ end }) => end > sentBytes);
    this.#unanswered.splice(0, held < 0 ? this.#unanswered.length : held);
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
    }
  }

  #handleResponse(response: Response): Promise<void> | undefined {
    if (this.#isOver || this.#termination.drops(response)) return undefined;
    if (response.isUnseen) {
      if (response.endsCycle) this.#noteStatus(response.bytes);
      this.#port.toClient(response.bytes);
      return undefined;
    }
    const verdict = this.#hooks.fromServer(
      response.request,
      response.bytes,
      !response.endsCycle && !response.endsLoginStep,
    );
    if (verdict instanceof Promise) return verdict.then((late) => this.#answer(response, late));
    this.#answer(response, verdict);
    return undefined;
  }

  #answer(response: Response, verdict: Verdict): void {
    if (this.#isOver) return;
    const bytes =
      verdict.kind === "forward"
        ? verdict.bytes
        : this.#termination.ofAnswer(response, response.isInCycle, verdict);
    if (bytes.length === 0) return;
    const { endsCycle, endsLoginStep, request } = response;
    if (endsCycle || verdict.kind === "terminate") this.#noteStatus(bytes);
    this.#port.toClient(bytes);
    this.#hooks.toClient(request, bytes, !endsCycle && !endsLoginStep);
  }

  /** The client is told this. */
  #noteStatus(bytes: Uint8Array): void {
    const status = statusAtEnd(bytes);
    if (status !== undefined) this.#hooks.facts.toldStatus = status;
  }

  #responsesEmpty(): void {
    this.#termination.responsesThrough();
    this.#port.settled();
  }

  #terminationPort(): TerminationPort {
    const port = this.#port;
    return {
      ledger: port.ledger,
      areResponsesThrough: () =>
        port.heldBytes() === 0 && this.#responses.isEmpty && this.#parts.isAtBoundary,
      request: (unit) => this.#forward(unit, unit.bytes),
      toServer: (message) => {
        this.#forwardedBytes += message.length;
        port.toServer(message, false);
      },
      toClient: (bytes) => {
        if (this.#isOver) return;
        this.#noteStatus(bytes);
        port.toClient(bytes);
      },
      fail: (code, isTold) => port.fail(code, isTold),
    };
  }
}

/** What is under way already when handlers come. */
function unseenOf({ ledger, isLoggingIn }: HookedPort): Unanswered[] {
  const unseen = (kind: Unanswered["kind"]): Unanswered => {
    return { kind, bytes: NOTHING, isUnseen: true, end: 0 };
  };
  if (isLoggingIn) return [unseen("startup")];
  const requests = Array.from({ length: ledger.owedReadyForQuery }, () => unseen("query"));
  // A batch that the server has a part of, which may be answered before its Sync comes.
  if (ledger.isBatchOpen && !ledger.isAnswered) requests.push(unseen("batchPart"));
  return requests;
}
