/** What every way of choosing a block has in common. */
import { GatewayError } from "../errors.ts";

/** What a strategy sees of a block. */
export interface BlockView {
  readonly name: string;
  /** Backends in use plus clients that wait for one. */
  readonly leasedCount: number;
}

/** What a strategy sees of a client. */
export interface ClientView {
  /** `host:port`, `[ipv6]:port`, or a path. */
  readonly remoteAddress: string;
}

/** Chooses a block for each client of one group. */
export interface Strategy {
  /**
   * One of the candidates.
   *
   * @param candidates the blocks that may be used now, in the order of the configuration file; may
   *   differ from call to call
   * @throws {GatewayError} ERR_INTERNAL when there is no candidate
   */
  pick<B extends BlockView>(candidates: readonly B[], client: ClientView): B;
}

/** The first candidate; throws when there is none. */
export function firstOf<B extends BlockView>(candidates: readonly B[]): B {
  const [first] = candidates;
  if (first === undefined) throw new GatewayError("ERR_INTERNAL", "no block to choose from");
  return first;
}
