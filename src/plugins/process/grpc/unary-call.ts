/** One call that sends one message and gets one. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, Http2Session, Http2Stream, StreamReceiver } from "../http2/index.ts";
import { MessageReader } from "./message-reader.ts";
import { brokenOff, endedEarly, failureOf, httpFailureOf, isInformational } from "./wire.ts";

/** A timer of a longer time fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface UnaryRequest {
  /** See {@link callHeaders}; the deadline among them is the callee's. */
  readonly headers: Buffer;
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
  readonly headers: HeaderFields;
  readonly trailers: HeaderFields;
}

/**
 * A call from the moment it is made; it may wait before it is sent. It settles once: with the answer, with
 * what the callee or the connection says, with its deadline, or by {@link fail} and {@link giveUp}.
 */
export class UnaryCall implements StreamReceiver {
  readonly answer: Promise<UnaryAnswer>;
  readonly #request: UnaryRequest;
  readonly #onSettled: (call: UnaryCall) => void;
  readonly #reader: MessageReader;
  readonly #startedAtMs: number;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #resolve: (answer: UnaryAnswer) => void;
  readonly #reject: (error: ConnectError) => void;
  #isSettled = false;
  #isAnswered = false;
  #session: Http2Session | undefined;
  #stream: Http2Stream | undefined;
  #headers: HeaderFields | undefined;
  #message: Buffer | undefined;

  constructor(request: UnaryRequest, onSettled: (call: UnaryCall) => void) {
    this.#request = request;
    this.#onSettled = onSettled;
    this.#reader = new MessageReader(request.maxMessageBytes);
    const { promise, resolve, reject } = Promise.withResolvers<UnaryAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#startedAtMs = request.timeoutMs > 0 ? performance.now() : 0;
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
  send({ session }: { readonly session: Http2Session }): void {
    this.#session = session;
    this.#stream = session.request(this.#request.headers, this.#request.frame, this);
  }

  onHeaders(fields: HeaderFields, isLast: boolean): void {
    if (this.#headers === undefined) {
      if (isInformational(fields)) return;
      this.#headers = fields;
      const failure = httpFailureOf(fields);
      if (failure !== undefined) this.fail(failure);
    }
    if (isLast) this.#finish(this.#headers, fields);
  }

  onData(bytes: Buffer, isLast: boolean): void {
    try {
      this.#reader.read(bytes, this.#onMessage);
    } catch (thrown) {
      this.fail(ConnectError.from(thrown));
      return;
    }
    if (this.#stream !== undefined) this.#session?.consumed(this.#stream, bytes.length);
    if (isLast) this.fail(endedEarly());
  }

  onBroken(reason: Error): void {
    // The callee keeps the deadline too, and its reset may be here before our timer's turn.
    const { timeoutMs } = this.#request;
    const isLate = timeoutMs > 0 && performance.now() - this.#startedAtMs >= timeoutMs;
    this.fail(isLate ? this.#tooLate() : brokenOff(reason));
  }

  /** Ends it with this error unless it has ended already; a callee that is still at it is told. */
  fail(error: ConnectError): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(error);
    if (this.#stream !== undefined) this.#session?.reset(this.#stream);
  }

  /** Nobody waits for the answer any more. */
  giveUp(): void {
    this.fail(new ConnectError("the call was given up", Code.Canceled));
  }

  readonly #onMessage = (message: Buffer): void => {
    if (this.#message !== undefined) {
      throw new ConnectError("the answer has two messages", Code.Internal);
    }
    this.#message = message;
  };

  #finish(headers: HeaderFields, trailers: HeaderFields): void {
    if (this.#isSettled) return;
    this.#isAnswered = true;
    const failure = failureOf(trailers);
    const message = this.#message;
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
