/** Which session may be cancelled by which key: the key data each client was given at login. */
import { latin1Of } from "./latin1-of.ts";

/** Something that runs queries and can be asked to stop the current one. */
export interface Cancellable {
  /** Resolves when the server was told, or could not be. Never rejects. */
  cancel(): Promise<void>;
}

export class CancelKeys {
  readonly #targets = new Map<string, Cancellable>();
  /** Who may know a key that no session here has; undefined: nobody. */
  elsewhere: ((key: Uint8Array) => Cancellable | undefined) | undefined;

  /**
   * @param key process id and secret, as in BackendKeyData and CancelRequest
   * @returns what it is removed by: a text takes a fraction of what bytes take
   */
  add(key: Uint8Array, target: Cancellable): string {
    const name = latin1Of(key);
    this.#targets.set(name, target);
    return name;
  }

  /** @param name that {@link add} has returned */
  remove(name: string, target: Cancellable): void {
    // The server may have given the same key to another session in the meantime.
    if (this.#targets.get(name) === target) this.#targets.delete(name);
  }

  find(key: Uint8Array): Cancellable | undefined {
    return this.ownOf(key) ?? this.elsewhere?.(key);
  }

  /** Only the sessions of this process. */
  ownOf(key: Uint8Array): Cancellable | undefined {
    return this.#targets.get(latin1Of(key));
  }
}
