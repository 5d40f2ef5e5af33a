import type { PooledBackend, ServerPlace, StatementCatalog } from "../../backend/index.ts";
import type { Connection } from "../../net/index.ts";
import type { PairLane } from "../../pool/index.ts";
import type { Settings } from "../../postgres/index.ts";
import type { Multiplexing } from "../multiplexing/index.ts";
import type { RelayEnd } from "../relay.ts";
import type { SessionContext } from "../session-context.ts";
import type { SessionFacts } from "../session-facts.ts";
import type { HookedClient } from "./hooked-client.ts";
import type { Pins } from "./pins.ts";
import type { PooledMode } from "./pooling.ts";

/** What a {@link PooledRelay} serves, and with what. */
export interface PooledRelayOptions {
  /** Plain, or behind hooks. */
  readonly client: Connection;
  /** The same if it is behind hooks. */
  readonly hooked: HookedClient | undefined;
  readonly context: SessionContext;
  readonly facts: SessionFacts;
  readonly lane: PairLane<PooledBackend>;
  /** Its name, for the log. */
  readonly block: string;
  readonly place: ServerPlace;
  readonly mode: PooledMode;
  readonly resetQuery: string;
  /** The prepared statements of the block. */
  readonly statements: StatementCatalog;
  /** What ties the session to one server: nothing yet. */
  readonly pins: Pins;
  /** Undefined where a backend serves one session at a time. */
  readonly multiplexing: Multiplexing | undefined;
  /** What the client has set at its login, as the server has it. */
  readonly settings: Settings;
  /** What the client was told of its session. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The cancel key that the client was given. */
  readonly cancelKey: Uint8Array;
  readonly onEnd: (end: RelayEnd) => void;
}
