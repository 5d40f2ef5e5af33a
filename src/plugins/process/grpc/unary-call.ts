/** One call that sends one message and gets one. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { MessageReader } from "./message-reader.ts";
import { failureOf, httpFailureOf, brokenOff } from "./wire.ts";

/** The trailer that says how a call ended. */
const STATUS = "grpc-status";

/** A timer of a longer time fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface UnaryRequest {
  /** See {@link unaryHeaders}; the deadline among them is the callee's. */
  readonly headers: OutgoingHttpHeaders;
  /** The message behind room for its prefix, which is filled in already. */
  readonly frame: Buffer;
  /** Our own deadline: after it the call fails, and the callee is told that nobody waits; 0 = none. */
  readonly timeoutMs: number;
  /** Longest answer that is accepted. */
  readonly maxMessageBytes: number;
}

/** The answer's message and what came around it. */
export interface UnaryAnswer {
  readonly message: Buffer;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
}

/**
 * A call from the moment it is made; it may wait before it is sent. It settles once: with the answer, with
 * what the callee or the connection says, with its deadline, or by {@link fail}.
 */
export class UnaryCall {
  readonly answer: Promise<UnaryAnswer>;
  readonly #request: UnaryRequest;
  readonly #onSettled: (call: UnaryCall) => void;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #resolve: (answer: UnaryAnswer) => void = () => {};
  #reject: (error: ConnectError) => void = () => {};
  readonly #startedAtMs = performance.now();
  #isSettled = false;
  #isAnswered = false;
  #stream: ClientHttp2Stream | undefined;

  constructor(request: UnaryRequest, onSettled: (call: UnaryCall) => void) {
    this.#request = request;
    this.#onSettled = onSettled;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (request.timeoutMs > 0) {
      const timerMs = Math.min(request.timeoutMs, LONGEST_TIMER_MS);
      this.#timer = setTimeout(() => this.fail(this.#tooLate()), timerMs);
    }
  }

  /** Whether the callee has said how it ended, be it with a failure. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Sends it; must not be called twice. */
  send({ session }: { readonly session: ClientHttp2Session }): void {
    const stream = session.request(this.#request.headers);
    this.#stream = stream;
    const reader = new MessageReader(this.#request.maxMessageBytes);
    let message: Buffer | undefined;
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    let hasEnded = false;
    let error: unknown;
    // These come in any order but for the headers and the data: a short answer can end before it begins.
    stream.on("response", (received) => {
      headers = received;
      const failure = httpFailureOf(received);
      if (failure !== undefined) this.fail(failure);
      else if (STATUS in received) this.#finish(received, undefined, received);
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        reader.read(chunk, (complete) => {
          if (message === undefined) message = complete;
          else throw new ConnectError("the answer has two messages", Code.Internal);
        });
      } catch (thrown) {
        this.fail(ConnectError.from(thrown));
      }
    });
    stream.on("trailers", (received) => {
      trailers = received;
      if (message !== undefined || hasEnded || received[STATUS] !== "0") {
        this.#finish(headers, message, received);
      }
    });
    stream.on("error", (thrown) => {
      error = thrown;
    });
    stream.on("end", () => {
      hasEnded = true;
      if (trailers !== undefined) this.#finish(headers, message, trailers);
    });
    stream.on("close", () => {
      // The callee keeps the deadline too, and its reset may be here before our timer's turn.
      const { timeoutMs } = this.#request;
      const isLate = timeoutMs > 0 && performance.now() - this.#startedAtMs >= timeoutMs;
      this.fail(isLate ? this.#tooLate() : brokenOff(error));
    });
    stream.end(this.#request.frame);
  }

  /** Ends it with this error unless it has ended already; a callee that is still at it is told. */
  fail(error: ConnectError): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(error);
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #finish(
    headers: IncomingHttpHeaders,
    message: Buffer | undefined,
    trailers: IncomingHttpHeaders,
  ): void {
    if (this.#isSettled) return;
    this.#isAnswered = true;
    const failure = failureOf(trailers);
    if (failure !== undefined || message === undefined) {
      this.fail(failure ?? new ConnectError("the answer has no message", Code.Internal));
      return;
    }
    this.#settle();
    this.#resolve({ message, headers, trailers });
  }

  #tooLate(): ConnectError {
    return new ConnectError(
      `no answer within ${this.#request.timeoutMs} ms`,
      Code.DeadlineExceeded,
    );
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#onSettled(this);
  }
}
