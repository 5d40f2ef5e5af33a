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
  /** Something that was given to `toServer` is not on its way yet, and unknown to the ledger. */
  isHolding(): boolean;
  pauseClient(): void;
  resumeClient(): void;
  pauseServer(): void;
  resumeServer(): void;
  /** A handler ended the connection. @param isTold it has told the client why */
  fail(code: "ERR_TERMINATED", isTold: boolean): void;
  /** A direction has nothing under way any more. */
  settled(): void;
}

type Request = RequestUnit & { readonly isStartupMessage?: boolean };

type Response = ResponsePart & {
  /** What it answers, empty when there is no such thing. */
  readonly request: Uint8Array;
  /** It answers something: more of the answer follows, unless it ends the cycle. */
  readonly isInCycle: boolean;
};

const NOTHING = new Uint8Array(0);
/** A request that went to the server before there were handlers to see it. */
const UNSEEN: Request = { kind: "query", bytes: NOTHING };

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
  readonly #unanswered: Request[];
  #isOver = false;

  constructor(hooks: TrafficHooks, port: HookedPort) {
    this.#hooks = hooks;
    this.#port = port;
    const { ledger, maxMessageBytes, timers } = port;
    hooks.facts.toldStatus = ledger.transactionStatus;
    this.#unanswered = Array.from({ length: ledger.owedReadyForQuery }, () => UNSEEN);
    this.#termination = new Termination(this.#terminationPort());
    this.#units = new RequestUnits(maxMessageBytes, (unit) => this.#requests.push(unit));
    this.#parts = new ResponseParts(MAX_SERVER_MESSAGE_BYTES, hooks.bufferBytes, (part) =>
      this.#responses.push(this.#attributed(part)),
    );
    this.#requests = new HookLane<Request>({
      handle: (request) => this.#handleRequest(request),
      onFull: () => port.pauseClient(),
      onRoom: () => port.resumeClient(),
      onEmpty: () => port.settled(),
    });
    this.#responses = new HookLane<Response>({
      handle: (response) => this.#handleResponse(response),
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
      this.#termination.isQuiet
    );
  }

  /** A request or an answer is with a handler, or waits for one. */
  get isHandling(): boolean {
    return !this.#requests.isEmpty || !this.#responses.isEmpty;
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
      if (this.#parts.isAtBoundary) this.#unanswered.length = 0;
    }
    const { flushIntervalMs } = this.#hooks;
    if (flushIntervalMs === 0) this.#parts.flush();
    if (this.#parts.isHolding) this.#flushTimer.set(flushIntervalMs);
    else this.#flushTimer.clear();
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
  }

  #handleRequest(request: Request): Promise<void> | undefined {
    if (this.#isOver || this.#termination.discards(request)) return undefined;
    const verdict = this.#hooks.fromClient(request.bytes);
    return verdict instanceof Promise
      ? verdict.then((late) => this.#decide(request, late))
      : this.#decide(request, verdict);
  }

  #decide(request: Request, verdict: Verdict): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    if (verdict.kind === "terminate") return this.#termination.ofRequest(request, verdict);
    this.#forward(request, verdict.bytes);
    return undefined;
  }

  #forward(request: Request, bytes: Uint8Array): void {
    // COPY data belongs to the request that asked for it.
    if (request.kind !== "copy" && request.kind !== "terminate") {
      this.#unanswered.push(bytes === request.bytes ? request : { kind: request.kind, bytes });
    }
    // A goodbye ends the session at once: nothing is told of it after that.
    const isGoodbye = request.kind === "terminate";
    if (isGoodbye) this.#hooks.toServer(bytes);
    // It may be answered at once, by the gateway: hooks hear of that afterwards.
    this.#responses.hold();
    this.#port.toServer(bytes, request.isStartupMessage === true);
    if (!isGoodbye) this.#hooks.toServer(bytes);
    this.#responses.release();
  }

  /** To be decided when the part comes: until a handler has time for it, more may have happened. */
  #attributed(part: ResponsePart): Response {
    const request = this.#unanswered[0];
    const { bytes, endsCycle, endsLoginStep, startsCopyIn } = part;
    const isInCycle = request !== undefined || this.#port.ledger.owedReadyForQuery > 0;
    this.#forgetAnswered(part);
    return {
      bytes,
      endsCycle,
      endsLoginStep,
      startsCopyIn,
      request: request?.bytes ?? NOTHING,
      isInCycle,
    };
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
    const isPartial = !response.endsCycle && !response.endsLoginStep;
    const verdict = this.#hooks.fromServer(response.request, response.bytes, isPartial);
    const use = (decided: Verdict): void => {
      if (this.#isOver) return;
      const bytes =
        decided.kind === "forward"
          ? decided.bytes
          : this.#termination.ofAnswer(response, response.isInCycle, decided);
      if (bytes.length === 0) return;
      if (response.endsCycle || decided.kind === "terminate") this.#noteStatus(bytes);
      this.#port.toClient(bytes);
      this.#hooks.toClient(response.request, bytes, isPartial);
    };
    if (verdict instanceof Promise) return verdict.then(use);
    use(verdict);
    return undefined;
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
        !port.isHolding() && this.#responses.isEmpty && this.#parts.isAtBoundary,
      request: (unit) => this.#forward(unit, unit.bytes),
      toServer: (message) => port.toServer(message, false),
      toClient: (bytes) => {
        if (this.#isOver) return;
        this.#noteStatus(bytes);
        port.toClient(bytes);
      },
      fail: (code, isTold) => port.fail(code, isTold),
    };
  }
}
