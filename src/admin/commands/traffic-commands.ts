/** The commands that show what clients ask for. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AdminPort } from "../admin-port.ts";
import type { AdminService } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { StatementOrder } from "../gen/gatewayd/admin/v1/traffic_pb.ts";
import type { BlockTotalsSchema, StatementSchema } from "../gen/gatewayd/admin/v1/traffic_pb.ts";
import type { BlockTotalsView, StatementView } from "../traffic-view.ts";
import { firstOf, isAskedFor } from "./asked-for.ts";
import type { Implementation } from "./command.ts";

type Commands = Pick<
  Implementation<typeof AdminService>,
  "listStatements" | "resetStatements" | "listTotals" | "getHistory"
>;

const ORDERS: Readonly<Record<StatementOrder, (statement: StatementView) => number>> = {
  [StatementOrder.UNSPECIFIED]: ({ totalMs }) => totalMs,
  [StatementOrder.TOTAL_TIME]: ({ totalMs }) => totalMs,
  [StatementOrder.MEAN_TIME]: meanMs,
  [StatementOrder.MAX_TIME]: ({ maxMs }) => maxMs,
  [StatementOrder.CALLS]: ({ calls }) => calls,
  [StatementOrder.ROWS]: ({ rows }) => rows,
  [StatementOrder.ERRORS]: ({ errors }) => errors,
};

export function trafficCommands(port: AdminPort): Commands {
  return {
    listStatements: async ({ group, block, limit, order }) => {
      const isAsked = isAskedFor(port, group, block);
      const { statements, unlisted } = await port.statements();
      // Numbers that are no order may come over gRPC.
      const weight = ORDERS[order] ?? ORDERS[StatementOrder.UNSPECIFIED];
      const asked = statements
        .filter(isAsked)
        .toSorted((one, other) => weight(other) - weight(one));
      return {
        statements: firstOf(asked, limit).map(statementOf),
        total: asked.length,
        unlisted: unlisted.filter(isAsked),
      };
    },
    resetStatements: () => {
      port.resetStatements();
      return {};
    },
    listTotals: ({ group }) => ({
      blocks: port.totals().filter(isAskedFor(port, group)).map(totalsOf),
    }),
    getHistory: ({ group, sinceMs }) => {
      const isAsked = isAskedFor(port, group);
      const { stepMs, keptMs, blocks } = port.history(sinceMs);
      return {
        ...{ stepMs, keptMs, nowMs: Date.now() },
        blocks: blocks.filter(isAsked).map((one) => ({ ...one, points: [...one.points] })),
      };
    },
  };
}

function meanMs({ totalMs, calls }: StatementView): number {
  return calls === 0 ? 0 : totalMs / calls;
}

/** Without what is not asked for. */
function totalsOf(totals: BlockTotalsView): MessageInitShape<typeof BlockTotalsSchema> {
  const { group, block, units, transactions, errors, ...others } = totals;
  const { receivedBytes, sentBytes, unitMs, waitMs } = others;
  return {
    ...{ group, block, units, transactions, errors },
    ...{ receivedBytes, sentBytes, unitMs, waitMs },
  };
}

function statementOf(statement: StatementView): MessageInitShape<typeof StatementSchema> {
  const { lastSeenMs, sinceMs, ...figures } = statement;
  return {
    ...figures,
    meanMs: meanMs(statement),
    lastSeen: timestampFromMs(lastSeenMs),
    since: timestampFromMs(sinceMs),
  };
}
