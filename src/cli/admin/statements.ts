import type { RunnableCommand, SwitchFlag, TextFlag } from "../command.ts";
import type { ApiClient } from "./api-client.ts";
import { ApiProblem } from "./api-problem.ts";
import { readStatements } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { blockFlag, groupFlag, limitFlag, pathWith, restOf } from "./list-flags.ts";
import { textTable } from "./text-table.ts";

/** What may come first, and what the API calls it. */
const ORDERS: Readonly<Record<string, string>> = {
  total: "STATEMENT_ORDER_TOTAL_TIME",
  mean: "STATEMENT_ORDER_MEAN_TIME",
  max: "STATEMENT_ORDER_MAX_TIME",
  calls: "STATEMENT_ORDER_CALLS",
  rows: "STATEMENT_ORDER_ROWS",
  errors: "STATEMENT_ORDER_ERRORS",
};

const orderFlag: TextFlag = {
  type: "text",
  name: "order",
  description: `What comes first has most of it: ${Object.keys(ORDERS).join(", ")}`,
  defaultText: "total",
  valueKind: "text",
};

const resetFlag: SwitchFlag = {
  type: "switch",
  name: "reset",
  description: "Begin to count anew, behind the list",
  isOnByDefault: false,
};

const FLAGS = [groupFlag, blockFlag, limitFlag("statements", "20")] as const;

const HEADINGS = [
  ...["BLOCK", "USER", "DATABASE", "CALLS", "TOTAL MS", "MEAN MS", "MAX MS", "ROWS", "ERRORS"],
  "STATEMENT",
];

/** `gatewayd statements`. */
export const statementsCommand: RunnableCommand = apiCommand({
  name: "statements",
  summary: "List the statements that have taken most time, without their values",
  description: `Lists the statements that have taken most time, without the values in them, by block, user and database.

Times are from when a statement was there to the end of its answer, the waiting for a server connection included. Of
a batch the first statement counts for all. Beyond 100 a second a sample of the quick ones is counted, and counts for all.`,
  flags: [...FLAGS, orderFlag, resetFlag],
  async ask(client, _operands, invocation) {
    const given = invocation.arguments.text(orderFlag) ?? "total";
    const order = ORDERS[given];
    if (order === undefined) {
      throw new ApiProblem(`--order "${given}" is none of ${Object.keys(ORDERS).join(", ")}`);
    }
    const answer = await client.get(pathWith("/api/v1/statements", invocation, FLAGS, { order }));
    if (invocation.arguments.isOn(resetFlag)) await reset(client);
    return answer;
  },
  show(answer) {
    const { statements, total } = readStatements(answer);
    const rows = statements.map((one) => [
      ...[`${one.group}.${one.block}`, one.user, one.database, one.calls],
      ...[one.totalMs, one.meanMs, one.maxMs].map((ms) => Number(ms.toFixed(2))),
      ...[one.rows, one.errors, textOf(one)],
    ]);
    return `${textTable(HEADINGS, rows)}${restOf(statements.length, total)}`;
  },
});

async function reset(client: ApiClient): Promise<void> {
  await client.post("/api/v1/statements/reset");
}

/** On one line. */
function textOf({ statement, textLength }: { statement: string; textLength: number }): string {
  if (statement === "") return `(not understood, ${textLength} characters)`;
  return statement.replace(/\s+/g, " ");
}
