/**
 * Cancels what the client of a shared server waits for, by where that is when the request comes:
 *
 *   nowhere   the client waits for nothing: nor is there anything to cancel
 *   waiting   in the queue for a backend: answered here, and it asks for none any more
 *   riding    on a backend that it shares: the server is told if that can hit nobody else's unit; or else
 *             it is answered here
 *   running   on a backend of its own: the server is told, and what the client sends meanwhile held back
 *             where that could hit it, see {@link Cancellation}
 *
 *   waiting -> nowhere, riding -> nowhere:  at once
 *   running -> nowhere:  the request can hit nothing any more
 */
import { TransactionStatus, errorResponseFor, readyForQuery } from "../../postgres/index.ts";
import { Cancellation } from "../cancellation.ts";
import { forwardCancel } from "../forward-cancel.ts";
import type { RelayParts } from "./relay-parts.ts";

/** The relay around it. */
export interface CancellingOwner {
  /** The server works for the client, or waits for the rest of what it sends. */
  readonly isQueryRunning: boolean;
  /** What the requests have become goes to the server. */
  send(): void;
  /** Drops the unit that waits; answers whether all of it had come, so that it ends here. */
  dropUnit(): boolean;
  /** What waited has been answered. */
  goOn(): void;
  /** What rode has been answered. */
  onArrived(): void;
  /** What the client sends goes through {@link UnitCancelling.push} until that is done. */
  holdBack(cancelling: UnitCancelling): void;
  /** The server has taken notice of the request. */
  cancelled(): void;
}

export class UnitCancelling {
  readonly #owner: CancellingOwner;
  readonly #parts: RelayParts;
  readonly #cancellation: Cancellation;

  /** @param isOneByOne see {@link Cancellation} */
  constructor(owner: CancellingOwner, parts: RelayParts, isOneByOne: boolean) {
    this.#owner = owner;
    this.#parts = parts;
    const { hold, ledger, requests, options } = parts;
    const { block, context, facts } = options;
    this.#cancellation = new Cancellation(
      {
        ledger,
        clientStream: requests,
        sendRequest: () => forwardCancel(hold.backend, block.pool.name, context, facts),
        toServer: () => owner.send(),
      },
      isOneByOne,
    );
  }

  /** A request is under way, or its effect has not come yet. */
  get isUnderWay(): boolean {
    return this.#cancellation.state !== "over";
  }

  /** Something that the client sent is held back. */
  get isHolding(): boolean {
    return this.#cancellation.isHolding;
  }

  /** So much of it that the client should send no more for now. */
  get isFull(): boolean {
    return this.#cancellation.isFull;
  }

  /** Nothing is held back, nor will anything be. */
  get isDone(): boolean {
    return this.#cancellation.isDone;
  }

  /** Resolves when the server was told, if it had to be. Never rejects. */
  async cancel(): Promise<void> {
    const { state } = this.#parts.hold;
    if (state === "riding") {
      this.#cancelRide();
    } else if (state === "waiting") {
      this.#cancelWaiting();
    } else if (this.#owner.isQueryRunning) {
      this.#owner.holdBack(this);
      await this.#cancellation.request();
      this.#owner.cancelled();
    }
  }

  /** @throws GatewayError as {@link Cancellation.push} does */
  push(bytes: Uint8Array): void {
    this.#cancellation.push(bytes);
  }

  /** @throws GatewayError as {@link Cancellation.release} does */
  release(): void {
    this.#cancellation.release();
  }

  #cancelWaiting(): void {
    this.#parts.hold.withdraw();
    this.#tellCancelled();
    if (this.#owner.dropUnit()) this.#tellReady();
    this.#owner.goOn();
  }

  #cancelRide(): void {
    const { hold, ledger, answers } = this.#parts;
    if (hold.cancelRide() || !answers.isAtBoundary) return;
    hold.leaveRide();
    ledger.forget();
    answers.startOver();
    this.#tellCancelled();
    this.#tellReady();
    this.#owner.onArrived();
  }

  #tellCancelled(): void {
    const { side, report } = this.#parts;
    side.client.write(errorResponseFor("ERR_CANCELED", "ERROR"));
    report?.refused("ERR_CANCELED");
  }

  #tellReady(): void {
    this.#parts.side.client.write(readyForQuery(TransactionStatus.Idle));
  }
}
