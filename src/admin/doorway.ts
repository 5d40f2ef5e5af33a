/** One way in to the commands: the door that is open, and the next one in its place. */
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../errors.ts";
import { reasonOf } from "../libc/index.ts";
import type { DoorTls } from "./door-tls.ts";

/** Listens once, at one place. */
export interface Door<Place> {
  /** Answers where it listens. @throws the system's error when it cannot */
  open(place: Place, reusePort: boolean): string | Promise<string>;
  /** Its place is free at once; calls under way may end. */
  close(): Promise<void>;
}

/** Where a door is to be open, and how. */
export interface DoorTerms<Place> {
  readonly place: Place;
  /** Another process may listen there as well: one that this one takes over from. */
  readonly reusePort: boolean;
  readonly tls: DoorTls | undefined;
}

/** Exactly one of the two is called, once. */
export interface PreparedDoor {
  apply(): void | Promise<void>;
  discard(): Promise<void>;
}

export interface DoorwayOptions<Place> {
  readonly newDoor: (tls: DoorTls | undefined) => Door<Place>;
  /** As people write it. */
  readonly addressOf: (place: Place) => string;
  /** A door is open. */
  readonly onOpen: (address: string) => void;
}

interface OpenDoor<Place> {
  readonly door: Door<Place>;
  /** Where it listens. */
  readonly address: string;
}

const NOTHING: PreparedDoor = { apply: () => {}, discard: () => Promise.resolve() };

export class Doorway<Place> {
  readonly #options: DoorwayOptions<Place>;
  #current: { readonly door: Door<Place>; readonly terms: DoorTerms<Place> } | undefined;
  /** Of doors that another one has taken the place of. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: DoorwayOptions<Place>) {
    this.#options = options;
  }

  /** @throws GatewayError ERR_LISTEN_FAILED when it cannot listen there */
  async open(terms: DoorTerms<Place>): Promise<void> {
    const { door, address } = await this.#opened(terms);
    this.#current = { door, terms };
    this.#options.onOpen(address);
  }

  /**
   * At another place the next door is open before the one that there is is closed. At the same one there is none for
   * less than a moment, as two cannot listen there.
   * @throws GatewayError ERR_LISTEN_FAILED when it cannot listen at another place; then the door that there is stays
   */
  async prepare(terms: DoorTerms<Place>): Promise<PreparedDoor> {
    const before = this.#current?.terms;
    if (isDeepStrictEqual(before, terms)) return NOTHING;
    if (isDeepStrictEqual(before?.place, terms.place)) {
      return {
        ...NOTHING,
        apply: async () => {
          this.#leave();
          await this.open(terms);
        },
      };
    }
    const { door, address } = await this.#opened(terms);
    return {
      apply: () => {
        this.#leave();
        this.#current = { door, terms };
        this.#options.onOpen(address);
      },
      discard: () => door.close(),
    };
  }

  async close(): Promise<void> {
    this.#leave();
    await Promise.all(this.#leaving);
  }

  async #opened({ place, reusePort, tls }: DoorTerms<Place>): Promise<OpenDoor<Place>> {
    const { newDoor, addressOf } = this.#options;
    try {
      const door = newDoor(tls);
      return { door, address: await door.open(place, reusePort) };
    } catch (thrown) {
      const message = `the admin API cannot listen on ${addressOf(place)}: ${reasonOf(thrown)}`;
      throw new GatewayError("ERR_LISTEN_FAILED", message, { cause: thrown });
    }
  }

  /** Whoever has asked for it may be waiting for his answer at this very door. */
  #leave(): void {
    const door = this.#current?.door;
    this.#current = undefined;
    if (door === undefined) return;
    const leaving = door.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}
