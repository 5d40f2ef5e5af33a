/** What a plugin is told of the client whose connection an event is of. */
import type { SessionView } from "../hooks/index.ts";

export type { SessionTransactionStatus } from "../hooks/index.ts";

/** The session that an event is of: one object for its life, whose values change. */
export type Session = SessionView;
