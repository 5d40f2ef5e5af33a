import type { PooledBackend } from "../../backend/index.ts";
import type { Connection } from "../../net/index.ts";
import type { PairLane } from "../../pool/index.ts";
import type { Settings } from "../../postgres/index.ts";
import type { RelayEnd } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import type { HookedClient } from "./hooked-client.ts";
import type { ServingBlock } from "./pooling.ts";
import type { KeptStatements } from "./session-statements.ts";

/** What a session has while nothing is under way: another relay can go on with it. */
export interface SessionAtRest {
  /** Plain, or behind hooks. */
  readonly client: Connection;
  /** The same if it is behind hooks. */
  readonly hooked: HookedClient | undefined;
  /** Where it asks for backends. */
  readonly lane: PairLane<PooledBackend>;
  /** What the client has set. */
  readonly settings: Settings;
  /** What the client was told of its session. */
  readonly told: ReadonlyMap<string, string>;
  /** Its application_name, where `told` has another one's. */
  readonly ownName: string | undefined;
  /** Undefined when it has prepared nothing. */
  readonly statements: KeptStatements | undefined;
  /** When its idle time is up; undefined when that is not limited. */
  readonly idleUntilMs: number | undefined;
}

/** What a {@link PooledRelay} serves, and with what. */
export interface PooledRelayOptions extends SessionAtRest {
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly block: ServingBlock;
  /** What the client has asked for at its login, as the server has it: there a RESET goes back to. */
  readonly asked: Settings;
  /** The group has other settings by now, which a session takes when it is at rest. */
  readonly isOutdated: boolean;
  /**
   * Takes them, if nothing is under way: then this relay is not needed any more.
   * @param bytes came from the client, and go to whoever serves it next
   */
  renew(bytes: Uint8Array): boolean;
  /** It becomes pinned. */
  pinned(reason: string): void;
  /** The session is about to end: it is not to be found any more. Called once, before `ended`. */
  leave(): void;
  ended(end: RelayEnd): void;
}
