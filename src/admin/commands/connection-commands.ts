/** The commands that show who is connected to what. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AdminPort, GroupView } from "../admin-port.ts";
import type { BackendView } from "../connection-view.ts";
import type { AdminService } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { BackendState } from "../gen/gatewayd/admin/v1/connections_pb.ts";
import type { BackendSchema, ServerSchema } from "../gen/gatewayd/admin/v1/connections_pb.ts";
import { firstOf, groupsOf, isAskedFor } from "./asked-for.ts";
import type { Implementation } from "./command.ts";
import { transactionStatusOf } from "./transaction-status.ts";

type Commands = Pick<
  Implementation<typeof AdminService>,
  "listServers" | "listBackends" | "listWaiters"
>;

const STATES: Readonly<Record<BackendView["state"], BackendState>> = {
  connecting: BackendState.CONNECTING,
  idle: BackendState.IDLE,
  active: BackendState.ACTIVE,
  inTransaction: BackendState.IN_TRANSACTION,
  kept: BackendState.KEPT,
  tended: BackendState.TENDED,
  retiring: BackendState.RETIRING,
};

export function connectionCommands(port: AdminPort): Commands {
  return {
    listServers: ({ group }) => ({ servers: groupsOf(port, group).map(serverOf) }),
    listBackends: ({ group, block, limit }) => {
      const backends = port.backends().filter(isAskedFor(port, group, block));
      return { backends: firstOf(backends, limit).map(backendOf), total: backends.length };
    },
    listWaiters: ({ group, block, limit }) => {
      const waiters = port
        .waiters()
        .filter(isAskedFor(port, group, block))
        .toSorted((one, other) => other.waitedMs - one.waitedMs);
      return { waiters: [...firstOf(waiters, limit)], total: waiters.length };
    },
  };
}

function serverOf(group: GroupView): MessageInitShape<typeof ServerSchema> {
  const { network, protocol, clients, maxConnections, tlsMode, strategy, blocks } = group;
  return {
    ...{ group: group.group, network, protocol, clients, maxConnections, tlsMode, strategy },
    configuredAddresses: group.address.split(","),
    addresses: [...group.listening],
    isListening: group.isListening,
    blocks: blocks.map(({ block, address, mode, isLive }) => ({ block, address, mode, isLive })),
  };
}

function backendOf(backend: BackendView): MessageInitShape<typeof BackendSchema> {
  const { state, transactionStatus, processId, pinReason, sessionIds } = backend;
  return {
    ...backend,
    processId: processId ?? 0,
    pinReason: pinReason ?? "",
    sessionIds: [...sessionIds],
    state: STATES[state],
    transactionStatus: transactionStatusOf(transactionStatus),
  };
}
