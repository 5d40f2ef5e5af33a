/** The tables of the page: what stands in their columns. */
import type { Plugin, Session } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import type { Waiter } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import type { Statement } from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import { DataTable } from "./data-table.ts";
import type { Column } from "./data-table.ts";
import { element, setAttributes, setText } from "./element.ts";
import { count, duration, NONE, rate, span, word } from "./format.ts";
import type { HookRow } from "./hook-rates.ts";
import { nameOf } from "./history.ts";
import type { BlockName } from "./history.ts";
import type { JsonOf } from "./json-of.ts";

export type SessionJson = JsonOf<Session>;
export type StatementJson = JsonOf<Statement>;
type WaiterJson = JsonOf<Waiter>;
type PluginJson = JsonOf<Plugin>;

const S_PER_MS = 1 / 1_000;

/** A duration of the API, which counts in milliseconds. */
const milliseconds = (ms: number): string => duration(ms * S_PER_MS);
/** Likewise, where less than a second does not matter. */
const age = (ms: number): string => span(ms * S_PER_MS);

function blockColumn<Row extends BlockName>(): Column<Row> {
  const valueOf = (row: Row): string => (row.block === "" ? row.group : nameOf(row));
  return { title: "Block", kind: "minor", valueOf };
}

function numberColumn<Row>(
  title: string,
  valueOf: (row: Row) => number,
  textOf: (value: number) => string,
  hint?: string,
): Column<Row> {
  return {
    title,
    kind: "number",
    valueOf,
    textOf: (row) => textOf(valueOf(row)),
    ...(hint !== undefined && { hint }),
  };
}

/** What a client is at. */
export function activityOf({ activity }: SessionJson): string {
  return word(activity, "SESSION_ACTIVITY_");
}

function transactionOf({ transactionStatus }: SessionJson): string {
  const status = word(transactionStatus, "TRANSACTION_STATUS_");
  return status === "idle" ? "" : status;
}

const ACTIVITY_PILLS: Readonly<Record<string, string>> = { active: "good", waiting: "warn" };
const TRANSACTION_PILLS: Readonly<Record<string, string>> = {
  "in transaction": "warn",
  failed: "bad",
};
const PLUGIN_PILLS: Readonly<Record<string, string>> = {
  running: "good",
  failed: "bad",
  resting: "warn",
  starting: "warn",
};

/** A word, in a colour where it is out of the ordinary. */
function fillPill(cell: HTMLElement, text: string, kinds: Readonly<Record<string, string>>): void {
  const pill = cell.firstElementChild ?? element("span");
  if (pill.parentElement === null) cell.append(pill);
  setText(pill, text);
  const kind = kinds[text];
  setAttributes(pill, { class: kind === undefined ? "quiet" : `pill ${kind}` });
}

export function sessionsTable(): DataTable<SessionJson> {
  return new DataTable<SessionJson>({
    caption: "Sessions",
    keyOf: ({ id }) => id,
    columns: [
      { title: "Session", valueOf: ({ id }) => id },
      { title: "User", valueOf: ({ user }) => user },
      { title: "Database", valueOf: ({ database }) => database },
      { title: "Application", valueOf: ({ applicationName }) => applicationName },
      {
        title: "Activity",
        valueOf: activityOf,
        fill: (cell, row) => fillPill(cell, activityOf(row), ACTIVITY_PILLS),
      },
      {
        title: "Transaction",
        valueOf: transactionOf,
        fill: (cell, row) => fillPill(cell, transactionOf(row), TRANSACTION_PILLS),
      },
      { title: "Client", valueOf: ({ clientAddress }) => clientAddress },
      numberColumn("Age", ({ ageMs }) => ageMs, age, "How long ago it has connected"),
      blockColumn(),
      {
        title: "TLS",
        kind: "minor",
        valueOf: ({ isEncrypted }) => (isEncrypted ? "yes" : "no"),
      },
    ],
  });
}

export function waitersTable(): DataTable<WaiterJson> {
  return new DataTable<WaiterJson>({
    caption: "Waiting clients",
    keyOf: ({ sessionId }) => sessionId,
    sortBy: { title: "Waited", direction: "descending" },
    columns: [
      { title: "Session", valueOf: ({ sessionId }) => sessionId },
      numberColumn("Waited", ({ waitedMs }) => waitedMs, milliseconds),
      numberColumn("Place", ({ place }) => place, count, "Among those of one user and database"),
      { title: "User", valueOf: ({ user }) => user },
      { title: "Database", valueOf: ({ database }) => database },
      { title: "Client", valueOf: ({ clientAddress }) => clientAddress },
      blockColumn(),
    ],
  });
}

export function statementsTable(): DataTable<StatementJson> {
  return new DataTable<StatementJson>({
    caption: "Statements",
    keyOf: (row) =>
      [row.group, row.block, row.user, row.database, row.fingerprint, row.statement].join("\n"),
    columns: [
      {
        title: "Statement",
        kind: "wide",
        valueOf: ({ statement }) => statement,
        fill: fillStatement,
      },
      numberColumn("Calls", ({ calls }) => calls, count),
      numberColumn("Total", ({ totalMs }) => totalMs, milliseconds),
      numberColumn("Mean", ({ meanMs }) => meanMs, milliseconds),
      numberColumn("Max", ({ maxMs }) => maxMs, milliseconds),
      numberColumn(
        "Waited",
        ({ waitedMs }) => waitedMs,
        milliseconds,
        "How much of the total was spent waiting for a server connection",
      ),
      numberColumn("Rows", ({ rows }) => rows, count),
      numberColumn("Errors", ({ errors }) => errors, count),
      { title: "User", kind: "minor", valueOf: ({ user }) => user },
      { title: "Database", kind: "minor", valueOf: ({ database }) => database },
      blockColumn(),
    ],
  });
}

/** One line of it, and all when it is pressed. */
function fillStatement(cell: HTMLElement, { statement, textLength }: StatementJson): void {
  let button = cell.firstElementChild;
  if (button === null) {
    const made = element("button", {
      type: "button",
      class: "statement",
      "aria-expanded": "false",
    });
    made.addEventListener("click", () => {
      const isOpen = made.getAttribute("aria-expanded") === "true";
      made.setAttribute("aria-expanded", String(!isOpen));
    });
    cell.append(made);
    button = made;
  }
  setText(button, statement === "" ? `a text of ${count(textLength)} characters` : statement);
}

export function pluginsTable(): DataTable<PluginJson> {
  return new DataTable<PluginJson>({
    caption: "Plugins",
    keyOf: ({ name }) => name,
    columns: [
      { title: "Plugin", valueOf: ({ name }) => name },
      {
        title: "State",
        valueOf: ({ state }) => state,
        fill: (cell, { state }) => fillPill(cell, state, PLUGIN_PILLS),
      },
      { title: "Version", valueOf: ({ version }) => version },
      numberColumn("Priority", ({ priority }) => priority, count, "Lower ones are called first"),
      numberColumn("Restarts", ({ restarts }) => restarts, count),
      { title: "On error", kind: "minor", valueOf: ({ onError }) => onError },
      { title: "Hooks", kind: "minor", valueOf: ({ hooks }) => hooks.join(", ") },
      { title: "Reason", valueOf: ({ reason }) => reason },
    ],
  });
}

export function hooksTable(): DataTable<HookRow> {
  const recent = "In the last ten seconds";
  return new DataTable<HookRow>({
    caption: "Hook latency",
    keyOf: ({ plugin, hook }) => `${plugin}\n${hook}`,
    columns: [
      { title: "Plugin", valueOf: ({ plugin }) => plugin },
      { title: "Hook", valueOf: ({ hook }) => hook },
      numberColumn("Calls", ({ calls }) => calls, count),
      {
        title: "Calls/s",
        kind: "number",
        hint: recent,
        valueOf: ({ perSecond }) => perSecond,
        textOf: ({ perSecond }) => (perSecond === undefined ? NONE : rate(perSecond)),
      },
      {
        title: "Mean now",
        kind: "number",
        hint: recent,
        valueOf: ({ recentMeanMs }) => recentMeanMs,
        textOf: ({ recentMeanMs }) =>
          recentMeanMs === undefined ? NONE : milliseconds(recentMeanMs),
      },
      numberColumn("p50", ({ p50Ms }) => p50Ms, milliseconds, "Since the start of the gateway"),
      numberColumn("p95", ({ p95Ms }) => p95Ms, milliseconds, "Since the start of the gateway"),
      numberColumn("p99", ({ p99Ms }) => p99Ms, milliseconds, "Since the start of the gateway"),
      numberColumn("Failures", ({ failures }) => failures, count),
    ],
  });
}
