/** The HTTP/2 session to one server, opened when it is needed and again after it was lost. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Duplex } from "node:stream";
import { Http2Session, type Http2Stream } from "../http2/index.ts";
import type { MessageStream } from "./message-stream.ts";
import { type UnaryAnswer, UnaryCall, type UnaryRequest } from "./unary-call.ts";

export interface ChannelOptions {
  /** Opens a connection that HTTP/2 can be spoken on at once; what it rejects with fails the waiting calls. */
  readonly dial: () => Promise<Duplex>;
  /** Number of the last stream of a session. Default: the protocol's last, after about a thousand million calls. */
  readonly lastStreamId?: number;
}

/** A stream from the server that is open. */
export interface OpenStream {
  /** Ends it, unless it has ended. */
  readonly cancel: () => void;
}

/** Something that has not been sent yet. */
interface Waiting {
  send(link: Link): void;
  fail(error: ConnectError): void;
}

/** A session and what is under way on it. */
interface Link {
  readonly session: Http2Session;
  readonly calls: Set<UnaryCall>;
  readonly streams: Set<Http2Stream>;
  /** How many of both its server takes. */
  maxUnderWay: number;
}

/**
 * States:
 *
 * - `idle`: no session. A call dials and waits: `connecting`.
 * - `connecting`: dialled; ends with the server's first words, its SETTINGS: `ready`, and what waits is sent. Any
 *   failure until then fails what waits: `idle`.
 * - `ready`: calls are sent at once, as many at a time as the server allows; the others wait. The session ends,
 *   or the server says that it will (GOAWAY): `idle`. Calls under way get their answers; after the last one the
 *   streams of such a session are ended, and it with them.
 * - `closed`: for good, by {@link close}; every call, also those under way, fails with the reason given there.
 */
export class Channel {
  readonly #options: ChannelOptions;
  #state: "idle" | "connecting" | "ready" | "closed" = "idle";
  /** Of the states connecting (once dialled) and ready. */
  #link: Link | undefined;
  /** Every one that is not closed: one that was left because of a GOAWAY still has its calls. */
  readonly #links = new Set<Link>();
  readonly #waiting = new Set<Waiting>();
  #closedBecause: ConnectError | undefined;
  #callsAnswered = 0;
  /** Told when no call is under way. */
  #onIdle: (() => void)[] = [];
  #onSession = (): void => {};

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Calls that are waiting, or sent and not answered. */
  get callsUnderWay(): number {
    let count = this.#waiting.size;
    for (const { calls } of this.#links) count += calls.size;
    return count;
  }

  /** How many calls the server has answered so far, be it with a failure. */
  get callsAnswered(): number {
    return this.#callsAnswered;
  }

  /** Resolves when there is a session, rejects with what keeps it from being one. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sendOrWait({ send: () => resolve(), fail: reject });
    });
  }

  /** Rejects with a ConnectError. */
  unary(request: UnaryRequest, signal: AbortSignal | undefined): Promise<UnaryAnswer> {
    const call = new UnaryCall(request, this.#onSettled);
    if (signal !== undefined) failWhenAborted(call, signal);
    this.#sendOrWait(call);
    return call.answer;
  }

  /** The same for whoever may give the call up: its answer rejects then. */
  call(request: UnaryRequest): UnaryCall {
    const call = new UnaryCall(request, this.#onSettled);
    this.#sendOrWait(call);
    return call;
  }

  /** Resolves when no call is under way any more. */
  idle(): Promise<void> {
    if (this.callsUnderWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Calls back whenever there is a new session, at once if there is one. */
  eachSession(callback: () => void): void {
    this.#onSession = callback;
    if (this.#state === "ready") callback();
  }

  /**
   * Opens a stream from the server; whoever reads it ends it, or the end of its session does. Rejects with a
   * ConnectError, also where a stream would leave no room for calls.
   */
  stream(
    request: Pick<UnaryRequest, "headers" | "frame">,
    messages: MessageStream,
  ): Promise<OpenStream> {
    return new Promise((resolve, reject) => {
      this.#sendOrWait({
        send: (link) => {
          if (link.maxUnderWay - link.streams.size < 2) {
            reject(new ConnectError("the server takes too few calls", Code.ResourceExhausted));
          } else resolve(this.#openStream(link, request, messages));
        },
        fail: reject,
      });
    });
  }

  /** Fails everything that has not ended with the reason, and what is called from now on too. */
  close(reason: ConnectError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#link = undefined;
    this.#closedBecause = reason;
    this.#failWaiting(reason);
    for (const { session, calls } of this.#links) {
      for (const call of [...calls]) call.fail(reason);
      session.destroy();
    }
  }

  readonly #onSettled = (call: UnaryCall): void => {
    this.#waiting.delete(call);
    for (const link of this.#links) {
      if (link.calls.delete(call) && link !== this.#link) this.#endWhenUnused(link);
    }
    if (call.isAnswered) this.#callsAnswered += 1;
    if (this.#waiting.size > 0 && this.#state === "ready") this.#sendWaiting();
    if (this.#onIdle.length > 0 && this.callsUnderWay === 0) {
      for (const tell of this.#onIdle.splice(0)) tell();
    }
  };

  #sendOrWait(call: Waiting): void {
    if (this.#link !== undefined && this.#hasRoom(this.#link)) {
      this.#send(call, this.#link);
      return;
    }
    if (this.#closedBecause !== undefined) {
      call.fail(this.#closedBecause);
      return;
    }
    this.#waiting.add(call);
    if (this.#state === "idle") this.#dial();
  }

  /** Whether a call can be sent now. */
  #hasRoom({ calls, streams, maxUnderWay }: Link): boolean {
    return this.#state === "ready" && calls.size + streams.size < maxUnderWay;
  }

  #send(call: Waiting, link: Link): void {
    if (call instanceof UnaryCall) link.calls.add(call);
    try {
      call.send(link);
    } catch (error) {
      call.fail(ConnectError.from(error, Code.Unavailable));
    }
  }

  #sendWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#link === undefined || !this.#hasRoom(this.#link)) return;
      this.#waiting.delete(call);
      this.#send(call, this.#link);
    }
  }

  #openStream(
    link: Link,
    { headers, frame }: Pick<UnaryRequest, "headers" | "frame">,
    messages: MessageStream,
  ): OpenStream {
    const { session, streams } = link;
    const stream = session.request(headers, frame, messages);
    streams.add(stream);
    messages.onConsumed = (byteLength) => session.consumed(stream, byteLength);
    messages.onEnded = () => {
      streams.delete(stream);
      session.reset(stream);
      this.#sendWaiting();
    };
    const cancel = (): void => messages.onBroken(new Error("it was given up"));
    return { cancel };
  }

  #failWaiting(error: ConnectError): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) call.fail(error);
  }

  #dial(): void {
    this.#state = "connecting";
    this.#options.dial().then(
      (socket) => this.#open(socket),
      (error: unknown) => this.#connectFailed(error),
    );
  }

  #connectFailed(error: unknown): void {
    if (this.#state !== "connecting") return;
    this.#state = "idle";
    this.#link = undefined;
    this.#failWaiting(ConnectError.from(error, Code.Unavailable));
  }

  #open(socket: Duplex): void {
    if (this.#state !== "connecting") {
      socket.destroy();
      return;
    }
    const session = new Http2Session(
      socket,
      {
        onSettings: (maxConcurrentStreams) => this.#settle(link, maxConcurrentStreams),
        onLeaving: () => this.#leave(link, new Error("the plugin takes no more calls")),
        onClosed: (reason) => {
          this.#leave(link, reason);
          this.#endWhenUnused(link);
        },
      },
      this.#options.lastStreamId,
    );
    const link: Link = {
      session,
      calls: new Set(),
      streams: new Set(),
      maxUnderWay: Number.POSITIVE_INFINITY,
    };
    this.#link = link;
    this.#links.add(link);
  }

  /** The server has said what it takes. */
  #settle(link: Link, maxConcurrentStreams: number): void {
    if (this.#link !== link) return;
    link.maxUnderWay = maxConcurrentStreams;
    const isNew = this.#state === "connecting";
    this.#state = "ready";
    if (isNew) this.#onSession();
    this.#sendWaiting();
  }

  /** No call is sent on this session any more. */
  #leave(link: Link, error: unknown): void {
    if (this.#link !== link) return;
    if (this.#state === "connecting") {
      this.#connectFailed(error);
      return;
    }
    this.#state = "idle";
    this.#link = undefined;
    link.session.leave();
    this.#endWhenUnused(link);
    if (this.#waiting.size > 0) this.#dial();
  }

  /** A session that was left closes with the last of its streams, some of which never end by themselves. */
  #endWhenUnused(link: Link): void {
    if (link.calls.size > 0) return;
    if (link.session.isClosed) this.#links.delete(link);
    else for (const stream of link.streams) stream.receiver.onBroken(new Error("its session ends"));
  }
}

function failWhenAborted(call: UnaryCall, signal: AbortSignal): void {
  const abort = (): void => call.giveUp();
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  const forget = (): void => signal.removeEventListener("abort", abort);
  call.answer.then(forget, forget);
}
