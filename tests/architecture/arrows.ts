/** What one folder of `src/` may import, and how clean it must be. */
export interface FolderRule {
  /** Folders whose door it may use. Everything may also import errors and the interfaces of {@link INTERFACE_FILES}. */
  readonly mayImport: readonly string[];
  /** No Bun, no Node, no clock, no chance: bytes and values in, bytes and values out. Default false. */
  readonly isPure?: boolean;
  /** May build outputs of logging, metrics and tracing, not only use their interfaces. Default false. */
  readonly mayUseImplementations?: boolean;
}

/** The arrows between the folders of `src/`; a folder that is not named here must not exist. */
export const ARROWS: Readonly<Record<string, FolderRule>> = {
  errors: { mayImport: [], isPure: true },
  postgres: { mayImport: [], isPure: true },
  balancer: { mayImport: [], isPure: true },
  // What the data half tells whoever watches: interfaces, for those who tell and those who hear.
  watch: { mayImport: [], isPure: true },
  // Not pure: it is the C library.
  libc: { mayImport: [] },
  hooks: { mayImport: ["watch"], isPure: true },
  act: { mayImport: [], isPure: true },
  "config/schema": { mayImport: [], isPure: true },
  // Rules about logins are in the configuration, and understood by auth; policies and conditions by act.
  config: { mayImport: ["config/schema", "auth", "act"] },
  logging: { mayImport: ["libc", "watch"] },
  // It tells statements apart by the bytes of messages.
  statements: { mayImport: ["postgres", "watch"] },
  metrics: { mayImport: ["watch"] },
  tracing: { mayImport: [], isPure: true },
  // It looks for the client's trace in what clients send.
  "tracing/recorder": { mayImport: ["tracing", "postgres", "watch"] },
  // Not pure: it hashes with node:crypto.
  auth: { mayImport: ["postgres"] },
  net: { mayImport: ["libc", "watch"] },
  // It logs in to servers, as sessions log clients in (docs/decisions/0007).
  backend: { mayImport: ["auth", "net", "postgres"] },
  // The balancer's types reach sessions through the pool.
  pool: { mayImport: ["backend", "balancer", "net"] },
  // Not pure: it loads PostgreSQL's grammar. Whatever reads SQL may use it (docs/decisions/0020).
  sql: { mayImport: ["postgres"] },
  // What it asks of a database goes by a port; of net it has the clock.
  sharing: { mayImport: ["net", "sql"] },
  // A session logs its client in, talks to the backend it leased, and sends its cancel requests.
  session: {
    mayImport: [
      "pool",
      "auth",
      "backend",
      "balancer",
      "postgres",
      "hooks",
      "net",
      "sharing",
      "watch",
    ],
  },
  // What is said to plugin processes: by the gateway that runs them, and by an SDK that is one.
  rpc: { mayImport: [], isPure: true },
  // Its timers are of the type that hooks have.
  redis: { mayImport: ["hooks"] },
  // What plugins measure is read and merged by the code that makes the metrics pages.
  // Modules are run by the same code of the SDK in the gateway, in a worker and in a process.
  plugins: { mayImport: ["hooks", "act", "metrics", "postgres", "rpc", "sdk", "sql"] },
  "act/effects": { mayImport: ["hooks", "act", "postgres", "redis", "sql"] },
  sdk: { mayImport: ["hooks", "act", "postgres", "redis", "rpc", "sql"] },
  // Of hooks it has the numbers, of rpc the health service, of libc why it cannot listen; its console speaks
  // PostgreSQL's protocol.
  admin: { mayImport: ["hooks", "libc", "postgres", "rpc"] },
  // Runs in browsers: of the API it has the types of what is answered.
  "admin/page/browser": { mayImport: ["admin"] },
  // Another program's configuration; it names users files, which auth reads.
  pgbouncer: { mayImport: ["auth"] },
  gateway: {
    mayImport: [
      "postgres",
      "auth",
      "balancer",
      "hooks",
      "act",
      "act/effects",
      "config",
      "metrics",
      "tracing",
      "tracing/recorder",
      "libc",
      "net",
      "backend",
      "pool",
      "sql",
      "sharing",
      "statements",
      "session",
      "plugins",
      "watch",
      "admin",
    ],
    mayUseImplementations: true,
  },
  // Installs what the configuration is to name; a matter of the command line alone.
  install: { mayImport: ["config"] },
  // Projects get the grammar for their tests.
  scaffold: { mayImport: ["sql"] },
  cli: { mayImport: ["gateway", "config", "install", "pgbouncer", "scaffold"] },
  main: { mayImport: ["cli"] },
};

/**
 * The files of a folder that declare its interface: every folder may import the names its door re-exports
 * from there, and only the composition root the rest.
 */
export const INTERFACE_FILES: Readonly<Record<string, readonly string[]>> = {
  logging: ["logger.ts"],
  tracing: ["tracer.ts", "trace-context.ts"],
};

/** Longest source file. */
export const MAX_LINES = 600;
