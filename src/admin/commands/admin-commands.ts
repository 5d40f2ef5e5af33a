/** The commands of this gateway's own admin API. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { GatewayError } from "../../errors.ts";
import { LOG_LEVELS } from "../../logging/index.ts";
import type {
  AdminPort,
  BlockView,
  GatewayPhase,
  PluginAction,
  PluginView,
  PoolAction,
  SessionView,
} from "../admin-port.ts";
import { Phase, SessionActivity } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import type {
  AdminService,
  PluginSchema,
  PoolSchema,
  SessionSchema,
} from "../gen/gatewayd/admin/v1/admin_pb.ts";
import { firstOf, groupsOf, isAskedFor } from "./asked-for.ts";
import type { Implementation } from "./command.ts";
import { connectionCommands } from "./connection-commands.ts";
import { trafficCommands } from "./traffic-commands.ts";
import { transactionStatusOf } from "./transaction-status.ts";

const PHASES: Readonly<Record<GatewayPhase, Phase>> = {
  booting: Phase.BOOTING,
  serving: Phase.SERVING,
  draining: Phase.DRAINING,
};

const ACTIVITIES: Readonly<Record<SessionView["activity"], SessionActivity>> = {
  loggingIn: SessionActivity.LOGGING_IN,
  idle: SessionActivity.IDLE,
  waiting: SessionActivity.WAITING,
  active: SessionActivity.ACTIVE,
  ending: SessionActivity.ENDING,
};

export function adminCommands(port: AdminPort): Implementation<typeof AdminService> {
  const commandPlugin = async (action: PluginAction, name: string) => {
    if (name === "") throw new GatewayError("ERR_ADMIN_INVALID", "name: the plugin's name");
    return { plugin: pluginOf(await port.commandPlugin(action, name)) };
  };
  const commandPool = (action: PoolAction, group: string, block: string) => {
    port.commandPool(group, block, action);
    return {};
  };
  return {
    ...connectionCommands(port),
    ...trafficCommands(port),
    listPolicies: () => {
      const { policies, rules } = port.policies();
      return { policies: [...policies], rules: [...rules] };
    },
    getStatus: () => {
      const { phase, startedAtMs, reasons } = port.status();
      return {
        ...port.about,
        startedAt: timestampFromMs(startedAtMs),
        uptimeSeconds: (Date.now() - startedAtMs) / 1_000,
        pid: process.pid,
        phase: PHASES[phase],
        reasons: [...reasons],
        groups: port.groups().map(({ group, listening, clients }) => ({
          group,
          addresses: [...listening],
          clients,
        })),
      };
    },
    listSettings: () => ({ settings: [...port.settings()] }),
    listPools: ({ group }) => ({
      pools: groupsOf(port, group).flatMap(({ group: name, blocks }) =>
        blocks.map((block) => ({ ...countsOf(block), group: name })),
      ),
    }),
    listSessions: ({ group, limit }) => {
      const sessions = port.sessions().filter(isAskedFor(port, group));
      return { sessions: firstOf(sessions, limit).map(sessionOf), total: sessions.length };
    },
    killSession: ({ id }) => {
      if (!port.killSession(id)) throw noSession(id);
      return {};
    },
    cancelQuery: async ({ id }) => {
      if (!(await port.cancelQuery(id))) throw noSession(id);
      return {};
    },
    pausePool: ({ group, block }) => commandPool("pause", group, block),
    resumePool: ({ group, block }) => commandPool("resume", group, block),
    reconnectPool: ({ group, block }) => commandPool("reconnect", group, block),
    listPlugins: () => ({ plugins: port.plugins().map(pluginOf) }),
    listHooks: () => {
      const hooks = port.hookCalls();
      return { hooks: [...(hooks ?? [])], isCounted: hooks !== undefined };
    },
    setLogLevel: ({ group, level: asked }) => {
      const level = LOG_LEVELS.find((known) => known === asked);
      if (level === undefined) {
        const known = LOG_LEVELS.join(", ");
        throw new GatewayError("ERR_ADMIN_INVALID", `level: "${asked}" is none of ${known}`);
      }
      port.setLogLevel(level, group === "" ? undefined : group);
      return {};
    },
    reloadPlugin: ({ name }) => commandPlugin("reload", name),
    enablePlugin: ({ name }) => commandPlugin("enable", name),
    disablePlugin: ({ name }) => commandPlugin("disable", name),
    reload: async () => {
      const { changed, needsRestart, warnings } = await port.reload();
      return {
        changed: [...changed],
        needsRestart: [...needsRestart],
        warnings: [...warnings],
      };
    },
    drain: () => {
      port.drain();
      return {};
    },
  };
}

function noSession(id: string): GatewayError {
  return new GatewayError("ERR_ADMIN_NOT_FOUND", `no session has the id "${id}"`);
}

function sessionOf(session: SessionView): MessageInitShape<typeof SessionSchema> {
  const { activity, transactionStatus, block, user, database, applicationName } = session;
  return {
    ...session,
    block: block ?? "",
    user: user ?? "",
    database: database ?? "",
    applicationName: applicationName ?? "",
    activity: ACTIVITIES[activity],
    transactionStatus: transactionStatusOf(transactionStatus),
  };
}

function countsOf(block: BlockView): MessageInitShape<typeof PoolSchema> {
  const { availableAddresses: _, clientAddresses: _clients, ...counts } = block;
  return counts;
}

function pluginOf({ description, ...plugin }: PluginView): MessageInitShape<typeof PluginSchema> {
  return {
    ...plugin,
    version: description?.version ?? "",
    hooks: [...(description?.hooks ?? [])],
  };
}
