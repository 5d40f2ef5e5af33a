/**
 * How much a case lets others come between its units.
 *
 *   turns    two server connections for all: before each unit they change hands, so that no unit meets the
 *            connection of the one before
 *   beside   four server connections: others use them in between, while sessions of the case keep theirs
 */
export type Sharing = "turns" | "beside";

/** One way through the gateway. */
export interface Mode {
  readonly name: string;
  /** Keys of its pool; the number of server connections where clients share them is chosen by {@link Sharing}. */
  readonly pool: Readonly<Record<string, unknown>>;
  /** When others use the server connections of a case: never, before it, or between its units. */
  readonly others: "never" | "before" | "between";
}

/** Every way that is compared with PostgreSQL itself. */
export const MODES: readonly Mode[] = [
  { name: "passthrough", pool: { mode: "passthrough", size: 8 }, others: "never" },
  { name: "session", pool: { mode: "session", size: 4 }, others: "before" },
  { name: "transaction", pool: { mode: "transaction" }, others: "between" },
  { name: "statement", pool: { mode: "statement" }, others: "between" },
];

/** Server connections of a pool that clients share. */
export const SIZES: Readonly<Record<Sharing, number>> = { turns: 2, beside: 4 };
