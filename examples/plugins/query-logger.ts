// Logs every SQL text: who sent it, from where, and the text, without the values in it unless they are wanted. A
// statement that is prepared once and executed often is logged once, when its text comes.
//
//   config: { values: false }
import { definePlugin, normalize } from "gatewayd/sdk";

export default definePlugin({
  name: "query-logger",
  version: "1.0.0",
  description: "Logs every SQL text.",
  setup({ config, logger, metrics }) {
    const withValues = config["values"] === true;
    const statements = metrics.counter({
      name: "query_logger_statements_total",
      help: "Statements that were logged.",
      labels: ["database"],
    });
    return {
      onTrafficFromClient(event) {
        for (const sql of event.queries) {
          const { user, database = "unknown" } = event.session;
          // What PostgreSQL could not read either has no values to tell apart.
          const text = withValues ? sql : (normalize(sql) ?? "(not understood)");
          logger.info("Statement", { user, database, client: event.client.remote, sql: text });
          statements.inc({ database });
        }
      },
    };
  },
});
