/** All groups at work, and how a reload changes them. */
import type { LoadedConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { CancelKeys } from "../session/index.ts";
import { BootTrace } from "./boot-trace.ts";
import { CancelPeers } from "./cancel-peers.ts";
import { DescriptorBudget } from "./connection-budget.ts";
import type { ControlPort, GroupSnapshot } from "./control-port.ts";
import { Group } from "./group.ts";
import type { GroupParts } from "./group.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";
import { within } from "./within.ts";

/** Clients are served though it is not known by then whether servers can be reached. */
const LOOK_MS = 1_000;

/** What a group needs of the gateway. */
export type GroupSurroundings = Pick<
  GroupParts,
  "hooks" | "bootHooks" | "traceIdOf" | "ticked" | "timers"
>;

export interface GroupsOptions extends GroupSurroundings {
  /** Of what is no group's own. */
  readonly logger: Logger;
  /** What is the group's own: who hears of its sessions, and its log. */
  readonly ofGroup: (
    name: string,
    config: LoadedConfig,
  ) => Pick<GroupParts, "watch" | "tracesOf" | "virtualOf" | "logger">;
}

export class Groups implements ReloadPart {
  readonly name = "groups";
  readonly #options: GroupsOptions;
  readonly #cancelKeys = new CancelKeys();
  readonly #cancelPeers: CancelPeers;
  #descriptors: DescriptorBudget | undefined;
  #groups: readonly Group[] = [];
  /** Those that let their last clients finish, and when they have ended. */
  readonly #leaving = new Map<Group, Promise<void>>();
  #isStopped = false;

  constructor(options: GroupsOptions) {
    this.#options = options;
    const { timers, logger } = options;
    this.#cancelPeers = new CancelPeers({ cancelKeys: this.#cancelKeys, timers, logger });
  }

  get all(): readonly Group[] {
    return this.#groups;
  }

  get ports(): readonly ControlPort[] {
    return this.#groups.map(({ tenant }) => tenant);
  }

  /** The group's part of the data half. @throws GatewayError ERR_ADMIN_NOT_FOUND */
  named(name: string): ControlPort {
    const group = this.#groups.find((one) => one.name === name);
    if (group !== undefined) return group.tenant;
    const known = this.#groups.map((one) => one.name).join(", ");
    throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no group "${name}", but: ${known}`);
  }

  snapshot(): readonly GroupSnapshot[] {
    return this.ports.map((port) => port.snapshot());
  }

  /** Nothing is opened yet. @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used, and why */
  build(config: LoadedConfig): void {
    this.#descriptors = new DescriptorBudget(backendsOf(config));
    this.#groups = Object.keys(config.global.servers).map((name) => this.#newGroup(name, config));
  }

  /** @param expectWanted throws when nobody wants it any more */
  async openPools(expectWanted: () => void, trace: BootTrace): Promise<void> {
    for (const group of this.#groups) await group.openPools(expectWanted, trace);
    const known = Promise.all(this.#groups.map(async (group) => await group.lookForServers()));
    await within(LOOK_MS, known, this.#options.timers);
  }

  async prepare(plan: ReloadPlan): Promise<PreparedPart> {
    const { after, groups } = plan;
    const room = this.#budget.roomBeside(backendsOf(after));
    const kept = this.#groups.filter(({ name }) => !groups.removed.includes(name));
    const changes = kept.map((group) => group.prepare(changeOf(group.name, plan)));
    const added = await this.#open(groups.added, after);
    return {
      apply: async () => {
        // Told to stop while other parts were prepared: what there was has been stopped.
        if (this.#isStopped) {
          await Promise.all(added.map((group) => group.stop()));
          return;
        }
        this.#budget.maxClients = room;
        for (const put of changes) put();
        const removed = this.#groups.filter((group) => !kept.includes(group));
        const all = [...kept, ...added];
        this.#groups = Object.keys(after.global.servers).flatMap((name) =>
          all.filter((group) => group.name === name),
        );
        for (const { tenant } of added) tenant.serve();
        for (const group of removed) this.#letGo(group);
        void this.#announce(plan, added);
      },
      discard: async () => {
        await Promise.all(added.map((group) => group.stop()));
      },
    };
  }

  /**
   * Leaves the addresses of each group to another gateway that listens at all of them.
   * @returns whether that is so for all groups
   */
  async leave(): Promise<boolean> {
    const takenOver = this.#groups.filter(({ tenant }) => tenant.isTakenOver);
    await Promise.all(takenOver.map((group) => group.leave()));
    return takenOver.length > 0 && takenOver.length === this.#groups.length;
  }

  /** How long {@link drain} may take. */
  get longestDrainMs(): number {
    const groups = [...this.#groups, ...this.#leaving.keys()];
    return Math.max(0, ...groups.map(({ longestDrainMs }) => longestDrainMs));
  }

  /** Lets clients finish, each group up to its `drainTimeout`, those that were removed included. */
  async drain(): Promise<void> {
    const draining = this.#groups.map((group) => group.drain());
    await Promise.all([...draining, ...this.#leaving.values()]);
  }

  /** Ends what is left. Resolves to whether any has listened. */
  async stop(): Promise<boolean> {
    this.#isStopped = true;
    const groups = [...this.#groups, ...this.#leaving.keys()];
    await Promise.all(groups.map((group) => group.stop()));
    this.#groups = [];
    this.#cancelPeers.close();
    return groups.some(({ hasListened }) => hasListened);
  }

  get #budget(): DescriptorBudget {
    if (this.#descriptors === undefined) throw new GatewayError("ERR_SHUTTING_DOWN"); // Not built yet.
    return this.#descriptors;
  }

  #newGroup(name: string, config: LoadedConfig): Group {
    const { ofGroup, ...surroundings } = this.#options;
    const descriptors = this.#budget;
    const [cancelKeys, cancelPeers] = [this.#cancelKeys, this.#cancelPeers];
    const own = { name, config, descriptors, cancelKeys, cancelPeers };
    return new Group({ ...surroundings, ...own, ...ofGroup(name, config) });
  }

  /** Clients of groups that are new can come, and wait until all is in effect; if one cannot listen, none stays. */
  async #open(names: readonly string[], config: LoadedConfig): Promise<readonly Group[]> {
    const added: Group[] = [];
    const expectWanted = (): void => {
      if (this.#isStopped) throw new GatewayError("ERR_SHUTTING_DOWN");
    };
    try {
      for (const name of names) {
        const group = this.#newGroup(name, config);
        added.push(group);
        group.openPoolsSoon();
        group.tenant.serveLater();
        await group.listen(expectWanted, new BootTrace());
      }
      return added;
    } catch (thrown) {
      await Promise.all(added.map((group) => group.stop()));
      throw thrown;
    }
  }

  #letGo(group: Group): void {
    const ended = group.letGo().then(() => void this.#leaving.delete(group));
    this.#leaving.set(group, ended);
  }

  /** Plugins hear of what is new. */
  async #announce({ blocks }: ReloadPlan, added: readonly Group[]): Promise<void> {
    for (const group of this.#groups) {
      if (added.includes(group)) {
        await group.announce();
        await this.#options.bootHooks.newServer();
      } else {
        const names = blocks.get(group.name)?.added ?? [];
        if (names.length > 0) await group.announce(names);
      }
    }
  }
}

function changeOf(name: string, { after, groups, blocks, touches }: ReloadPlan) {
  const { added = [], removed = [] } = blocks.get(name) ?? {};
  return {
    config: after,
    isChanged: groups.changed.includes(name),
    isSpreadAnew: added.length + removed.length > 0 || touches(`servers.${name}.loadBalancer`),
  };
}

/** How many server connections there may be. */
function backendsOf({ global }: LoadedConfig): number {
  const pools = Object.values(global.pools).flatMap((blocks) => Object.values(blocks));
  const queries = Object.values(global.servers).filter(({ auth }) => auth?.query !== undefined);
  return pools.reduce((sum, { size }) => sum + size, queries.length);
}
