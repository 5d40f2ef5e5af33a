// Keeps the answers to simple queries in Redis, for a short time.
//
//   config: { url: "redis://localhost:6379", ttlSeconds: 10, tables: [countries, currencies] }
//
// Answers only what it can answer safely: a Query message with one SELECT of nothing but the tables of its list,
// without functions and locks, outside a transaction. An answer is given again to clients that have sent the same
// StartupMessage, but for their application_name. A client that has sent anything since then but statements that
// read and write rows (SET, SET ROLE, DO, CALL, CREATE TEMP TABLE ...) has to do without.
//
// What it does not do: it forgets nothing when a table changes, or rights do, so that an answer is up to `ttlSeconds`
// old, also to the client that has changed the table itself; it does not see what a view or a function behind the text
// depends on or changes (a `select set_tenant(7)` of yours, say: leave tables out whose rows depend on such a setting);
// a SELECT that a client sends in one piece with the BEGIN before it may come from the cache; and statements of the
// extended protocol go by. While Redis does not answer, each query that it could answer waits 50 ms.
import { connectionState, definePlugin, parseSql, tablesOf } from "gatewayd/sdk";
import type { ServerMessage, TrafficFromClientEvent, TrafficFromServerEvent } from "gatewayd/sdk";

/** How long a query waits for Redis. */
const PATIENCE_MS = 50;
/** Only these leave the settings of a session as they are. */
const HARMLESS = new Set([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
  "TransactionStmt",
  "VariableShowStmt",
]);
/** One statement of these needs no closer look, mostly. */
const PLAIN = /^\s*(?:(select)|insert|update|delete|begin|commit|rollback)\b/i;
/** What an answer may depend on besides its tables, or do to them. */
const MORE_THAN_ROWS = /"(?:FuncCall|SQLValueFunction|lockingClause|intoClause)":/;

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
  setup({ config, logger, metrics, redis, after }) {
    const client = redis(config.url);
    const requests = metrics.counter({
      name: "redis_cache_requests_total",
      help: "Queries that could be answered from the cache.",
      labels: ["result"],
    });
    const tables = new Set(config.tables);
    /** What the client has asked for when it logged in, as long as that is all; undefined: nobody knows. */
    const settings = connectionState((): { asked: string | undefined } => ({ asked: undefined }));

    const follow = (event: TrafficFromClientEvent): void => {
      const state = settings.of(event);
      if (event.queries.some(mayChangeSession)) {
        state.asked = undefined;
      } else if (event.request[0] === 0) {
        const [message] = event.messages;
        if (message?.type !== "StartupMessage") return;
        const { parameters } = message.fields;
        state.asked = JSON.stringify(
          [...parameters].filter(([name]) => name !== "application_name"),
        );
      }
    };
    const isCacheable = (sql: string): boolean => {
      // Cheap questions first.
      if (!/^\s*select\b/i.test(sql)) return false;
      const used = tablesOf(sql);
      if (used === undefined || used.length === 0) return false;
      if (!used.every((table) => tables.has(table))) return false;
      const tree = parseSql(sql);
      return tree?.stmts.length === 1 && !MORE_THAN_ROWS.test(JSON.stringify(tree));
    };
    /** Where the answer is kept; undefined: it must not be. Rows may depend on who asks, and how. */
    const keyOf = (event: TrafficFromClientEvent | TrafficFromServerEvent): string | undefined => {
      const { query } = event;
      const { asked } = settings.of(event);
      if (query === undefined || asked === undefined || !isQuery(event.request)) return undefined;
      return isCacheable(query) ? `gatewayd:cache:${JSON.stringify([asked, query])}` : undefined;
    };
    const failed = (error: unknown): void => {
      requests.inc({ result: "error" });
      logger.warn("Redis did not answer", { error });
    };
    const answer = async (event: TrafficFromClientEvent, key: string): Promise<void> => {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const cancel = after(PATIENCE_MS, () => reject(new Error("no answer in time")));
      try {
        const found = await Promise.race([client.getBuffer(key), late]);
        requests.inc({ result: found === null ? "miss" : "hit" });
        if (found !== null) event.respond(found);
      } catch (error) {
        failed(error);
      } finally {
        cancel();
      }
    };

    return {
      onTrafficFromClient(event) {
        follow(event);
        if (event.session.transactionStatus !== "idle") return;
        const key = keyOf(event);
        // Only what may be answered has to wait for Redis.
        return key === undefined ? undefined : answer(event, key);
      },
      onTrafficFromServer(event) {
        if (event.isPartial) return;
        const key = keyOf(event);
        if (key === undefined || !isWholeResult(event.messages)) return;
        client.set(key, Buffer.from(event.response), "EX", config.ttlSeconds).catch(failed);
      },
    };
  },
});

/** It may leave settings or temporary tables behind. */
function mayChangeSession(sql: string): boolean {
  if (/set_config/i.test(sql)) return true;
  const plain = PLAIN.exec(sql);
  const hasMore = /;(?!\s*$)/.test(sql) || (plain?.[1] !== undefined && /\binto\b/i.test(sql));
  if (plain !== null && !hasMore) return false;
  const tree = parseSql(sql);
  if (tree === undefined || JSON.stringify(tree).includes('"intoClause":')) return true;
  return !tree.stmts.every(({ stmt }) => HARMLESS.has(Object.keys(stmt)[0] ?? ""));
}

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
