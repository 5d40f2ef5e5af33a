/** Users that a query tells of: `auth.query`. */
import { Hidden, UserDirectory } from "../auth/index.ts";
import type { UserTable } from "../auth/index.ts";
import { USER_QUERY_LIMIT_MS, UserQuery } from "../backend/index.ts";
import type { ServerConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import type { ConnectorLogin, ConnectToServer } from "./server-connector.ts";

export type UserQueryConfig = NonNullable<NonNullable<ServerConfig["auth"]>["query"]>;

export interface QueryUsersParts {
  readonly config: UserQueryConfig;
  /** To the server of the block that is asked. */
  readonly connect: ConnectToServer;
  readonly timers: TimerWheel;
}

/** The end of a statement that the server itself sees to, a little before the gateway gives up on it. */
const STATEMENT_TIMEOUT_MS = USER_QUERY_LIMIT_MS - 500;

/** Opens its connection when the first question is asked. */
export function queryUsers({ config, connect, timers }: QueryUsersParts): UserQuery {
  const { sql, user, password, database } = config;
  const login: ConnectorLogin = {
    user,
    database,
    credential:
      password === undefined ? undefined : { kind: "password", password: new Hidden(password) },
    parameters: [
      ["application_name", "gatewayd"],
      ["client_encoding", "UTF8"],
      // Names that are not qualified mean PostgreSQL's own, whoever may create things where.
      ["search_path", "pg_catalog"],
      // The form in which a time is read.
      ["DateStyle", "ISO"],
      ["TimeZone", "UTC"],
      ["statement_timeout", String(STATEMENT_TIMEOUT_MS)],
    ],
  };
  return new UserQuery({ sql, connect: (signal) => connect(login, signal), timers });
}

/**
 * The users of a group.
 * @param table of its users file as it is now
 * @param query undefined: there are no other users
 */
export function userDirectory(
  table: () => UserTable,
  query: UserQuery | undefined,
  timers: TimerWheel,
  logger: Logger,
): UserDirectory {
  const { clock } = timers;
  return new UserDirectory({
    table,
    ask: query && reportingFailures(query, logger),
    usualMs: () => query?.usualMs ?? 0,
    nowMs: () => clock.now(),
    // Short waits, which the wheel's ticks are too coarse for.
    wait: (ms) => new Promise((resolve) => void clock.setTimeout(resolve, ms)),
  });
}

/** The first of several failures is an error in the log; each client that it concerns is told of anyway. */
function reportingFailures(query: UserQuery, logger: Logger): typeof query.ask {
  let isFailing = false;
  return async (name, isStranger) => {
    try {
      const user = await query.ask(name, isStranger);
      if (isFailing) logger.info("Users can be looked up again");
      isFailing = false;
      return user;
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (!isFailing && error.code !== "ERR_SHUTTING_DOWN") {
        logger.error("Failed to look up a user", { code: error.code, error });
        isFailing = true;
      }
      throw error;
    }
  };
}
