import { existsSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import {
  type PostgresInstall,
  postgresBaseDirectory,
  preparePostgres,
  SUPERUSER,
} from "./postgres-install.ts";
import { freePort } from "./free-port.ts";
import { type ExitStatus, type RunningProcess, runToEnd, startProcess } from "./processes.ts";

/** How a test server differs from the ordinary one. */
export interface PostgresOptions {
  /** `max_connections`. Default 100. */
  readonly maxConnections?: number;
  /** What `pg_hba.conf` asks of every client, TCP and unix. Default `trust`. */
  readonly auth?: "trust" | "scram-sha-256" | "md5";
  /** Lines of `pg_hba.conf`, in place of `auth`. */
  readonly rules?: string;
  /** PEM texts: the server offers TLS, and asks for client certificates signed by `ca` if it is given. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Further settings of postgresql.conf, by name; they win over the kit's. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** `fast` disconnects clients in an orderly way (57P01); `immediate` leaves like a crash. */
export type StopMode = "fast" | "immediate";

/** The line a server writes once it takes connections. */
const READY = "database system is ready to accept connections";

/** Ports come from the kernel, so another process may take one first: try so many. */
const MAX_PORT_ATTEMPTS = 5;

/** A real PostgreSQL 18 of this test file, on 127.0.0.1 and on a unix socket. {@link startPostgres} makes one. */
export class PostgresServer implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly user = SUPERUSER.name;
  readonly password = SUPERUSER.password;
  readonly database = "postgres";
  /** Holds `.s.PGSQL.<port>`; the host to give to clients that connect by unix socket. */
  readonly socketDirectory: string;

  readonly #install: PostgresInstall;
  readonly #options: PostgresOptions;
  #port = 0;
  #process: RunningProcess | undefined;

  /** Takes over a prepared directory; {@link startPostgres} makes it. */
  constructor(install: PostgresInstall, options: PostgresOptions, directory: string) {
    this.#install = install;
    this.#options = options;
    this.socketDirectory = directory;
  }

  /** The TCP port: chosen at the first start, the same ever after. */
  get port(): number {
    return this.#port;
  }

  /** `host:port`, as the gateway's `clients.<group>.<block>.address` wants it. */
  get address(): string {
    return `${this.host}:${this.#port}`;
  }

  /** Connection URL with user, password and database. */
  get url(): string {
    return `postgres://${this.user}:${this.password}@${this.address}/${this.database}`;
  }

  /** Process id of the running server. @throws when it is stopped. */
  get pid(): number {
    return this.#running().pid;
  }

  /** Whether the server process is there. */
  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.status === undefined;
  }

  /** What the server wrote since its last start: the PostgreSQL log. */
  output(): string {
    return this.#process?.output() ?? "";
  }

  /** Runs one simple query on a connection of its own, straight to the server, and returns the rows. */
  async query(text: string, database: string = this.database): Promise<Record<string, unknown>[]> {
    const client = new Client({
      host: this.host,
      port: this.#port,
      user: this.user,
      password: this.password,
      database,
    });
    await client.connect();
    try {
      const result = await client.query<Record<string, unknown>>(text);
      return result.rows;
    } finally {
      await client.end();
    }
  }

  /** Starts a stopped server, on the port it had, and waits until it takes connections. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error("this PostgreSQL runs already");
    for (let attempt = 1; ; attempt++) {
      const isFirstStart = this.#port === 0;
      if (isFirstStart) this.#port = await freePort();
      const server = await this.#spawn();
      try {
        await server.waitForLine(READY, { deadlineMs: 60_000 });
        this.#process = server;
        return;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        const isPortTaken = server.output().includes("Address already in use");
        if (!isPortTaken || attempt === MAX_PORT_ATTEMPTS) throw error;
        if (isFirstStart) this.#port = 0;
      }
    }
  }

  /** Stops the server and waits until it and all its backends are gone. */
  async stop(mode: StopMode = "fast"): Promise<ExitStatus> {
    const server = this.#running();
    server.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    return await server.waitForExit(30_000);
  }

  /** Stops and starts, on the same port. */
  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** Stops what runs, removes the directory, and proves that both are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.end("SIGQUIT", 30_000);
    await rm(this.socketDirectory, { recursive: true });
    if (existsSync(this.socketDirectory)) throw new Error(`${this.socketDirectory} is still there`);
  }

  #running(): RunningProcess {
    if (this.#process === undefined || this.#process.status !== undefined) {
      throw new Error(`this PostgreSQL is stopped; it wrote:\n${this.output()}`);
    }
    return this.#process;
  }

  #spawn(): Promise<RunningProcess> {
    const settings = {
      listen_addresses: this.host,
      port: this.#port,
      unix_socket_directories: this.socketDirectory,
      max_connections: this.#options.maxConnections ?? 100,
      ssl: this.#options.tls !== undefined,
      ...(this.#options.tls?.ca !== undefined && { ssl_ca_file: "root.crt" }),
      fsync: false,
      full_page_writes: false,
      ...this.#options.settings,
    };
    return startProcess(
      [
        this.#install.postgres,
        "-D",
        join(this.socketDirectory, "data"),
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { env: { LC_ALL: "C", TZ: "UTC" }, ...this.#install.account },
    );
  }
}

/**
 * Starts a real PostgreSQL 18 from npm, in a temporary directory, on a port chosen by the kernel; also as root.
 * Under a second once the first start on a machine has prepared the template. Share one per test file and
 * dispose of it in `afterAll`, or hold it with `await using`.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const auth = options.auth ?? "trust";
  const install = await preparePostgres(auth === "md5" ? "md5" : "scram-sha-256");
  const directory = await mkdtemp(join(postgresBaseDirectory(), "gatewayd-pg-"));
  const server = new PostgresServer(install, options, directory);
  try {
    await chmod(directory, 0o755);
    const { account } = install;
    if (account) await chown(directory, account.uid, account.gid);
    const data = join(directory, "data");
    const copied = await runToEnd(["cp", "-R", "-p", install.templateDirectory, data], account);
    if (copied.code !== 0) throw new Error(`cannot copy the template: ${copied.stderr}`);
    const rules = ["local", "host"].map((type) =>
      [type, "all,replication", "all", ...(type === "host" ? ["all"] : []), auth].join(" "),
    );
    await writeFile(join(data, "pg_hba.conf"), options.rules ?? `${rules.join("\n")}\n`);
    for (const [name, text] of Object.entries(tlsFiles(options.tls))) {
      const path = join(data, name);
      await writeFile(path, text, { mode: 0o600 });
      if (account) await chown(path, account.uid, account.gid);
    }
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** By the names that PostgreSQL looks for in its data directory. */
function tlsFiles(tls: PostgresOptions["tls"]): Record<string, string> {
  if (tls === undefined) return {};
  const { cert, key, ca } = tls;
  return { "server.crt": cert, "server.key": key, ...(ca !== undefined && { "root.crt": ca }) };
}
