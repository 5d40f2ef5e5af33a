/** Writes what sessions tell into the log of their group: slow queries, and at level `debug` how they come and go. */
import { connectionFields } from "../watch/index.ts";
import type {
  BlockListener,
  GroupListener,
  TraceIdOf,
  WatchedClient,
  WatchedSession,
  WatchedUnit,
} from "../watch/index.ts";
import type { Logger } from "./logger.ts";

/** Longer statements are not read for the log, and longer results not written to it. */
const MAX_TEXT_LENGTH = 32 * 1024;
const MAX_STATEMENT_LENGTH = 4 * 1024;

export interface SlowQuerySettings {
  /** Units that take as long or longer are logged. */
  readonly thresholdMs: number;
  /** Share of them that is, 0 to 1. */
  readonly sampling: number;
  /** The text of a statement without its values; undefined where they cannot be told from the rest. */
  readonly normalize: (text: string) => string | undefined;
}

export interface LogWatchOptions {
  readonly logger: Logger;
  /** Undefined: none is logged. */
  readonly slowQueries: SlowQuerySettings | undefined;
  readonly traceIdOf?: TraceIdOf | undefined;
  /** From 0 up to 1; default chance. */
  readonly random?: () => number;
}

/** What all blocks of a group look at for each unit. */
type Watching = LogWatchOptions & { slowQueries: SlowQuerySettings | undefined };

export class LogWatch implements GroupListener {
  readonly #options: Watching;
  readonly #blocks = new Map<string, BlockLogWatch>();
  /** Of sessions that were told of: behind a load balancer they are known by another address when they go. */
  readonly #clients = new WeakMap<WatchedSession, WatchedClient>();

  constructor(options: LogWatchOptions) {
    this.#options = { ...options };
  }

  /** From the next unit on. */
  logSlowQueries(settings: SlowQuerySettings | undefined): void {
    this.#options.slowQueries = settings;
  }

  opened(session: WatchedSession, client: WatchedClient): void {
    const { logger } = this.#options;
    if (!logger.isEnabled("debug")) return;
    this.#clients.set(session, client);
    logger.debug("A client has connected", {
      client: client.remoteAddress,
      ...connectionFields(session, this.#options.traceIdOf),
    });
  }

  closed(session: WatchedSession, openMs: number): void {
    const { logger } = this.#options;
    if (!logger.isEnabled("debug")) return;
    const client = this.#clients.get(session)?.remoteAddress;
    logger.debug("A client has disconnected", {
      ...(client !== undefined && { client }),
      openMs: rounded(openMs),
      ...connectionFields(session, this.#options.traceIdOf),
    });
  }

  block(name: string): BlockLogWatch {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockLogWatch(this.#options, name);
    this.#blocks.set(name, block);
    return block;
  }
}

class BlockLogWatch implements BlockListener {
  readonly #options: Watching;
  readonly #name: string;

  constructor(options: Watching, name: string) {
    this.#options = options;
    this.#name = name;
  }

  /** Nobody knows yet which will be slow. */
  unitBegan(): boolean {
    return this.#options.slowQueries !== undefined;
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    const { logger, slowQueries } = this.#options;
    if (logger.isEnabled("debug")) this.#logTraffic(unit);
    if (slowQueries !== undefined && tookMs >= slowQueries.thresholdMs) {
      this.#logSlow(unit, tookMs, slowQueries);
    }
  }

  /** Under the original's names. */
  #logTraffic(unit: WatchedUnit): void {
    const { logger, traceIdOf } = this.#options;
    const { clientAddress, serverAddress, requestBytes, answerBytes } = unit;
    const own = {
      function: "proxy.passthrough",
      name: this.#name,
      ...connectionFields(unit.session, traceIdOf),
    };
    const client = { ...own, remote: clientAddress };
    const server = { ...own, remote: serverAddress };
    logger.debug("Received data from client", { ...client, length: requestBytes });
    if (serverAddress !== "") {
      logger.debug("Sent data to database", { ...server, length: requestBytes });
      logger.debug("Received data from database", { ...server, length: answerBytes });
    }
    logger.debug("Sent data to client", { ...client, length: answerBytes });
  }

  #logSlow(unit: WatchedUnit, tookMs: number, { sampling, normalize }: SlowQuerySettings): void {
    const { logger, traceIdOf, random = Math.random } = this.#options;
    if (!logger.isEnabled("warn") || random() >= sampling) return;
    const { session, text, commandTag, sqlState } = unit;
    const { user, database, applicationName } = session;
    logger.warn("Slow query", {
      name: this.#name,
      durationMs: rounded(tookMs),
      waitedMs: rounded(unit.waitedMs),
      user,
      database,
      ...(applicationName && { applicationName }),
      client: unit.clientAddress,
      ...(unit.serverAddress !== "" && { server: unit.serverAddress }),
      ...connectionFields(session, traceIdOf),
      ...outcome(commandTag),
      sqlState,
      ...(text !== undefined && statement(text, normalize)),
    });
  }
}

/** `INSERT 0 5` is a command and a number of rows, `BEGIN` a command. */
function outcome(tag: string | undefined): { readonly command?: string; readonly rows?: number } {
  if (tag === undefined) return {};
  const [, command = tag, rows] = /^(.*?)(?: \d+)??(?: (\d+))?$/.exec(tag) ?? [];
  return { command, ...(rows !== undefined && { rows: Number(rows) }) };
}

/** Values are left out; where that is not sure, the whole text is. */
function statement(
  text: string,
  normalize: SlowQuerySettings["normalize"],
): { readonly statement: string } | { readonly statementLength: number } {
  const normal = text.length > MAX_TEXT_LENGTH ? undefined : normalize(text);
  if (normal === undefined) return { statementLength: text.length };
  const isLong = normal.length > MAX_STATEMENT_LENGTH;
  return { statement: isLong ? `${normal.slice(0, MAX_STATEMENT_LENGTH)}...` : normal };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
