/** The HTTP/2 session to one server, opened when it is needed and again after it was lost. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Duplex } from "node:stream";
import { type UnaryAnswer, UnaryCall, type UnaryRequest } from "./unary-call.ts";

export interface ChannelOptions {
  /** Opens a connection that HTTP/2 can be spoken on at once; what it rejects with fails the waiting calls. */
  readonly dial: () => Promise<Duplex>;
}

/**
 * How much of one answer may be under way. The window of the whole session stays at its 64 KiB: a larger one, by
 * setLocalWindowSize, lets answers that are longer than this stall for ever (Bun 1.4.5).
 */
const STREAM_WINDOW_BYTES = 1 << 20;

/** A call that has not been sent yet. */
interface Waiting {
  send(session: ClientHttp2Session): void;
  fail(error: ConnectError): void;
}

/**
 * States:
 *
 * - `idle`: no session. A call dials and waits: `connecting`.
 * - `connecting`: dialled; ends with the server's first words, its SETTINGS: `ready`, and what waits is sent. Any
 *   failure until then fails what waits: `idle`.
 * - `ready`: calls are sent at once, as many at a time as the server allows; the others wait. The session ends,
 *   or the server says that it will (GOAWAY): `idle`. Calls under way end with their streams.
 * - `closed`: for good, by {@link close}; every call, also those under way, fails with the reason given there.
 */
export class Channel {
  readonly #options: ChannelOptions;
  #state: "idle" | "connecting" | "ready" | "closed" = "idle";
  /** Of the states connecting (once dialled) and ready. */
  #session: ClientHttp2Session | undefined;
  /** Every session that is not closed: one that was left because of a GOAWAY still has its calls. */
  readonly #sessions = new Set<ClientHttp2Session>();
  readonly #waiting = new Set<Waiting>();
  /** Calls that were sent and have no answer yet. */
  readonly #inFlight = new Set<UnaryCall>();
  /** How many the server of this session takes. */
  #maxInFlight = Number.POSITIVE_INFINITY;
  #closedBecause: ConnectError | undefined;
  #callsAnswered = 0;
  /** Told when no call is under way. */
  #onIdle: (() => void)[] = [];

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Calls that are waiting, or sent and not answered. */
  get callsUnderWay(): number {
    return this.#inFlight.size + this.#waiting.size;
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
  unary(request: UnaryRequest, signal?: AbortSignal): Promise<UnaryAnswer> {
    const call = new UnaryCall(request, this.#onSettled);
    if (signal !== undefined) failWhenAborted(call, signal);
    this.#sendOrWait(call);
    return call.answer;
  }

  /** Resolves when no call is under way any more. */
  idle(): Promise<void> {
    if (this.callsUnderWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Opens a stream in both directions; the caller ends it. Rejects with a ConnectError. */
  stream(headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    return new Promise((resolve, reject) => {
      this.#sendOrWait({
        send: (session) => resolve(session.request(headers, { endStream: false })),
        fail: reject,
      });
    });
  }

  /** Fails everything that has not ended with the reason, and what is called from now on too. */
  close(reason: ConnectError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#session = undefined;
    this.#closedBecause = reason;
    this.#failWaiting(reason);
    for (const call of [...this.#inFlight]) call.fail(reason);
    for (const session of this.#sessions) session.destroy();
  }

  readonly #onSettled = (call: UnaryCall): void => {
    this.#inFlight.delete(call);
    this.#waiting.delete(call);
    if (call.isAnswered) this.#callsAnswered += 1;
    if (this.#waiting.size > 0 && this.#state === "ready") this.#sendWaiting();
    if (this.#onIdle.length > 0 && this.callsUnderWay === 0) {
      for (const tell of this.#onIdle.splice(0)) tell();
    }
  };

  #sendOrWait(call: Waiting): void {
    if (this.#session !== undefined && this.#hasRoom()) {
      this.#send(call, this.#session);
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
  #hasRoom(): boolean {
    return this.#state === "ready" && this.#inFlight.size < this.#maxInFlight;
  }

  #send(call: Waiting, session: ClientHttp2Session): void {
    if (call instanceof UnaryCall) this.#inFlight.add(call);
    try {
      call.send(session);
    } catch (error) {
      call.fail(ConnectError.from(error, Code.Unavailable));
    }
  }

  #sendWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#session === undefined || !this.#hasRoom()) return;
      this.#waiting.delete(call);
      this.#send(call, this.#session);
    }
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
    this.#session = undefined;
    this.#failWaiting(ConnectError.from(error, Code.Unavailable));
  }

  #open(socket: Duplex): void {
    if (this.#state !== "connecting") {
      socket.destroy();
      return;
    }
    const session = connect("https://localhost", {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    });
    this.#session = session;
    this.#sessions.add(session);
    let error: unknown = new Error("the connection was closed");
    session.on("remoteSettings", ({ maxConcurrentStreams }) => {
      if (this.#session !== session) return;
      this.#maxInFlight = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      this.#state = "ready";
      this.#sendWaiting();
    });
    session.on("error", (thrown) => {
      error = thrown;
    });
    session.on("goaway", () => this.#leave(session, error));
    session.on("close", () => {
      this.#sessions.delete(session);
      this.#leave(session, error);
    });
  }

  /** No call is sent on this session any more. */
  #leave(session: ClientHttp2Session, error: unknown): void {
    if (this.#session !== session) return;
    if (this.#state === "connecting") {
      this.#connectFailed(error);
      return;
    }
    this.#state = "idle";
    this.#session = undefined;
    if (!session.destroyed) session.close();
    if (this.#waiting.size > 0) this.#dial();
  }
}

function failWhenAborted(call: UnaryCall, signal: AbortSignal): void {
  const abort = (): void => call.fail(new ConnectError("the call was given up", Code.Canceled));
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  const forget = (): void => signal.removeEventListener("abort", abort);
  call.answer.then(forget, forget);
}
