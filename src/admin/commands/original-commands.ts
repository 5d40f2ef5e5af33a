/** The commands of GatewayD's own admin API, in its shapes (reference: gatewayd-core 10). */
import { fromJson } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import type { Struct } from "@bufbuild/protobuf/wkt";
import { GatewayError } from "../../errors.ts";
import { HOOK_NUMBERS } from "../../hooks/index.ts";
import type { AdminPort, BlockView, GroupView, PluginDescriptionView } from "../admin-port.ts";
import type { GatewayDAdminAPIService } from "../gen/api/v1/api_pb.ts";
import type { Implementation } from "./command.ts";

const NANOSECONDS_OF_MS = 1_000_000;

/** Of the one peer there is, when the configuration names none. */
const THIS_NODE = "node1";

export function originalCommands(port: AdminPort): Implementation<typeof GatewayDAdminAPIService> {
  const byGroup = (describe: (group: GroupView) => JsonValue): Struct =>
    struct(Object.fromEntries(port.groups().map((group) => [group.group, describe(group)])));
  const byBlock = (describe: (block: BlockView) => JsonObject): Struct =>
    byGroup(({ blocks }) =>
      Object.fromEntries(blocks.map((block) => [block.block, describe(block)])),
    );
  return {
    version: () => port.about,
    getGlobalConfig: ({ groupName }) => {
      const config = asJson(port.globalConfig());
      return struct(groupName === undefined ? config : configOfGroup(config, groupName));
    },
    getPluginConfig: () => struct(asJson(port.pluginsConfig())),
    getPlugins: () => ({
      configs: port.plugins().flatMap(({ state, description }) => {
        return state === "running" && description !== undefined ? [pluginConfig(description)] : [];
      }),
    }),
    getPools: () => byBlock(({ size, available }) => ({ cap: size, size: available })),
    getProxies: () =>
      byBlock(({ availableAddresses, clientAddresses }) => ({
        available: [...availableAddresses],
        busy: [...clientAddresses],
        total: availableAddresses.length + clientAddresses.length,
      })),
    getServers: () =>
      byGroup((group) => ({
        network: group.network,
        address: group.address,
        status: group.isListening ? 0 : 1,
        tickInterval: group.tickIntervalMs * NANOSECONDS_OF_MS,
        loadBalancer: { strategy: group.strategy },
        isTLSEnabled: group.isTlsEnabled,
      })),
    getPeers: () => {
      const { nodeId, address } = raftOf(port);
      return struct({
        [nodeId]: { id: nodeId, address, status: "Leader", suffrage: "Voter" },
      });
    },
    addPeer: () => {
      throw noCluster();
    },
    removePeer: () => {
      throw noCluster();
    },
  };
}

/** Of each kind of object what belongs to the group; what belongs to no group is left out. */
function configOfGroup(config: JsonObject, group: string): JsonObject {
  const ofGroup = Object.entries(config).flatMap(([key, value]): [string, JsonValue][] => {
    const part = isObject(value) ? value[group] : undefined;
    return isObject(part) ? [[key, { [group]: part }]] : [];
  });
  if (ofGroup.length === 0) throw new GatewayError("ERR_ADMIN_NOT_FOUND", "group not found");
  return Object.fromEntries(ofGroup);
}

function pluginConfig(description: PluginDescriptionView) {
  const { name, version, remoteUrl, checksum, hooks, ...rest } = description;
  const numbers: Readonly<Record<string, number>> = HOOK_NUMBERS;
  return {
    ...rest,
    id: { name, version, remoteUrl, checksum },
    authors: [...rest.authors],
    tags: [...rest.tags],
    categories: [...rest.categories],
    hooks: hooks.flatMap((hook) => numbers[hook] ?? []),
  };
}

function raftOf(port: AdminPort): { nodeId: string; address: string } {
  const { raft } = asJson(port.globalConfig());
  const { nodeId, address }: JsonObject = isObject(raft) ? raft : {};
  return {
    nodeId: typeof nodeId === "string" && nodeId !== "" ? nodeId : THIS_NODE,
    address: typeof address === "string" ? address : "",
  };
}

function noCluster(): GatewayError {
  return new GatewayError("ERR_ADMIN_UNIMPLEMENTED", "this gateway keeps its state by itself");
}

function struct(json: JsonObject): Struct {
  return fromJson(StructSchema, json);
}

/** What a configuration holds is what YAML can say: plain values, `undefined` left out. */
function asJson(tree: Readonly<Record<string, unknown>>): JsonObject {
  return JSON.parse(JSON.stringify(tree)) as JsonObject;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
