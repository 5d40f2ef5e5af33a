/** What the sessions of one block share to serve several of them on one backend at once. */
import type { PooledBackend } from "../../backend/index.ts";
import type { TimerWheel } from "../../net/index.ts";
import type { PairLane } from "../../pool/index.ts";
import type { Settings } from "../../postgres/index.ts";
import { ConvoyLine } from "./convoy-line.ts";
import type { UnitFacts } from "./unit-facts.ts";

/** The statements of one pair of user and database under the same settings. */
export interface StatementScope {
  /**
   * @param from where the text begins in `bytes`
   * @param to where it ends, without its zero byte
   * @returns undefined for one that may not be shared, as far as is known now
   */
  find(bytes: Uint8Array, from: number, to: number): UnitFacts | undefined;
  /** The same for a Parse, from behind its name to its end: the types of its parameters count too. */
  findParse(bytes: Uint8Array, from: number, to: number): UnitFacts | undefined;
  /** A session has changed definitions of the database, and they are in force. */
  definitionsChanged(): void;
}

/** On what terms units share backends. */
export interface MultiplexingTerms {
  /** Units under way on one backend at most; 1: none is shared. */
  readonly depth: number;
  /** Units of a lost backend that nothing has come of yet are sent again. */
  readonly retriesReadOnly: boolean;
}

/** Which statements may be shared. */
export interface StatementScopes {
  /** The statements of sessions of the lane that have set this. */
  readonly scopeOf: (lane: PairLane<PooledBackend>, settings: Settings) => StatementScope;
  /** Lets go of what `scopeOf` goes by. */
  readonly close: () => void;
}

export interface MultiplexingOptions extends MultiplexingTerms, StatementScopes {
  readonly timers: TimerWheel;
  /** Tells the server to cancel. Resolves when that is done. Never rejects. */
  readonly cancel: (backend: PooledBackend) => Promise<void>;
}

export class Multiplexing {
  readonly #options: MultiplexingOptions;
  readonly #lines = new WeakMap<PairLane<PooledBackend>, ConvoyLine>();

  constructor(options: MultiplexingOptions) {
    this.#options = { ...options };
  }

  /** Other terms, from now on: also for what is under way. */
  reconfigure({ depth, retriesReadOnly }: MultiplexingTerms): void {
    Object.assign(this.#options, { depth, retriesReadOnly });
  }

  /** Others may be shared, by sessions that begin to send statements. */
  replaceScopes({ scopeOf, close }: StatementScopes): void {
    this.#options.close();
    Object.assign(this.#options, { scopeOf, close });
  }

  lineOf(lane: PairLane<PooledBackend>): ConvoyLine {
    const known = this.#lines.get(lane);
    if (known !== undefined) return known;
    const line = new ConvoyLine(lane, this.#options);
    this.#lines.set(lane, line);
    return line;
  }

  /** No more units come. */
  close(): void {
    this.#options.close();
  }

  scope(lane: PairLane<PooledBackend>, settings: Settings): StatementScope {
    return this.#options.scopeOf(lane, settings);
  }
}
