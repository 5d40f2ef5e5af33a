/**
 * What has to be known, or undone, when the server's answer to a message comes, or never comes because
 * the server skips the rest of a batch. In the order of the messages; most of the time empty.
 */
import type { ServerStatement } from "../../backend/index.ts";

/** One message whose answer matters. */
export interface Due {
  /** As {@link AnswerLedger.sent} counts. */
  place: number;
  /** It is the gateway's own: the client must not see that it is answered. */
  readonly isHidden: boolean;
  /** The client gets this instead of the error that the message has. */
  refusal?: Uint8Array | undefined;
  /** The client hears of its error in place of the one that this later message has then. */
  readonly tells?: Due;
  /** It is a Parse that makes this. */
  readonly makes?: ServerStatement;
  /** The message fails, or is skipped. */
  readonly undo?: () => void;
}

export class DueList {
  #list: Due[] = [];
  /** What could still be undone of what has succeeded since the last `clear`. */
  #done: Due[] = [];
  /** Nothing is due. */
  isEmpty = true;

  add(due: Due): void {
    this.#list.push(due);
    this.isEmpty = false;
  }

  /** The client must not see what this message makes the server say. */
  isHidden(place: number): boolean {
    return this.#list.some((due) => due.place === place && due.isHidden);
  }

  /**
   * A message has succeeded.
   * @returns the client is not to see it
   */
  complete(place: number): boolean {
    const list = this.#list;
    let isHidden = false;
    for (let [first] = list; first !== undefined && first.place <= place; [first] = list) {
      list.shift();
      if (first.undo !== undefined) this.#done.push(first);
      if (first.makes !== undefined) first.makes.isConfirmed = true;
      if (first.place === place) isHidden ||= first.isHidden;
    }
    this.isEmpty = list.length === 0;
    return isHidden;
  }

  /**
   * A message fails, and all from there to before `end` are skipped.
   * @returns what the client gets: the error, another one, or nothing
   */
  fail(place: number, end: number, error: Uint8Array | undefined): Uint8Array | undefined {
    const list = this.#list;
    // A failing Query skips nothing, and is done with all the same.
    const isOver = (due: Due) => due.place < end || due.place === place;
    const over = list.filter((due) => isOver(due) && due.place >= place);
    const refusal = over.find((due) => due.place === place && due.refusal !== undefined)?.refusal;
    const tells = over.find((due) => due.place === place)?.tells;
    this.#list = list.filter((due) => !isOver(due));
    this.isEmpty = this.#list.length === 0;
    for (const due of over.toReversed()) due.undo?.();
    if (tells === undefined) return refusal ?? error;
    tells.refusal = refusal ?? error;
    return undefined;
  }

  /** An answer is to come that the client must not see. */
  get isHiding(): boolean {
    return this.#list.some(({ isHidden }) => isHidden);
  }

  /** All since the last `clear` is to be as if it had not been sent. */
  undoAll(): void {
    for (const due of [...this.#done, ...this.#list].toReversed()) due.undo?.();
    this.clear();
  }

  /** Nothing will be answered any more, or undone. */
  clear(): void {
    if (this.#done.length > 0) this.#done = [];
    if (this.isEmpty) return;
    this.#list = [];
    this.isEmpty = true;
  }
}
