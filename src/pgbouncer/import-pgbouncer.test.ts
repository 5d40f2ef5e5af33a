import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { readConnectionString } from "./connection-string.ts";
import { type Imported, importPgbouncer } from "./import-pgbouncer.ts";

/** Imports the file `a.ini` of these; paths are below /p. */
function importFiles(files: Readonly<Record<string, string>>): Imported {
  return importPgbouncer("a.ini", {
    read(path) {
      const text = files[path.replace(/^\/p\//, "")];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    pathOf: (path) => (path.startsWith("/") ? path : `/p/${path}`),
  });
}

interface Config {
  readonly clients: { readonly default: Readonly<Record<string, object>> };
  readonly pools: { readonly default: Readonly<Record<string, object>> };
  readonly servers: { readonly default: Readonly<Record<string, unknown>> };
}

const configOf = ({ yaml }: Imported): Config => parse(yaml) as Config;
const linesOf = ({ notes }: Imported): readonly string[] =>
  notes.map(({ file, line, message }) => `${file}:${line}: ${message}`);

function importSettings(settings: string, databases = "db = host=h"): Imported {
  const text = `[databases]\n${databases}\n[pgbouncer]\nauth_file = users.txt\n${settings}\n`;
  return importFiles({ "a.ini": text, "users.txt": '"anna" "secret"\n' });
}

describe("what is not given", () => {
  test("is what PgBouncer does then", () => {
    const imported = importSettings("");
    expect(imported.notes).toEqual([]);
    expect(configOf(imported)).toEqual({
      loggers: { default: { level: "info" } },
      clients: {
        default: {
          db: { address: "h:5432", dialTimeout: "15s", tcpKeepAlive: true, tlsMode: "prefer" },
        },
      },
      pools: {
        default: {
          db: {
            mode: "session",
            size: 20,
            queueTimeout: "120s",
            idleTimeout: "10m",
            maxLifetime: "1h",
          },
        },
      },
      servers: {
        default: {
          address: ["/tmp/.s.PGSQL.6432"],
          socketMode: "0777",
          maxConnections: 100,
          startupTimeout: "60s",
          auth: { method: "md5", usersFile: "/p/users.txt" },
          routes: [{ database: "db", blocks: ["db"] }],
        },
      },
    } as unknown as Config);
  });
});

describe("databases", () => {
  test("become blocks and routes, the fallback last", () => {
    const imported = importSettings(
      "",
      `* = host=/run/pg port=5433
shop = host=10.0.0.1,fe80::1 dbname='the shop' pool_mode=transaction pool_size=7 min_pool_size=9
"Old ""Shop""" = host=h user=anna password='it''s $\{X}' timezone=UTC
bob = user=anna dbname=b`,
    );
    expect(linesOf(imported)).toEqual([
      "a.ini:3: pool_size: counts the connections of all users together here; nearest: pools.default.<block>.size",
    ]);
    const { clients, pools, servers } = configOf(imported);
    expect(servers.default["routes"]).toEqual([
      { database: "shop", blocks: ["shop-1", "shop-2"], as: "the shop" },
      { database: 'Old "Shop"', blocks: ["old-shop"] },
      { database: "bob", blocks: ["bob"], as: "b" },
      { database: "*", blocks: ["others"] },
    ]);
    expect(clients.default).toMatchObject({
      "shop-1": { address: "10.0.0.1:5432" },
      "shop-2": { address: "[fe80::1]:5432" },
      "old-shop": {
        startupParams: {
          user: "anna",
          password: "it's $${X}",
          database: 'Old "Shop"',
          timezone: "UTC",
        },
      },
      bob: {
        address: "/var/run/postgresql/.s.PGSQL.5432",
        startupParams: { user: "anna", password: "secret", database: "b" },
      },
      others: { address: "/run/pg/.s.PGSQL.5433" },
    });
    expect(pools.default["shop-1"]).toMatchObject({ mode: "transaction", size: 7, minSize: 7 });
  });

  test("need no route where each is asked for by its own name in one place", () => {
    const { servers } = configOf(importSettings("", "* = host=h"));
    expect(servers.default["routes"]).toBeUndefined();
  });

  test("have as many connections as PgBouncer allows them, or a hundred", () => {
    const sizes = (settings: string, database: string) =>
      configOf(importSettings(settings, `db = host=h ${database}`)).pools.default["db"];
    expect(sizes("default_pool_size = 8", "")).toMatchObject({ size: 8 });
    expect(sizes("max_db_connections = 30", "")).toMatchObject({ size: 30 });
    expect(sizes("max_db_connections = 30", "max_db_connections=40")).toMatchObject({ size: 40 });
    expect(sizes("default_pool_size = 0", "")).toMatchObject({ size: 100 });
    expect(linesOf(importSettings("", "db = host=h pool_size=0"))).toEqual([
      "a.ini:2: pool_size: a pool without a limit has 100 connections here; nearest: pools.default.<block>.size",
    ]);
  });

  test("say what cannot be", () => {
    const imported = importSettings(
      "",
      `* = host=h user=anna
db = host=h connect_query='select 1' timezone=UTC
broken = host='h
who = host=h user=nobody
odd = host=h nonsense=1`,
    );
    expect(linesOf(imported)).toEqual([
      "a.ini:2: user: *: a login for any database is not possible: clients log in as themselves; nearest: an entry for each database",
      "a.ini:3: timezone: db: only connections with a login of their own begin with settings; nearest: clients.default.<block>.startupParams",
      "a.ini:3: connect_query: nothing is run on new connections; nearest: settings in clients.default.<block>.startupParams",
      "a.ini:4: broken: the database is left out: its value cannot be read",
      "a.ini:5: user: who: no password of nobody is known in clear text; nearest: clients.default.<block>.startupParams.password",
      "a.ini:6: nonsense: is not known",
    ]);
  });

  test("have no key that is not known", () => {
    const words = [
      "dbname host port user password auth_user auth_query auth_dbname pool_size min_pool_size reserve_pool",
      "reserve_pool_size connect_query pool_mode load_balance_hosts max_db_connections server_lifetime",
      "max_db_client_connections client_encoding datestyle timezone application_name",
    ];
    const pairs = words
      .join(" ")
      .split(" ")
      .map((key) => `${key}=1`);
    const lines = linesOf(importSettings("", `db = ${pairs.join(" ")}`));
    expect(lines).toContain(
      "a.ini:2: auth_query: users of all databases are asked for by one query; nearest: servers.default.auth.query",
    );
    expect(lines.filter((line) => line.includes("is not known"))).toEqual([]);
  });
});

describe("settings", () => {
  test("have their like", () => {
    const imported = importSettings(
      `listen_addr = *
listen_port = 7000
unix_socket_dir =
max_client_conn = 500
client_login_timeout = 0
client_idle_timeout = 1.5
idle_transaction_timeout = 30
query_timeout = 20
query_wait_timeout = 0
server_lifetime = 10
server_idle_timeout = 0
server_reset_query = RESET ALL
server_connect_timeout = 3
max_prepared_statements = 50
max_packet_size = 4096
so_reuseport = 1
tcp_keepidle = 40
max_user_client_connections = 5
client_tls_sslmode = verify-full
client_tls_cert_file = /c
client_tls_key_file = /k
client_tls_ca_file = ca
client_tls_protocols = tlsv1.3
server_tls_sslmode = verify-ca
server_tls_ca_file = /s
verbose = 1
logfile = log
syslog = 1`,
    );
    expect(imported.notes).toEqual([]);
    expect(configOf(imported)).toMatchObject({
      loggers: { default: { level: "debug", output: ["file", "syslog"], fileName: "/p/log" } },
      clients: {
        default: {
          db: { dialTimeout: "3s", tcpKeepAlivePeriod: "40s", tlsMode: "verify-ca", caFile: "/s" },
        },
      },
      pools: {
        default: {
          db: {
            queueTimeout: "0s",
            idleTimeout: "0s",
            maxLifetime: "10s",
            resetQuery: "RESET ALL",
            preparedStatements: 50,
          },
        },
      },
      servers: {
        default: {
          address: [":7000"],
          maxConnections: 500,
          startupTimeout: "0s",
          idleTimeout: "1.5s",
          idleInTransactionTimeout: "30s",
          queryTimeout: "20s",
          maxMessageBytes: 4096,
          reusePort: true,
          enableTLS: true,
          tlsMode: "verify-full",
          certFile: "/c",
          keyFile: "/k",
          clientCAFile: "/p/ca",
          minTLSVersion: "1.3",
          auth: { maxConnectionsPerUser: 5 },
        },
      },
    });
    expect(configOf(imported).servers.default["socketMode"]).toBeUndefined();
  });

  test.each([
    ["reserve_pool_size = 5", "there is no reserve; nearest: pools.default.<block>.size, made"],
    ["server_reset_query =", "what clients leave behind is always cleaned; nearest: pools."],
    ["max_prepared_statements = 0", "prepared statements are always followed; nearest: pools."],
    ["server_lifetime = 0", "connections are used for a second at least"],
    ["client_idle_timeout = soon", "is no number: soon"],
    ["so_reuseport = maybe", "is neither on nor off: maybe"],
    ["unix_socket_dir = @name", "is not carried over: only paths"],
    ["max_clients = 1", "is not known"],
  ])("%s is told", (setting, reason) => {
    const [name] = setting.split(" ");
    const [line = "", ...others] = linesOf(importSettings(setting));
    expect(line).toStartWith(`a.ini:5: ${name}: ${reason}`);
    expect(others).toEqual([]);
  });
});

describe("logging in", () => {
  const authOf = (settings: string) => configOf(importSettings(settings)).servers.default["auth"];

  test.each([
    ["trust", { method: "trust" }],
    ["any", { method: "trust" }],
    ["plain", { method: "cleartext", allowUnencryptedCleartext: true }],
    ["scram-sha-256", { method: "scram-sha-256" }],
    ["cert", { method: "cert" }],
  ])("auth_type %s", (type, expected) => {
    expect(authOf(`auth_type = ${type}`)).toEqual({ ...expected, usersFile: "/p/users.txt" });
  });

  test("auth_type hba goes by its file", () => {
    expect(authOf("auth_type = hba\nauth_hba_file = hba.conf")).toEqual({
      method: "scram-sha-256",
      usersFile: "/p/users.txt",
      hbaFile: "/p/hba.conf",
    });
  });

  test("auth_type hba needs no users, but its file", () => {
    const authOfAll = (settings: string) => {
      const text = `[databases]\ndb = host=h\n[pgbouncer]\nauth_type = hba\n${settings}\n`;
      return configOf(importFiles({ "a.ini": text })).servers.default["auth"];
    };
    expect(authOfAll("auth_hba_file = /h")).toEqual({ method: "trust", hbaFile: "/h" });
    expect(authOfAll("")).toEqual({ method: "trust", rules: [{ method: "reject" }] });
  });

  test("an auth_query that nobody asks is told", () => {
    const imported = importSettings("auth_query = SELECT * FROM f($1)");
    expect(linesOf(imported)).toEqual([
      "a.ini:5: auth_query: has no effect without auth_user, and is left out; nearest: servers.default.auth.query",
    ]);
    expect(configOf(imported).servers.default["auth"]).not.toHaveProperty("query");
  });

  test("a users file that cannot be read is told, and stays named", () => {
    const text = "[databases]\ndb = host=h\n[pgbouncer]\nauth_file = gone.txt\n";
    const imported = importFiles({ "a.ini": text });
    expect(linesOf(imported)).toEqual([
      "a.ini:4: auth_file: cannot be used yet, which keeps the gateway from starting: no such file",
    ]);
    expect(configOf(imported).servers.default["auth"]).toMatchObject({ usersFile: "/p/gone.txt" });
  });

  test("auth_query asks one database", () => {
    const imported = importSettings("auth_user = anna\nauth_query = SELECT * FROM f($1)");
    expect(configOf(imported).servers.default["auth"]).toMatchObject({
      query: {
        sql: "SELECT * FROM f($1)",
        user: "anna",
        password: "secret",
        database: "db",
        block: "db",
      },
    });
    expect(linesOf(imported)).toEqual([
      "a.ini:5: auth_user: only db is asked for users, not each database",
      "a.ini:6: auth_query: names in it must have their schema: it runs with search_path = pg_catalog",
    ]);
  });

  test("what is not supported, or lacks its users, lets nobody in", () => {
    const nobody = { method: "trust", rules: [{ method: "reject" }] };
    expect(authOf("auth_type = pam")).toEqual(nobody);
    const alone = importFiles({
      "a.ini": "[databases]\ndb = host=h\n[pgbouncer]\nauth_type=md5\n",
    });
    expect(configOf(alone).servers.default["auth"]).toEqual(nobody);
    expect(linesOf(alone)).toEqual([
      "a.ini:4: auth_type: md5 needs an auth_file, and so nobody may log in",
    ]);
  });
});

describe("files", () => {
  test("include others", () => {
    const imported = importFiles({
      "a.ini": "%include b.ini\n%include missing.ini\n; comment\n# comment\nnonsense\n",
      "b.ini": "[databases]\r\ndb = host=h\r\n[pgbouncer]\r\nauth_type = trust\r\nuser = x\r\n",
    });
    expect(configOf(imported).clients.default["db"]).toMatchObject({ address: "h:5432" });
    expect(linesOf(imported)).toEqual([
      "a.ini:2: %include missing.ini: no such file",
      "a.ini:5: is neither a section nor key = value: nonsense",
      "b.ini:5: user: a matter of whoever starts the gateway, such as the systemd unit",
    ]);
  });

  test("that include each other end", () => {
    const { notes } = importFiles({ "a.ini": "%include a.ini\n" });
    expect(notes.map(({ message }) => message)).toContain(
      "%include a.ini: too many files include each other",
    );
  });

  test("have sections beside those", () => {
    const text =
      "[databases]\ndb = host=h\n[users]\nanna = pool_mode=statement\n[peers]\n1 = host=h\n";
    const lines = linesOf(importFiles({ "a.ini": `${text}[pgbouncer]\nauth_type=trust\n` }));
    expect(lines).toEqual([
      expect.stringContaining("a.ini:4: anna: settings of single users are not carried over"),
      "a.ini:6: 1: gateways that share a port hand cancel requests on by themselves; nearest: servers.default.reusePort",
    ]);
  });

  test("without a database serve nobody", () => {
    expect(linesOf(importFiles({ "a.ini": "[pgbouncer]\nauth_type=trust\n" }))).toEqual([
      "a.ini:1: there is no database: nobody can be served",
    ]);
  });
});

test.each([
  ["", {}],
  ["a=1  b = 'x y' c='it''s' d=", { a: "1", b: "x y", c: "it's", d: "" }],
  ["a", undefined],
  ["a='x", undefined],
  ["a='x'y", undefined],
])("the connection string %j", (text, expected) => {
  const values = readConnectionString(text);
  expect(values === undefined ? undefined : Object.fromEntries(values)).toEqual(expected);
});

describe("users of the console", () => {
  const verifier = `SCRAM-SHA-256$4096:${btoa("salt")}$${btoa("1".repeat(32))}:${btoa("2".repeat(32))}`;
  const imported = (settings: string): Imported =>
    importFiles({
      "a.ini": `[databases]\ndb = host=h\n[pgbouncer]\nauth_file = users.txt\n${settings}\n`,
      "users.txt": `"anna" "secret"\n"ben" "${verifier}"\n"eve" "${verifier}"\n`,
    });

  test("are those whose SCRAM verifier is known", () => {
    const some = imported("admin_users = anna, ben\nstats_users = ben, eve");
    expect(parse(some.yaml)).toMatchObject({
      admin: {
        console: {
          users: [
            { name: "ben", role: "admin", verifier },
            { name: "eve", role: "viewer", verifier },
          ],
        },
      },
    });
    expect(linesOf(some)).toEqual([
      "a.ini:5: admin_users: anna has no SCRAM verifier in the auth_file; nearest: admin.console.users",
    ]);
  });

  test("show certificates where all do", () => {
    const some = imported("auth_type = cert\nadmin_users = anna");
    expect(parse(some.yaml)).toMatchObject({
      admin: { console: { users: [{ name: "anna", role: "admin", certificate: "anna" }] } },
    });
  });

  test("are none where there are none", () => {
    expect(parse(imported("").yaml)).not.toHaveProperty("admin");
  });
});
