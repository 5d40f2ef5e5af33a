/** What the sessions of a pooled group share. Built by gateway/, read by every session. */
import { randomBytes } from "node:crypto";
import type { PooledBackend, StatementCatalog } from "../../backend/index.ts";
import type { Strategy } from "../../balancer/index.ts";
import { GatewayError } from "../../errors.ts";
import { BlockChoice } from "../../pool/index.ts";
import type { LeaseTicket, Pair, PairLane, SharedPool } from "../../pool/index.ts";
import type { BackendKeyData } from "../../postgres/index.ts";
import type { Greetings } from "./greeting.ts";
import type { LoginGate } from "./login-gate.ts";

export type PooledMode = "session" | "transaction" | "statement";

/** One block of the group. */
export interface PooledBlock {
  readonly pool: SharedPool<PooledBackend>;
  /** A login to the server that all clients share; undefined: there is one for each user. */
  readonly login: Pick<Pair, "user" | "database"> | undefined;
  readonly mode: PooledMode;
  readonly resetQuery: string;
  readonly greetings: Greetings;
  readonly statements: StatementCatalog;
}

export class Pooling {
  readonly gate: LoginGate;
  readonly #blocks: ReadonlyMap<SharedPool<PooledBackend>, PooledBlock>;
  readonly #choice: BlockChoice<LeaseTicket<PooledBackend>, SharedPool<PooledBackend>>;
  #lastProcessId = 0;

  /** @param blocks in the order of the configuration file */
  constructor(gate: LoginGate, blocks: readonly PooledBlock[], strategy: Strategy) {
    this.gate = gate;
    this.#blocks = new Map(blocks.map((block) => [block.pool, block]));
    this.#choice = new BlockChoice([...this.#blocks.keys()], strategy);
  }

  /** A block for a client, for the life of its session; one that lives, if there is any. */
  choose(client: { readonly remoteAddress: string }): PooledBlock {
    const pool = this.#choice.pick(client);
    const block = this.#blocks.get(pool);
    if (block === undefined) throw new Error(`no block ${pool.name}`); // It was one of them.
    return block;
  }

  /** Opens the server connections that are to be ready before anybody comes: those whose login is known. */
  warm(): void {
    for (const { pool, login } of this.#blocks.values()) {
      if (login !== undefined) pool.warm(pairOf(login.user, login.database));
    }
  }

  /**
   * Where the block keeps the backends for a client.
   * @throws GatewayError ERR_DATABASE_UNKNOWN when the block is logged in to another database
   */
  laneOf({ pool, login }: PooledBlock, user: string, database: string): PairLane<PooledBackend> {
    if (login === undefined) return pool.lane(pairOf(user, database));
    if (login.database === database) return pool.lane(pairOf(login.user, database));
    const wanted = `user ${JSON.stringify(user)}, database ${JSON.stringify(database)}`;
    const what = `${wanted}: ${pool.name} has ${JSON.stringify(login.database)} alone`;
    throw new GatewayError("ERR_DATABASE_UNKNOWN", what);
  }

  /** What a client of this gateway cancels by: a number of ours, and a secret. */
  newCancelKey(): BackendKeyData {
    this.#lastProcessId = (this.#lastProcessId + 1) & 0x7fff_ffff;
    return { processId: this.#lastProcessId, secretKey: randomBytes(4) };
  }
}

function pairOf(user: string, database: string): Pair {
  return { user, database, key: "" };
}
