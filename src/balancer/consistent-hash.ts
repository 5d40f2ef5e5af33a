/**
 * The `consistentHash` wrapper: a client goes to the block it had before.
 *
 * A table remembers each client's block; another strategy chooses for clients that are not in it.
 * While a client's block cannot be used, the other strategy chooses too, but the table keeps the
 * block, and the client goes back when it lives again. The table has an upper limit: the client not
 * seen for longest is forgotten. (The original hashes, remembers for ever, and uses dead blocks.)
 */
import type { BlockView, ClientView, Strategy } from "./strategy.ts";

export interface ConsistentHashOptions {
  /** A client is its host, else its host and port. */
  readonly useSourceIp: boolean;
  /** Clients remembered, at least 1. */
  readonly maxEntries: number;
}

export class ConsistentHash implements Strategy {
  readonly #inner: Strategy;
  readonly #options: ConsistentHashOptions;
  /** Block names by client, the one not seen for longest first. */
  readonly #blocks = new Map<string, string>();

  constructor(inner: Strategy, options: ConsistentHashOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  pick<B extends BlockView>(candidates: readonly B[], client: ClientView): B {
    const key = this.#options.useSourceIp ? hostOf(client.remoteAddress) : client.remoteAddress;
    const remembered = this.#blocks.get(key);
    const block =
      candidates.find(({ name }) => name === remembered) ?? this.#inner.pick(candidates, client);
    this.#remember(key, remembered ?? block.name);
    return block;
  }

  #remember(key: string, block: string): void {
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    if (this.#blocks.size <= this.#options.maxEntries) return;
    for (const oldest of this.#blocks.keys()) {
      this.#blocks.delete(oldest);
      return;
    }
  }
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, "");
}
