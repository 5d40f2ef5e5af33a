import { type CompletedProcess, runToEnd } from "./processes.ts";

/** How to run psql. */
export interface PsqlOptions {
  /** Host name, address, or directory of a unix socket. */
  readonly host: string;
  readonly port: number;
  /** Further settings in libpq's environment, e.g. `PGSSLMODE`, `PGPASSWORD`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/**
 * Runs SQL (or backslash commands) through psql: bare rows on stdout, the first error ends it with exit code 3,
 * a failed connection with 2. Needs psql on the PATH, see `testNeeding`.
 */
export async function psql(sql: string, options: PsqlOptions): Promise<CompletedProcess> {
  const { host, port, env = {}, args = [] } = options;
  return await runToEnd(
    ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", ...args],
    {
      stdin: sql,
      env: {
        PATH: process.env["PATH"],
        HOME: "/nonexistent",
        LC_ALL: "C.UTF-8",
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: "postgres",
        PGDATABASE: "postgres",
        PGSSLMODE: "disable",
        PGGSSENCMODE: "disable",
        PGCONNECT_TIMEOUT: "20",
        ...env,
      },
    },
  );
}
