import type { LogFields, RecordLevel } from "../logging/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { SocketEnds } from "./connection-events.ts";
import type { SessionContext } from "./session-context.ts";
import type { SessionFacts } from "./session-facts.ts";

/** Logs what has become of a client, with what tells it from others. */
export function logClient(
  { logger, traceIdOf }: Pick<SessionContext, "logger" | "traceIdOf">,
  facts: SessionFacts,
  client: SocketEnds,
  level: RecordLevel,
  message: string,
  fields: LogFields,
): void {
  if (!logger.isEnabled(level)) return;
  const own = connectionFields(facts, traceIdOf);
  logger.log(level, message, { ...fields, client: client.remoteAddress, ...own });
}
