/** Two connected {@link Connection}s in memory, for unit tests of everything above net/. */
import { GatewayError } from "../errors.ts";
import { ignoringHandler } from "./connection.ts";
import type { Connection, ConnectionHandler } from "./connection.ts";
import { partOf } from "./part-of.ts";

export interface MemoryConnection extends Connection {
  /** While true, what is written here stays here, as with a peer whose socket buffer is full. */
  isBlocked: boolean;
}

/** Bytes, ends and closes arrive at the other side on a later microtask, in order. */
export function memoryPair(): readonly [MemoryConnection, MemoryConnection] {
  const left = new MemoryEnd("memory:left", "memory:right");
  const right = new MemoryEnd("memory:right", "memory:left");
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class MemoryEnd implements MemoryConnection {
  handler: ConnectionHandler = ignoringHandler;
  localAddress: string;
  remoteAddress: string;
  peer: MemoryEnd = this;
  #isBlocked = false;
  #outgoing: Uint8Array[] = [];
  #incoming: Uint8Array[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #isPaused = false;
  #isShutDown = false;
  #isEndSent = false;
  #hasEndArrived = false;
  #isEndReported = false;

  constructor(localAddress: string, remoteAddress: string) {
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  get backlogBytes(): number {
    return this.#outgoing.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  set isBlocked(isBlocked: boolean) {
    this.#isBlocked = isBlocked;
    if (isBlocked || this.#outgoing.length === 0) return;
    this.#send();
    queueMicrotask(() => this.#guard(() => this.handler.onDrain(this)));
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || this.#isShutDown || bytes.length === 0) return;
    this.#outgoing.push(bytes);
    if (!this.#isBlocked) this.#send();
    else if (this.#outgoing.length === 1) this.#guard(() => this.handler.onStall(this));
  }

  writeThrough(bytes: Uint8Array, from = 0, to = bytes.length): void {
    this.write(partOf(bytes, from, to));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#scheduleDelivery();
  }

  shutdown(): void {
    this.#isShutDown = true;
    if (!this.#isBlocked) this.#send();
  }

  /** Everything is sent on the next microtask. */
  flush(): void {}

  leave(): void {
    this.close();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#isPaused = false;
    this.shutdown();
    this.#scheduleDelivery();
  }

  terminate(): void {
    this.#cut(undefined);
  }

  startTls(): never {
    // Nothing to encrypt, and no certificates: tests of TLS use sockets.
    throw new Error("a connection in memory has no TLS");
  }

  startTlsAsClient(): never {
    return this.startTls();
  }

  #cut(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#closed(error);
    queueMicrotask(() => this.peer.#closed(new Error("ECONNRESET")));
  }

  /** Calls the handler while it is to hear anything; what it throws closes this end. */
  #guard(call: () => void): void {
    if (this.#state !== "open") return;
    try {
      call();
    } catch (thrown) {
      this.#cut(GatewayError.from(thrown));
    }
  }

  #send(): void {
    this.peer.#incoming.push(...this.#outgoing);
    this.#outgoing = [];
    if (this.#isShutDown && !this.#isEndSent) {
      this.#isEndSent = true;
      this.peer.#hasEndArrived = true;
    }
    this.peer.#scheduleDelivery();
  }

  #scheduleDelivery(): void {
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#state !== "closed" && !this.#isPaused) {
      const bytes = this.#incoming.shift();
      if (bytes === undefined) break;
      this.#guard(() => this.handler.onData(bytes, this));
    }
    if (this.#isPaused || !this.#hasEndArrived || this.#state === "closed") return;
    if (!this.#isEndReported && this.#state === "open" && !this.#isShutDown) {
      this.#isEndReported = true;
      this.#guard(() => this.handler.onEnd(this));
    }
    if (this.#isEndSent) this.#closed(undefined);
  }

  #closed(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    const handler = this.handler;
    this.handler = ignoringHandler;
    handler.onClose(error, this);
    if (error === undefined) queueMicrotask(() => this.peer.#deliver());
  }
}
