/**
 * The console: PgBouncer's commands and tables over the commands of the admin API. Pure but for the waiting of
 * PAUSE: messages of the protocol come in, messages go out.
 * May import: commands, access, what is generated from proto/, postgres.
 */
export type { ConsoleConversation } from "./console-conversation.ts";
export { openConsole } from "./open-console.ts";
