import { Client } from "pg";
import {
  type GatewaydProcess,
  type PostgresServer,
  type StopMode,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../../kit/index.ts";
import { openSession, type RuleSession } from "./rule-session.ts";

/** Keys of one group, beside what every group has. */
export interface GroupKeys {
  readonly client?: Readonly<Record<string, unknown>>;
  readonly proxy?: Readonly<Record<string, unknown>>;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
}

/** A server and one gateway with several groups in front of it, which the tests of a file share. */
export class RuleStage<Group extends string> implements AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly gatewayd: GatewaydProcess;
  #watcher: Client;
  readonly #ports: ReadonlyMap<string, number>;

  /** Takes over what runs; {@link startRuleStage} makes one. */
  constructor(postgres: PostgresServer, gatewayd: GatewaydProcess, watcher: Client) {
    this.postgres = postgres;
    this.gatewayd = gatewayd;
    this.#watcher = watcher;
    this.#ports = listeningPorts(gatewayd);
  }

  /** A client of a group that has logged in. */
  async session(group: Group, parameters?: Readonly<Record<string, string>>): Promise<RuleSession> {
    return await openSession(this.target(group), parameters);
  }

  /** A client that has logged in to the server itself. */
  async direct(): Promise<RuleSession> {
    return await openSession(this.postgres);
  }

  /** Where a group listens. */
  target(group: Group): { readonly host: string; readonly port: number } {
    const port = this.#ports.get(group);
    if (port === undefined) throw new Error(`no group ${group}`);
    return { host: "127.0.0.1", port };
  }

  /** Asks the server, on a connection that is always there. */
  async rows(text: string): Promise<readonly Record<string, unknown>[]> {
    const { rows } = await this.#watcher.query<Record<string, unknown>>(text);
    return rows;
  }

  /** Waits until so many server processes are in this state, seen by `pg_stat_activity`. */
  async untilServer(condition: string, count = 1): Promise<void> {
    await waitFor(
      `${count} where ${condition}`,
      async () => {
        const [row] = await this.rows(
          `select count(*)::int as count from pg_stat_activity
           where backend_type = 'client backend' and pid <> pg_backend_pid() and (${condition})`,
        );
        return row?.["count"];
      },
      { until: (seen) => seen === count, intervalMs: 2 },
    );
  }

  /** Ends a server process, and waits until it is gone. */
  async terminate(pid: string | null): Promise<void> {
    await this.rows(`select pg_terminate_backend(${pid}, 10000)`);
  }

  /** Stops the server, as `restart` does; {@link startServer} starts it again. */
  async stopServer(how: StopMode = "fast"): Promise<void> {
    await this.#watcher.end();
    await this.postgres.stop(how);
  }

  async startServer(): Promise<void> {
    await this.postgres.start();
    this.#watcher = await watcherOf(this.postgres);
  }

  /**
   * Whoever asks what is set waits from now on, until this is disposed of: see {@link ASKING}.
   * @param relation of pg_catalog
   */
  async lock(relation: "pg_settings" | "pg_tablespace"): Promise<AsyncDisposable> {
    const client = new Client(`${this.postgres.url}?application_name=locker`);
    await client.connect();
    await client.query(`begin; lock table pg_catalog.${relation} in access exclusive mode`);
    return { [Symbol.asyncDispose]: async () => await client.end() };
  }

  /** Stops the gateway in good order and then the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.gatewayd.stop();
    await this.#watcher.end();
    await this.gatewayd[Symbol.asyncDispose]();
    await this.postgres[Symbol.asyncDispose]();
  }
}

/** Starts both. Each group has one block, `writes`, of one backend unless its keys say more. */
export async function startRuleStage<Group extends string>(
  groups: Readonly<Record<Group, GroupKeys>>,
): Promise<RuleStage<Group>> {
  const postgres = await startPostgres();
  const watcher = await watcherOf(postgres);
  const named = Object.entries<GroupKeys>(groups);
  const forEach = (of: (keys: GroupKeys) => unknown) =>
    Object.fromEntries(named.map(([name, keys]) => [name, of(keys)]));
  const config = {
    loggers: forEach(() => ({ level: "info", noColor: true })),
    clients: forEach(({ client }) => ({ writes: { address: postgres.address, ...client } })),
    pools: forEach(({ pool }) => ({ writes: { size: 1, ...pool } })),
    proxies: forEach(({ proxy }) => ({ writes: { ...proxy } })),
    servers: forEach(({ pool, server }) => ({
      address: "127.0.0.1:0",
      ...(pool?.["mode"] !== undefined && { auth: { method: "trust" } }),
      ...server,
    })),
  };
  const gatewayd = await startGatewayd({
    config: JSON.stringify(config, undefined, 2),
    listeners: named.length,
  });
  return new RuleStage(postgres, gatewayd, watcher);
}

async function watcherOf(postgres: PostgresServer): Promise<Client> {
  const watcher = new Client(postgres.url);
  await watcher.connect();
  return watcher;
}

function listeningPorts(gatewayd: GatewaydProcess): ReadonlyMap<string, number> {
  const lines = gatewayd.process.lines().map(({ text }) => Bun.stripANSI(text));
  return new Map(
    lines.flatMap((line) => {
      const match = /is listening address=\S+:(\d+) group=(\S+)/.exec(line);
      return match?.[1] && match[2] ? [[match[2], Number(match[1])] as const] : [];
    }),
  );
}
