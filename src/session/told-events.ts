/**
 * What handlers are told of a session's traffic after the fact. What they answer is not used, and nothing that
 * has been told of waits for it; but each direction is told in order, and of one thing after the other, so
 * that a handler that is slower than the traffic slows it down in place of having it pile up. Only when the
 * session is over, and handlers do not come to an end with it, the rest is dropped.
 */
import type { HookPayload, HookSlot } from "../hooks/index.ts";
import { HookLane } from "./hook-lane.ts";
import type { SessionFacts } from "./session-facts.ts";
import type { SessionHooks } from "./session-hooks.ts";

/** The sources of what is told. */
export interface Brake {
  pauseClient(): void;
  resumeClient(): void;
  pauseServer(): void;
  resumeServer(): void;
}

interface ToldEvent {
  readonly payload: HookPayload;
  /** What it keeps in memory. */
  readonly bytes: Uint8Array;
}

export class ToldEvents {
  /** Of whoever leads the traffic through hooks at the moment. */
  brake: Brake | undefined;
  readonly #facts: SessionFacts;
  readonly #toServer: HookLane<ToldEvent>;
  readonly #toClient: HookLane<ToldEvent>;
  #onQuiet: (() => void) | undefined;

  constructor(hooks: SessionHooks, facts: SessionFacts) {
    this.#facts = facts;
    this.#toServer = new HookLane<ToldEvent>({
      handle: (event) => this.#tell(hooks.onTrafficToServer, event),
      onFull: () => this.brake?.pauseClient(),
      onRoom: () => this.brake?.resumeClient(),
      onEmpty: () => this.#heard(),
    });
    this.#toClient = new HookLane<ToldEvent>({
      handle: (event) => this.#tell(hooks.onTrafficToClient, event),
      onFull: () => this.brake?.pauseServer(),
      onRoom: () => this.brake?.resumeServer(),
      onEmpty: () => this.#heard(),
    });
  }

  /** Handlers have heard of everything. */
  get isQuiet(): boolean {
    return this.#toServer.isEmpty && this.#toClient.isEmpty;
  }

  /** Traffic waits for handlers to hear of what went before. */
  get isBraking(): boolean {
    return this.#toServer.isFull || this.#toClient.isFull;
  }

  /** @param bytes the request in the payload */
  toServer(payload: HookPayload, bytes: Uint8Array): void {
    this.#toServer.push({ payload, bytes });
  }

  /** @param bytes the response in the payload */
  toClient(payload: HookPayload, bytes: Uint8Array): void {
    this.#toClient.push({ payload, bytes });
  }

  /** Calls back once everything has been heard, now if it has. The traffic must be over. */
  whenQuiet(onQuiet: () => void): void {
    if (this.isQuiet) onQuiet();
    else this.#onQuiet = onQuiet;
  }

  /** Handlers take too long: what they have not begun with is forgotten. @returns how much that was */
  giveUp(): number {
    const dropped = this.#toServer.drop() + this.#toClient.drop();
    this.#callBack();
    return dropped;
  }

  #tell({ chain }: HookSlot, { payload }: ToldEvent): Promise<void> | undefined {
    const outcome = chain?.run(payload, this.#facts);
    return outcome instanceof Promise ? outcome.then(() => {}) : undefined;
  }

  #heard(): void {
    if (this.isQuiet) this.#callBack();
  }

  #callBack(): void {
    const onQuiet = this.#onQuiet;
    this.#onQuiet = undefined;
    onQuiet?.();
  }
}
