// Keeps the answers to simple queries in Redis, for a short time.
//
//   config: { url: "redis://localhost:6379", ttlSeconds: 10, tables: [countries, currencies] }
//
// Answers only what it can answer safely: a Query message with one SELECT of nothing but the tables of its list,
// outside a transaction. What it does not do: it forgets nothing when a table changes, so that an answer is up to
// `ttlSeconds` old; it does not look at settings of the session such as TimeZone, DateStyle or search_path, so
// its clients must have the same; functions such as now() or random() are answered from the cache as well; and
// statements of the extended protocol go by.
import { definePlugin, parseSql, tablesOf } from "gatewayd/sdk";
import type { ServerMessage, Session, TrafficFromClientEvent } from "gatewayd/sdk";

interface Config {
  readonly url: string;
  readonly ttlSeconds: number;
  readonly tables: readonly string[];
}

export default definePlugin({
  name: "redis-cache",
  version: "1.0.0",
  description: "Keeps the answers to simple queries in Redis.",
  configSchema: {
    parse: (value): Config => {
      const { url = "redis://localhost:6379", ttlSeconds = 10, tables } = value as Partial<Config>;
      if (typeof url !== "string") throw new TypeError("url must be the address of Redis");
      if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1) {
        throw new TypeError("ttlSeconds must be a whole number from 1 on");
      }
      if (!Array.isArray(tables)) throw new TypeError("tables must be a list of names");
      return { url, ttlSeconds, tables };
    },
  },
  setup({ config, logger, metrics, redis }) {
    const client = redis(config.url);
    const requests = metrics.counter({
      name: "redis_cache_requests_total",
      help: "Queries that could be answered from the cache.",
      labels: ["result"],
    });
    const tables = new Set(config.tables);

    /** The only statement, if it is one that may be answered from the cache. */
    const cacheable = (sql: string): boolean => {
      const statements = parseSql(sql)?.stmts ?? [];
      if (statements.length !== 1 || !/^\s*select\b/i.test(sql)) return false;
      const used = tablesOf(sql);
      return used !== undefined && used.length > 0 && used.every((table) => tables.has(table));
    };
    /** Rows may depend on who asks. */
    const keyOf = ({ user, database }: Session, sql: string): string =>
      `gatewayd:cache:${JSON.stringify([database, user, sql])}`;
    const failed = (error: unknown): void => {
      requests.inc({ result: "error" });
      logger.warn("Redis did not answer", { error });
    };
    const answer = async (event: TrafficFromClientEvent, sql: string): Promise<void> => {
      try {
        const found = await client.getBuffer(keyOf(event.session, sql));
        requests.inc({ result: found === null ? "miss" : "hit" });
        if (found !== null) event.respond(found);
      } catch (error) {
        failed(error);
      }
    };

    return {
      onTrafficFromClient(event) {
        const { query, session } = event;
        // Only what may be answered has to wait for Redis.
        if (query === undefined || !isQuery(event.request)) return;
        if (session.transactionStatus !== "idle" || !cacheable(query)) return;
        return answer(event, query);
      },
      onTrafficFromServer(event) {
        const { query } = event;
        if (event.isPartial || query === undefined || !isQuery(event.request)) return;
        if (!cacheable(query) || !isWholeResult(event.messages)) return;
        client
          .set(keyOf(event.session, query), Buffer.from(event.response), "EX", config.ttlSeconds)
          .catch(failed);
      },
    };
  },
});

function isQuery(request: Uint8Array): boolean {
  return request[0] === "Q".charCodeAt(0);
}

/** One result, without an error or a notice, after which there is no transaction. */
function isWholeResult(messages: readonly ServerMessage[]): boolean {
  const last = messages.at(-1);
  return (
    messages[0]?.type === "RowDescription" &&
    messages.slice(1, -2).every(({ type }) => type === "DataRow") &&
    messages.at(-2)?.type === "CommandComplete" &&
    last?.type === "ReadyForQuery" &&
    last.fields.transactionStatus === "idle"
  );
}
