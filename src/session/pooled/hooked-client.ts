/**
 * The client of a pooled session, seen from behind the traffic hooks: what it sends comes out of them
 * here, and what is written goes through them on its way to it. Whoever has the client has whole messages
 * in the client's own words, and need not know.
 *
 * What the client is owed is kept in a ledger of its own: behind the hooks messages are renamed, added
 * and answered without a server. A request that a handler answers goes no further than here.
 *
 *   open    traffic goes through the hooks
 *   ending  the session is over; what it said last is still with a handler
 *   off     nothing goes through the hooks any more
 */
import { GatewayError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { ServerPlace } from "../../backend/index.ts";
import { ignoringHandler, partOf } from "../../net/index.ts";
import type { Connection, ConnectionHandler } from "../../net/index.ts";
import {
  AnswerLedger,
  ClientStream,
  MAX_SERVER_MESSAGE_BYTES,
  ServerStream,
} from "../../postgres/index.ts";
import type { SocketEnds } from "../connection-events.ts";
import { HookedTraffic } from "../hooked-traffic.ts";
import type { HookedPort } from "../hooked-traffic.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import { TrafficHooks } from "../traffic-hooks.ts";

/** Whoever has the client behind the hooks; its {@link Connection.handler} hears the rest. */
export interface HookedOwner {
  /** Where the server of its block is; undefined while it has none. */
  readonly place: ServerPlace | undefined;
  /** Its connection to the server, while it has one. */
  readonly lease: SocketEnds | undefined;
  fail(code: ErrorCode, detail?: string): void;
  /** The hooks have got something, or have nothing any more. */
  hooksMoved(): void;
  /** Handlers have logged the client in, and the StartupMessage went no further. */
  readonly answered?: () => void;
  /** Nobody listens any more: it has the client itself from now on. Undefined: this is not the time. */
  readonly unhook?: (client: Connection) => void;
}

export interface HookedClientOptions {
  readonly client: Connection;
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly owner: HookedOwner;
  /** What the client is owed already. Default: it has not begun to log in. */
  readonly ledger?: AnswerLedger;
}

export class HookedClient implements Connection, ConnectionHandler {
  handler: ConnectionHandler = ignoringHandler;
  owner: HookedOwner;
  readonly #client: Connection;
  readonly #context: SessionContext;
  readonly #ledger: AnswerLedger;
  readonly #requests: ClientStream;
  readonly #answers: ServerStream;
  readonly #traffic: HookedTraffic;
  /** As hooks are told. */
  readonly #server = { localAddress: "", remoteAddress: "" };
  #leasedAddress: string | undefined;
  #state: "open" | "ending" | "off" = "open";
  #onStartup: (message: Uint8Array) => void = () => {};
  #onEnded: () => void = () => {};
  /** A handler has told the client why its session ends: nothing that is written now is for it. */
  #knowsEnd = false;
  /** The owner does this, and need not be told. */
  #isWriting = false;
  /** Whoever is behind the hooks has the StartupMessage; until then handlers alone speak with the client. */
  #hasBegun: boolean;
  #hasClientEnded = false;
  #isPaused = false;
  #areRequestsFull = false;
  #isStalled = false;
  #areAnswersFull = false;

  /** Hears the client from now on. */
  constructor({ client, context, facts, owner, ledger = new AnswerLedger() }: HookedClientOptions) {
    this.#client = client;
    this.#context = context;
    this.owner = owner;
    this.#ledger = ledger;
    this.#hasBegun = ledger.isLoggedIn;
    this.#requests = new ClientStream(ledger, context.limits.maxMessageBytes);
    this.#answers = new ServerStream(ledger, MAX_SERVER_MESSAGE_BYTES);
    const hooks = new TrafficHooks(context.hooks, facts, client, this.#server);
    this.#traffic = new HookedTraffic(hooks, this.#port());
    this.#isStalled = client.backlogBytes > 0;
    this.#beginCycle();
    client.handler = this;
  }

  /** Nothing is held or under way. */
  get isQuiet(): boolean {
    return this.#traffic.isQuiet;
  }

  /** A request or an answer is with a handler, or waits for one. */
  get isHandling(): boolean {
    return this.#traffic.isHandling;
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  get backlogBytes(): number {
    return this.#client.backlogBytes;
  }

  get localAddress(): string {
    return this.#client.localAddress;
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  /**
   * @param rest what the client sent behind its StartupMessage
   * @param sslRequest that came before it
   * @param onStartup gets what handlers have made of the message
   */
  startUp(
    message: Uint8Array,
    rest: Uint8Array,
    sslRequest: Uint8Array | undefined,
    onStartup: (message: Uint8Array) => void,
  ): void {
    this.#onStartup = onStartup;
    this.#traffic.startup(message, sslRequest);
    if (rest.length > 0) this.onData(rest);
  }

  /** The session is over, and `onEnded` called when the client has all that it was sent. */
  finish(onEnded: () => void): void {
    if (this.#state === "off" || !this.isOpen) {
      this.#switchOff();
      onEnded();
      return;
    }
    this.#state = "ending";
    this.handler = ignoringHandler;
    this.#onEnded = onEnded;
    this.#traffic.serverEnded();
    this.#settled();
  }

  /** Waits for no handler any more: what is with them is dropped, and what is written goes straight on. */
  giveUp(): void {
    if (!this.isHandling) return;
    const isEnding = this.#state === "ending";
    this.#switchOff();
    if (isEnding) this.#onEnded();
  }

  write(bytes: Uint8Array): void {
    if (this.#knowsEnd) return;
    if (this.#state === "off") {
      this.#client.write(bytes);
      return;
    }
    this.#lookForLease();
    this.#answers.advance(bytes);
    this.#isWriting = true;
    this.#traffic.fromServer(bytes);
    this.#isWriting = false;
  }

  writeThrough(bytes: Uint8Array, from = 0, to = bytes.length): void {
    this.write(partOf(bytes, from, to));
    this.#client.flush();
  }

  pause(): void {
    this.#isPaused = true;
    this.#client.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#areRequestsFull) this.#client.resume();
  }

  shutdown(): void {
    this.#client.shutdown();
  }

  flush(): void {
    this.#client.flush();
  }

  leave(): void {
    this.#client.leave();
  }

  close(): void {
    this.#client.close();
  }

  terminate(): void {
    this.#client.terminate();
  }

  startTls(...parameters: Parameters<Connection["startTls"]>): void {
    this.#client.startTls(...parameters);
  }

  startTlsAsClient(...parameters: Parameters<Connection["startTlsAsClient"]>): void {
    this.#client.startTlsAsClient(...parameters);
  }

  /** Heard from the client, from here to `onClose`. */
  onData(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    const { isAny } = this.#context.hooks.traffic;
    if (!isAny && this.#traffic.mayBeLeft && this.owner.unhook !== undefined) {
      this.#switchOff();
      this.owner.unhook(this.#client);
      this.#client.handler.onData(bytes, this.#client);
      return;
    }
    if (this.isQuiet && this.#ledger.isAnswered) this.#beginCycle();
    this.#guard(() => this.#traffic.fromClient(bytes));
    this.owner.hooksMoved();
  }

  onStall(): void {
    if (!this.#isBackedUp) this.handler.onStall(this);
    this.#isStalled = true;
  }

  onDrain(): void {
    this.#isStalled = false;
    if (!this.#isBackedUp) this.handler.onDrain(this);
  }

  onEnd(): void {
    this.#hasClientEnded = true;
    this.#traffic.clientEnded();
    this.#passOnEnd();
  }

  onClose(error: Error | undefined): void {
    const isEnding = this.#state === "ending";
    this.#switchOff();
    if (isEnding) this.#onEnded();
    else this.handler.onClose(error, this);
  }

  /** As if it had been closed: whoever is behind the hooks is over with it. */
  #clientGone(): void {
    const { handler } = this;
    this.handler = ignoringHandler;
    this.#switchOff();
    handler.onClose(undefined, this);
  }

  #switchOff(): void {
    this.#state = "off";
    this.#traffic.dispose();
  }

  get #isBackedUp(): boolean {
    return this.#isStalled || this.#areAnswersFull;
  }

  /** All calls of a cycle have the same address of the server: that of the last lease, if there was one. */
  #beginCycle(): void {
    const { lease, place } = this.owner;
    this.#server.remoteAddress = this.#leasedAddress ?? place?.address ?? "";
    this.#server.localAddress = lease?.localAddress ?? "";
  }

  /** There may be a lease now. When it is over its answers may still be with a handler. */
  #lookForLease(): void {
    const { lease } = this.owner;
    if (lease === undefined) return;
    this.#leasedAddress = lease.remoteAddress;
    this.#server.localAddress = lease.localAddress;
  }

  #port(): HookedPort {
    const { timers, limits } = this.#context;
    return {
      ledger: this.#ledger,
      timers,
      maxMessageBytes: limits.maxMessageBytes,
      toServer: (bytes, isStartup) => this.#passOn(bytes, isStartup),
      toClient: (bytes) => this.#tell(bytes),
      isLoggingIn: false,
      heldBytes: () => 0,
      pauseClient: () => {
        this.#areRequestsFull = true;
        this.#client.pause();
      },
      resumeClient: () => {
        this.#areRequestsFull = false;
        if (!this.#isPaused) this.#client.resume();
      },
      pauseServer: () => {
        if (!this.#isBackedUp) this.handler.onStall(this);
        this.#areAnswersFull = true;
      },
      resumeServer: () => {
        this.#areAnswersFull = false;
        if (!this.#isBackedUp) this.handler.onDrain(this);
      },
      clientGone: () => this.#clientGone(),
      fail: (code, isTold) => {
        this.#knowsEnd = isTold;
        this.owner.fail(code);
      },
      settled: () => this.#settled(),
    };
  }

  #tell(bytes: Uint8Array): void {
    this.#client.write(bytes);
    if (this.#hasBegun || this.#state !== "open") return;
    this.#guard(() => {
      this.#answers.advance(bytes);
      if (!this.#ledger.isLoggedIn) return;
      this.#hasBegun = true;
      this.owner.answered?.();
    });
  }

  #passOn(bytes: Uint8Array, isStartup: boolean): void {
    if (this.#state !== "open") return;
    this.#guard(() => {
      if (isStartup) {
        this.#hasBegun = true;
        this.#onStartup(bytes);
        // It may be led to another block for what handlers have made of it.
        this.#beginCycle();
      } else {
        this.#requests.advance(bytes);
        this.handler.onData(bytes, this);
      }
    });
    this.#lookForLease();
  }

  #settled(): void {
    if (this.#state === "off") return;
    if (this.#state === "ending") {
      if (!this.#traffic.areResponsesThrough) return;
      this.#switchOff();
      this.#onEnded();
      return;
    }
    if (this.#hasClientEnded) this.#passOnEnd();
    if (!this.#isWriting) this.owner.hooksMoved();
  }

  /** The client's last byte has come; so may the end, when all before it is through. */
  #passOnEnd(): void {
    if (this.#state !== "open" || !this.#traffic.areRequestsThrough) return;
    this.#hasClientEnded = false;
    this.handler.onEnd(this);
  }

  /** A handler made something else of a message, or answered late: nobody else hears what is thrown. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.owner.fail(error.code, error.message);
    }
  }
}
