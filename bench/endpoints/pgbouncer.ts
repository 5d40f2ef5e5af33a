import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, startProcess } from "../../tests/kit/index.ts";
import { findProgram, serverAccount, versionOf } from "../programs.ts";
import type { EndpointKind, StartOptions } from "./endpoint.ts";

/** PgBouncer with session pooling, the mode that keeps a server connection for a client as passthrough does. */
export function pgbouncer(): EndpointKind | undefined {
  const program = findProgram("pgbouncer");
  if (program === undefined) return undefined;
  return {
    name: "pgbouncer",
    isPooling: true,
    version: versionOf(program),
    async start(options) {
      const directory = await mkdtemp(join(options.context.directory, "pgbouncer-"));
      await chmod(directory, 0o755);
      const port = await freePort();
      const users = join(directory, "users.txt");
      const config = join(directory, "pgbouncer.ini");
      await writeFile(users, '"postgres" ""\n');
      await writeFile(config, configText(options, port, users));
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

/** As it ships, but for sizes and waiting times, trust instead of passwords, and no line logged per client. */
function configText(options: StartOptions, port: number, users: string): string {
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
pool_mode = session
default_pool_size = ${options.poolSize}
max_client_conn = ${options.maxClients}
client_login_timeout = ${options.patienceSeconds}
query_wait_timeout = ${options.patienceSeconds}
log_connections = 0
log_disconnections = 0
log_stats = 0
${options.expectsSilentClients ? "tcp_defer_accept = 0\n" : ""}`;
}
