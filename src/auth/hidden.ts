/** Secrets that do not print. */
import { inspect } from "node:util";

const MASK = "***";

/** A value that stays out of logs: whatever prints it or makes JSON of it gets `***`. */
export class Hidden<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself, for where it is used. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
