/**
 * What has to be known, or undone, when the server's answer to a message comes, or never comes because
 * the server skips the rest of a batch. In the order of the messages; most of the time empty.
 */

import type { ServerStatement } from "../../backend/index.ts";

/** One message whose answer matters. */
export interface Due {
  /** As {@link AnswerLedger.sent} counts. */
  readonly place: number;
  /** It is the gateway's own: the client must not see that it is answered. */
  readonly isHidden: boolean;
  /** The client gets this instead of the error that the message has. */
  readonly refusal?: Uint8Array;
  /** It is a Parse that makes this. */
  readonly makes?: ServerStatement;
  /** The message fails, or is skipped. */
  readonly undo?: () => void;
}

export class DueList {
  #list: Due[] = [];

  add(due: Due): void {
    this.#list.push(due);
  }

  /**
   * A message is answered.
   * @returns the client is not to see it
   */
  complete(place: number): boolean {
    const [first] = this.#list;
    if (first?.place !== place) return false;
    this.#list.shift();
    if (first.makes !== undefined) first.makes.isConfirmed = true;
    return first.isHidden;
  }

  /**
   * A message fails, and all from there to before `end` are skipped.
   * @returns what the client gets instead of the error
   */
  fail(place: number, end: number): Uint8Array | undefined {
    const list = this.#list;
    if (list.length === 0) return undefined;
    const refusal = list.find((due) => due.place === place)?.refusal;
    // A failing Query skips nothing, and is done with all the same.
    const count = list.filter((due) => due.place < end || due.place === place).length;
    for (const due of list.splice(0, count).toReversed()) due.undo?.();
    return refusal;
  }

  /** Nothing will be answered any more. */
  clear(): void {
    if (this.#list.length > 0) this.#list = [];
  }
}
