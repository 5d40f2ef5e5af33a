/** Puts a console together for each client that comes. */
import type { Caller } from "../access/index.ts";
import { CommandLayer } from "../commands/index.ts";
import type { ConsoleClient, ConsoleDoorOptions } from "../console-door.ts";
import { Asker } from "./asker.ts";
import { ConsoleConversation } from "./console-conversation.ts";
import { ConsoleSession } from "./console-session.ts";
import { TABLES } from "./tables/index.ts";

export function openConsole({ port, logger, tracer }: ConsoleDoorOptions) {
  const layer = new CommandLayer(port, logger, tracer);
  const tables = new Map(TABLES.map((table) => [table.name, table]));
  const { version } = port.about;
  return (caller: Caller, client: ConsoleClient): ConsoleConversation => {
    const asker = new Asker(layer, caller);
    const { applicationName } = client;
    const session = new ConsoleSession({ asker, tables, version, applicationName });
    return new ConsoleConversation(session, (messages) => client.send(messages), logger);
  };
}
