import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, startProcess } from "../../tests/kit/index.ts";
import { findProgram, serverAccount, versionOf } from "../programs.ts";
import type { AbsentEndpoint, EndpointKind, StartOptions } from "./endpoint.ts";

/**
 * PgBouncer: with session pooling, which keeps a server connection for a client as passthrough does, or with
 * transaction pooling. Absent when it is not installed.
 */
export function pgbouncer(mode: "session" | "transaction"): EndpointKind | AbsentEndpoint {
  const program = findProgram("pgbouncer");
  if (program === undefined) {
    const reason = "it is not installed; on Debian: apt-get install pgbouncer";
    return { name: "pgbouncer", reason };
  }
  const version = versionOf(program);
  const prepares = mode === "session" || canPrepare(version);
  return {
    name: "pgbouncer",
    isPooling: true,
    version,
    refuses: ({ protocol }) =>
      protocol === "prepared" && !prepares
        ? "PgBouncer before 1.21 has no prepared statements in transaction pooling"
        : undefined,
    async start(options) {
      const directory = await mkdtemp(join(options.context.directory, "pgbouncer-"));
      await chmod(directory, 0o755);
      const port = await freePort();
      const users = join(directory, "users.txt");
      const config = join(directory, "pgbouncer.ini");
      await writeFile(users, '"postgres" ""\n');
      await writeFile(
        config,
        configText(options, port, users, [
          `pool_mode = ${mode}`,
          ...(mode === "transaction" && prepares ? ["max_prepared_statements = 200"] : []),
        ]),
      );
      const child = await startProcess([program, config], { ...serverAccount() });
      try {
        await child.waitForLine("process up");
      } catch (error) {
        await child[Symbol.asyncDispose]();
        throw error;
      }
      return {
        host: "127.0.0.1",
        port,
        pid: child.pid,
        async [Symbol.asyncDispose]() {
          await child[Symbol.asyncDispose]();
          await rm(directory, { recursive: true });
        },
      };
    },
  };
}

/** Whether a version (`PgBouncer 1.18.0`) keeps prepared statements apart from server connections. */
function canPrepare(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  return major !== undefined && minor !== undefined && (major > 1 || minor >= 21);
}

/** As it ships, but for sizes and waiting times, trust instead of passwords, and no line logged per client. */
function configText(
  options: StartOptions,
  port: number,
  users: string,
  pooling: readonly string[],
): string {
  return `[databases]
* = host=127.0.0.1 port=${options.serverPort}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
client_tls_sslmode = disable
server_tls_sslmode = disable
${pooling.join("\n")}
default_pool_size = ${options.poolSize}
max_client_conn = ${options.maxClients}
client_login_timeout = ${options.patienceSeconds}
query_wait_timeout = ${options.patienceSeconds}
log_connections = 0
log_disconnections = 0
log_stats = 0
${options.expectsSilentClients ? "tcp_defer_accept = 0\n" : ""}`;
}
