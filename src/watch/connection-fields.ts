import type { WatchedSession } from "./session-watch.ts";

/** The id of the trace that a session is part of at the moment; undefined without one. */
export type TraceIdOf = (session: Pick<WatchedSession, "id">) => string | undefined;

/** What every record of a connection has in the log. */
export interface ConnectionFields {
  readonly connectionId: string;
  readonly traceId?: string;
}

/** @param traceIdOf undefined when nothing is traced */
export function connectionFields(
  session: Pick<WatchedSession, "id">,
  traceIdOf: TraceIdOf | undefined,
): ConnectionFields {
  const traceId = traceIdOf?.(session);
  return { connectionId: session.id, ...(traceId !== undefined && { traceId }) };
}
