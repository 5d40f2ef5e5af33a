/**
 * Where the server of a block is: the literal address that connections to it have.
 *
 * Only who dials a name knows what it stands for; until somebody has, it can be looked up.
 */
import { formatAddress, resolveAddress } from "../net/index.ts";
import type { Address } from "../net/index.ts";

export class ServerPlace {
  readonly #configured: Address;
  #known: string | undefined;
  #finding: Promise<void> | undefined;

  constructor(configured: Address) {
    this.#configured = configured;
  }

  /** False while nothing but the name is known. */
  get isKnown(): boolean {
    return this.#known !== undefined;
  }

  /** The address that was found last; while there is none, what is configured. */
  get address(): string {
    return this.#known ?? formatAddress(this.#configured);
  }

  /** A connection was opened, to this address. */
  met(remoteAddress: string): void {
    this.#known = remoteAddress;
  }

  /**
   * Looks the address up if it is not known. Never rejects: of a name that stands for nothing the next one who
   * dials it will hear.
   */
  async find(): Promise<void> {
    if (this.isKnown) return;
    this.#finding ??= this.#lookUp();
    await this.#finding;
    this.#finding = undefined;
  }

  async #lookUp(): Promise<void> {
    try {
      const [first] = await resolveAddress(this.#configured);
      if (first !== undefined) this.#known ??= formatAddress(first);
    } catch {
      // As the docblock of `find` says.
    }
  }
}
