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
} from "../admin-port.ts";
import { Phase } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import type { AdminService, PluginSchema, PoolSchema } from "../gen/gatewayd/admin/v1/admin_pb.ts";
import type { Implementation } from "./command.ts";

const PHASES: Readonly<Record<GatewayPhase, Phase>> = {
  booting: Phase.BOOTING,
  serving: Phase.SERVING,
  draining: Phase.DRAINING,
};

export function adminCommands(port: AdminPort): Implementation<typeof AdminService> {
  const commandPlugin = async (action: PluginAction, name: string) => {
    if (name === "") throw new GatewayError("ERR_ADMIN_INVALID", "name: the plugin's name");
    return { plugin: pluginOf(await port.commandPlugin(action, name)) };
  };
  return {
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
    listPlugins: () => ({ plugins: port.plugins().map(pluginOf) }),
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
    drain: () => {
      port.drain();
      return {};
    },
  };
}

function groupsOf(port: AdminPort, name: string | undefined): ReturnType<AdminPort["groups"]> {
  const groups = port.groups();
  if (name === undefined) return groups;
  const group = groups.filter((one) => one.group === name);
  if (group.length > 0) return group;
  const known = groups.map((one) => one.group).join(", ");
  throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no group "${name}", but: ${known}`);
}

function countsOf(block: BlockView): MessageInitShape<typeof PoolSchema> {
  const { block: name, mode, address, size, available, leased, retiring, waiting } = block;
  return { block: name, mode, address, size, available, leased, retiring, waiting };
}

function pluginOf({ description, ...plugin }: PluginView): MessageInitShape<typeof PluginSchema> {
  return {
    ...plugin,
    version: description?.version ?? "",
    hooks: [...(description?.hooks ?? [])],
  };
}
