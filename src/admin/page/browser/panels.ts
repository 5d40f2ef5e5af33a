/** All that the page shows of one answer. */
import type {
  GetStatusResponse,
  ListPluginsResponse,
  ListPoolsResponse,
  ListSessionsResponse,
} from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import type { ListWaitersResponse } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import type { ListHooksResponse } from "../../gen/gatewayd/admin/v1/hooks_pb.ts";
import type {
  GetHistoryResponse,
  ListStatementsResponse,
} from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import { ChartsPanel } from "./charts-panel.ts";
import { part, setText } from "./element.ts";
import { count } from "./format.ts";
import { History } from "./history.ts";
import { HookRates } from "./hook-rates.ts";
import type { JsonOf } from "./json-of.ts";
import { matches } from "./order.ts";
import { Overview } from "./overview.ts";
import { PoolsPanel } from "./pools-panel.ts";
import {
  activityOf,
  hooksTable,
  pluginsTable,
  sessionsTable,
  statementsTable,
  waitersTable,
} from "./tables.ts";
import type { SessionJson } from "./tables.ts";

export interface Answers {
  readonly pools: JsonOf<ListPoolsResponse>;
  readonly sessions: JsonOf<ListSessionsResponse>;
  readonly waiters: JsonOf<ListWaitersResponse>;
  readonly statements: JsonOf<ListStatementsResponse>;
  readonly plugins: JsonOf<ListPluginsResponse>;
  readonly hooks: JsonOf<ListHooksResponse>;
  readonly history: JsonOf<GetHistoryResponse>;
}

export class Panels {
  readonly #overview = new Overview();
  readonly #history = new History();
  readonly #charts = new ChartsPanel(this.#history);
  readonly #pools = new PoolsPanel(part("pools", HTMLElement));
  readonly #waiters = waitersTable();
  readonly #statements = statementsTable();
  readonly #sessions = sessionsTable();
  readonly #plugins = pluginsTable();
  readonly #hooks = hooksTable();
  readonly #hookRates = new HookRates();
  readonly #order = part("statement-order", HTMLSelectElement);
  readonly #filter = part("session-filter", HTMLInputElement);
  #known: JsonOf<ListSessionsResponse> = { sessions: [], total: 0 };
  /** Of the gateway that has answered last; empty before. */
  #startedAt = "";
  #version = "";

  /** @param refresh called when the reader wants something else to be asked for */
  constructor(refresh: () => void) {
    const tables = {
      "waiters-table": this.#waiters,
      "statements-table": this.#statements,
      "sessions-table": this.#sessions,
      "plugins-table": this.#plugins,
      "hooks-table": this.#hooks,
    };
    for (const [id, table] of Object.entries(tables)) part(id, HTMLElement).append(table.element);
    this.#order.addEventListener("change", refresh);
    this.#filter.addEventListener("input", () => this.#showSessions());
  }

  /** What statements are chosen by: a name of StatementOrder. */
  get order(): string {
    return this.#order.value;
  }

  /** Up to when the history is known. */
  get sinceMs(): number {
    return this.#history.latestMs;
  }

  showStatus(status: JsonOf<GetStatusResponse>): void {
    // A page of another version may not understand what this one answers.
    if (this.#version !== "" && this.#version !== status.versionInfo) location.reload();
    const startedAt = status.startedAt ?? "";
    if (this.#startedAt !== startedAt) {
      this.#history.clear();
      this.#hookRates.clear();
    }
    this.#version = status.versionInfo;
    this.#startedAt = startedAt;
    this.#overview.showStatus(status);
  }

  show(answers: Answers): void {
    const { pools, waiters, plugins, hooks, history } = answers;
    this.#history.add(history);
    const last = this.#history.latestMs;
    this.#overview.showPools(pools.pools);
    const waited = waiters.waiters.map(({ waitedMs }) => waitedMs);
    this.#overview.showWaiting(waiters.total, Math.max(0, ...waited));
    this.#overview.showMoment(
      this.#history.moments(undefined, last)[0],
      this.#history.blocks.length,
    );
    this.#charts.show();
    this.#pools.show(pools.pools, (block) => this.#history.moments(block, last)[0]);
    showCount("pools-count", pools.pools.length, pools.pools.length);
    this.#waiters.show(waiters.waiters, "No client waits for a server connection.");
    showCount("waiters-count", waiters.waiters.length, waiters.total);
    this.#showStatements(answers.statements);
    this.#known = answers.sessions;
    this.#showSessions();
    this.#plugins.show(plugins.plugins, "No plugin is configured.");
    showCount("plugins-count", plugins.plugins.length, plugins.plugins.length);
    const rows = this.#hookRates.rows(hooks.hooks, performance.now());
    this.#hooks.show(
      rows,
      hooks.isCounted
        ? "No hook of a plugin has been called."
        : "Hooks are not counted: metrics are off.",
    );
  }

  #showStatements({ statements, total, unlisted }: JsonOf<ListStatementsResponse>): void {
    const isCounted = unlisted.length > 0 || total > 0;
    const why = isCounted
      ? "Nothing has been asked yet."
      : "Statements are not counted (metrics.<group>.statements is 0), or nothing has been asked yet.";
    this.#statements.show(statements, why);
    showCount("statements-count", statements.length, total);
  }

  #showSessions(): void {
    const { sessions, total } = this.#known;
    const words = this.#filter.value;
    const shown = sessions.filter((session) => matches(textsOf(session), words));
    const among = sessions.length < total ? ` among the first ${count(sessions.length)}` : "";
    this.#sessions.show(
      shown,
      total === 0 ? "No client is connected." : `No session matches the filter${among}.`,
    );
    showCount("sessions-count", shown.length, total);
  }
}

/** All of the columns. */
function textsOf(session: SessionJson): readonly string[] {
  const { id, user, database, applicationName, clientAddress, group, block } = session;
  return [id, user, database, applicationName, clientAddress, group, block, activityOf(session)];
}

function showCount(id: string, shown: number, total: number): void {
  const text = shown === total ? count(total) : `${count(shown)} of ${count(total)}`;
  setText(part(id, HTMLElement), text);
}
