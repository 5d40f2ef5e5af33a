import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { readGlobal } from "./load-config.ts";

interface Wanted {
  readonly writes?: Readonly<Record<string, unknown>>;
  readonly reads?: Readonly<Record<string, unknown>>;
  readonly mode?: string;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
}

function issuesOf({
  mode = "transaction",
  pool = {},
  server = {},
  writes = {},
  reads = {},
}: Wanted): readonly string[] {
  const text = JSON.stringify({
    clients: { default: { writes, reads } },
    pools: { default: { writes: { mode, ...pool }, reads: { mode } } },
    proxies: { default: { writes: {}, reads: {} } },
    servers: { default: server },
  });
  const result = readGlobal(text, "", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map((issue) => formatIssue({ ...issue, file: "f", line: 0, column: 0 }));
}

const SCRAM = { auth: { method: "scram-sha-256", usersFile: "users.txt" } };
const authWith = (keys: object) => ({ auth: { ...SCRAM.auth, ...keys } });
const QUERY = { sql: "select f($1)", user: "u", password: "p", database: "d" };
const QUERY_OF_READS = { ...QUERY, block: "reads" };
const RULES = [
  { from: "10.0.0.0/8, ::1", user: ["shop"], database: "*", method: "md5" },
  { from: "local", tls: false, method: "trust" },
  { from: "*", method: "reject" },
];
const login = (database: string) => ({ startupParams: { user: "shared", database } });
const ROUTES = [
  { database: "shop", blocks: "writes" },
  { database: ["stock", "depot"], user: "u", blocks: ["reads", "Writes"], as: "s" },
  { database: "*", blocks: "reads" },
];
const routes = (...list: object[]) => ({ server: { ...SCRAM, routes: list } });
const TLS = { enableTLS: true, certFile: "c.pem", keyFile: "k.pem" };

const VERIFIED = { ...TLS, tlsMode: "verify-ca", clientCAFile: "a.pem" };

test.each<[string, Wanted]>([
  ["scram-sha-256 with users", { server: SCRAM }],
  ["trust without users", { server: { auth: { method: "trust" } } }],
  [
    "functions that share connections",
    { server: SCRAM, pool: { multiplexDepth: 16, allowFunctions: ["f", "Other.f_2", "a$"] } },
  ],
  [
    "routes to logins for different databases",
    {
      writes: login("shop"),
      reads: login("stock"),
      ...routes(
        { database: "shop", blocks: "writes" },
        { database: "x", blocks: "reads", as: "stock" },
      ),
    },
  ],
  [
    "a user map",
    {
      server: { ...VERIFIED, auth: { method: "cert", userMap: [{ certificate: "c", user: "u" }] } },
    },
  ],
  [
    "cleartext without TLS where it is allowed",
    { server: authWith({ method: "cleartext", allowUnencryptedCleartext: true }) },
  ],
  ["routes", { server: { ...SCRAM, routes: ROUTES } }],
  ["every key of a shared pool", { server: SCRAM, pool: { minSize: 2, idleTimeout: "1m" } }],
  ["passthrough", { mode: "passthrough" }],
  [
    "TLS with a server that clients log in at",
    { writes: { tlsMode: "require" }, mode: "passthrough" },
  ],
  [
    "logins to different databases by routes",
    {
      writes: login("shop"),
      reads: login("stock"),
      ...routes(
        { database: "orders", blocks: "writes", as: "shop" },
        { database: "*", blocks: "reads" },
      ),
    },
  ],
  ["TLS on both sides", { writes: { tlsMode: "require" }, server: { ...SCRAM, ...TLS } }],
  [
    "one login for all",
    { writes: login("shop"), reads: login("shop"), mode: "passthrough", server: SCRAM },
  ],
  [
    "one login for all and a plugin that logs clients in",
    {
      ...{ writes: login("shop"), reads: login("shop"), mode: "transaction" },
      server: { auth: { method: "plugin", maxConnectionsPerUser: 5 } },
    },
  ],
  ["rules", { server: authWith({ rules: RULES }) }],
  [
    "users of a query alone",
    { server: { auth: { method: "scram-sha-256", query: { ...QUERY, block: "Writes" } } } },
  ],
  ["users of a query beside those of a file", { server: authWith({ query: QUERY_OF_READS }) }],
  ["caps", { server: authWith({ maxConnectionsPerUser: 5, maxConnectionsPerDatabase: 9 }) }],
  ["an hba file", { server: authWith({ hbaFile: "pg_hba.conf" }) }],
  [
    "certificates",
    { server: { ...TLS, tlsMode: "verify-ca", clientCAFile: "a.pem", auth: { method: "cert" } } },
  ],
])("%s is right", (_, wanted) => {
  expect(issuesOf(wanted)).toEqual([]);
});

test.each<[string, Wanted, string]>([
  ["without a method", {}, "mode: transaction needs servers.default.auth.method: trust, "],
  ["with relay", { server: { auth: { method: "relay" } } }, "auth.method other than relay: trust"],
  ["without users", { server: { auth: { method: "md5" } } }, "md5 needs a usersFile"],
  ["cert without certificates", { server: { auth: { method: "cert" } } }, "cert needs tlsMode"],
  [
    "beside passthrough",
    { server: SCRAM, pool: { mode: "passthrough" } },
    "writes.mode: passthrough does not go with the pooled modes of the group's other blocks",
  ],
  ["raw", { server: { protocol: "raw" } }, "transaction needs protocol: postgres"],
  ["a minSize above size", { server: SCRAM, pool: { size: 2, minSize: 3 } }, "more than size (2)"],
  ["a method in passthrough", { mode: "passthrough", server: SCRAM }, "needs blocks in a pooled"],
  [
    "rules with relay",
    { mode: "passthrough", server: { auth: { rules: RULES } } },
    "auth.rules: needs a method other than relay",
  ],
  [
    "an hba file with relay",
    { mode: "passthrough", server: { auth: { hbaFile: "x" } } },
    "auth.hbaFile: needs a method other than relay",
  ],
  [
    "a query with relay",
    { mode: "passthrough", server: { auth: { query: QUERY_OF_READS } } },
    "auth.query: needs a method other than relay",
  ],
  [
    "a query of no block in particular",
    { server: authWith({ query: QUERY }) },
    "auth.query: needs block: writes or reads",
  ],
  [
    "a query of a block that is not there",
    { server: authWith({ query: { ...QUERY, block: "wrties" } }) },
    'auth.query.block: "wrties" is not a block of this group',
  ],
  [
    "a query about nobody",
    { server: authWith({ query: { ...QUERY_OF_READS, sql: "select f($10)" } }) },
    "auth.query.sql: must look a user up by its name, which is $1",
  ],
  [
    "a query without a login",
    { server: authWith({ query: { ...QUERY_OF_READS, user: undefined } }) },
    "auth.query.user: is required",
  ],
  [
    "a query without a database",
    { server: authWith({ query: { ...QUERY_OF_READS, database: undefined } }) },
    "auth.query.database: is required",
  ],
  [
    "a query where nobody is asked for a secret",
    { server: { auth: { method: "trust", query: QUERY_OF_READS } } },
    "auth.query: has no effect without a method that asks for secrets",
  ],
  [
    "a cap per user with relay",
    { mode: "passthrough", server: { auth: { maxConnectionsPerUser: 5 } } },
    "auth.maxConnectionsPerUser: needs a method other than relay",
  ],
  [
    "a cap per database with relay",
    { mode: "passthrough", server: { auth: { maxConnectionsPerDatabase: 5 } } },
    "auth.maxConnectionsPerDatabase: needs a method other than relay",
  ],
  [
    "a cap of nobody",
    { server: authWith({ maxConnectionsPerUser: 0 }) },
    "auth.maxConnectionsPerUser: must be at least 1",
  ],
  [
    "rules beside an hba file",
    { server: authWith({ rules: RULES, hbaFile: "x" }) },
    "auth.hbaFile: goes in place of rules",
  ],
  [
    "a rule for no network",
    { server: authWith({ rules: [{ from: ["::1", "10.0.0.0/33"] }] }) },
    'auth.rules.0.from: "10.0.0.0/33" is no network',
  ],
  [
    "a rule for nobody",
    { server: authWith({ rules: [{ user: [] }] }) },
    "auth.rules.0.user: an empty list fits nobody",
  ],
  [
    "a rule of an unknown method",
    { server: authWith({ rules: [{ method: "ident" }] }) },
    "auth.rules.0.method: must be one of trust, cleartext, md5, scram-sha-256, cert, reject",
  ],
  [
    "a rule that needs users",
    { server: { auth: { method: "trust", rules: [{}, { method: "md5" }] } } },
    "auth.rules.1.method: md5 needs a usersFile",
  ],
  [
    "a rule that needs certificates",
    { server: authWith({ rules: [{ tls: true, method: "cert" }] }) },
    "auth.rules.0.method: cert needs tlsMode",
  ],
  [
    "a rule for TLS without TLS",
    { server: authWith({ rules: [{ tls: true }] }) },
    "auth.rules.0.tls: fits nobody",
  ],
  [
    "one login for all without a method",
    { writes: login("shop"), reads: login("shop"), mode: "passthrough" },
    "clients.default.writes.startupParams: lets in who is answered by a plugin, and nobody else; give servers.default.auth.method",
  ],
  [
    "one login for all with relay",
    {
      ...{ writes: login("shop"), reads: login("shop"), mode: "passthrough" },
      server: { auth: { method: "relay" } },
    },
    "clients.default.writes.startupParams: needs servers.default.auth.method other than relay: trust",
  ],
  [
    "one login for all and raw",
    { writes: login("shop"), mode: "passthrough", server: { protocol: "raw" } },
    "clients.default.writes.startupParams: needs protocol: postgres",
  ],
  [
    "one login for all beside passthrough",
    { writes: login("shop"), mode: "passthrough", server: SCRAM },
    "pools.default.reads.mode: passthrough does not go with",
  ],
  [
    "logins to different databases",
    { writes: login("shop"), reads: login("stock"), server: SCRAM },
    'clients.default.reads.startupParams.database: must be "shop", as in writes',
  ],
  [
    "a login in one block alone",
    { reads: login("stock"), server: SCRAM },
    "clients.default.writes: needs startupParams with database: stock, as reads has them",
  ],
  [
    "TLS with a server that is relayed as it is",
    { writes: { tlsMode: "require" }, mode: "passthrough", server: { protocol: "raw" } },
    "clients.default.writes.tlsMode: require needs protocol: postgres",
  ],
  [
    "TLS on both sides of a relayed login",
    { writes: { tlsMode: "require" }, mode: "passthrough", server: TLS },
    "clients.default.writes.tlsMode: clients over TLS get in by SCRAM only without channel binding",
  ],
  [
    "a route to a login to another database",
    { reads: login("stock"), ...routes({ database: "shop", blocks: "Reads" }) },
    'routes.0: as must be "stock", which startupParams of reads logs in to',
  ],
  [
    "a route under the name of another database",
    { reads: login("stock"), ...routes({ database: "*", blocks: "reads", as: "shop" }) },
    'routes.0.as: must be "stock", which startupParams of reads logs in to',
  ],
  [
    "a plugin that logs in where users have connections of their own",
    { reads: login("shop"), server: { auth: { method: "plugin" } } },
    "clients.default.writes: needs startupParams: a plugin's answer opens no connection",
  ],
  [
    "a plugin that logs in in passthrough",
    { mode: "passthrough", server: { auth: { method: "plugin" } } },
    "auth.method: plugin needs blocks in a pooled mode",
  ],
  [
    "users beside a plugin that logs in",
    {
      ...{ writes: login("shop"), reads: login("shop") },
      server: { auth: { method: "plugin", usersFile: "u" } },
    },
    "auth.usersFile: needs a method other than plugin",
  ],
  [
    "a user map without certificates",
    { server: authWith({ userMap: [{ certificate: "c", user: "u" }] }) },
    "auth.userMap: has no effect without the method cert",
  ],
  [
    "a user map that verify-full defeats",
    {
      server: {
        ...VERIFIED,
        tlsMode: "verify-full",
        auth: { method: "cert", userMap: [{ certificate: "c", user: "u" }] },
      },
    },
    "auth.userMap: needs tlsMode: verify-ca",
  ],
  [
    "half an entry of a user map",
    { server: { ...VERIFIED, auth: { method: "cert", userMap: [{ certificate: "c" }] } } },
    "auth.userMap.0.user: is required",
  ],
  [
    "cleartext without TLS",
    { server: authWith({ method: "cleartext" }) },
    "auth.method: cleartext needs enableTLS, or allowUnencryptedCleartext",
  ],
  [
    "a permit for a method that is not used",
    { server: authWith({ allowUnencryptedCleartext: true }) },
    "auth.allowUnencryptedCleartext: has no effect without the method cleartext",
  ],
  [
    "routes in passthrough",
    { mode: "passthrough", server: { routes: ROUTES } },
    "routes: needs blocks in a pooled mode",
  ],
  ["no routes", routes(), "routes: must not be empty"],
  [
    "a route to nowhere",
    routes({ database: "x", blocks: ["writes", "raeds"] }),
    'routes.0.blocks: "raeds" is not a block of this group, did you mean "reads"?',
  ],
  [
    "a route that names a block twice",
    routes({ database: "x", blocks: "reads, READS" }),
    'routes.0.blocks: "reads" is given twice',
  ],
  ["a route without blocks", routes({ database: "x" }), "routes.0.blocks: is required"],
  ["a route to no block", routes({ database: "x", blocks: [] }), "routes.0.blocks: must not be"],
  ["a route of no database", routes({ blocks: "reads" }), "routes.0.database: is required"],
  [
    "a route behind one for all",
    routes({ database: "*", blocks: "reads" }, { database: "x", blocks: "writes" }),
    "routes.1: is never used: routes.0 fits all its clients",
  ],
  [
    "a block that no route leads to",
    routes({ database: "*", blocks: "reads" }),
    "clients.default.writes: no route leads here",
  ],
  [
    "a route to a login for another database",
    {
      reads: login("stock"),
      writes: login("stock"),
      ...routes({ database: "x", blocks: "reads" }),
    },
    'routes.0.database: reads has "stock" alone, by its startupParams: give as: stock',
  ],
  ["routes of raw", { server: { protocol: "raw", routes: ROUTES } }, "routes: needs protocol"],
  [
    "depth in session mode",
    { mode: "session", server: SCRAM, pool: { multiplexDepth: 2 } },
    "pools.default.writes.multiplexDepth: needs mode: transaction or statement",
  ],
  [
    "too much depth",
    { server: SCRAM, pool: { multiplexDepth: 17 } },
    "pools.default.writes.multiplexDepth: must be at most 16",
  ],
  ...["f()", "a.b.c", "", 'a."b"', "f\\", "f\u00fc"].map((name): [string, Wanted, string] => [
    `a function by the name of ${JSON.stringify(name)}`,
    { server: SCRAM, pool: { multiplexDepth: 2, allowFunctions: ["f", name] } },
    `pools.default.writes.allowFunctions.1: is name or schema.name, as the database has them, not`,
  ]),
  [
    "functions without multiplexing",
    { mode: "transaction", server: SCRAM, pool: { allowFunctions: ["f"] } },
    "pools.default.writes.allowFunctions: has no effect without multiplexDepth",
  ],
  [
    "pins in session mode",
    { mode: "session", server: SCRAM, pool: { maxPinned: 2 } },
    "pools.default.writes.maxPinned: has no effect in mode session",
  ],
  [
    "pins in passthrough mode",
    { mode: "passthrough", pool: { maxPinned: 2 } },
    "pools.default.writes.maxPinned: has no effect in mode passthrough",
  ],
  [
    "a number of pins that is none",
    { mode: "transaction", server: SCRAM, pool: { maxPinned: -1 } },
    "pools.default.writes.maxPinned: must be at least 0",
  ],
  ["a key without effect", { mode: "passthrough", pool: { minSize: 1 } }, "has no effect in mode"],
])("%s is told", (_, wanted, message) => {
  const issues = issuesOf(wanted);
  expect(issues.filter((issue) => issue.includes(message))).not.toEqual([]);
});

test("a rule at fault is told with line and column", () => {
  const text = `clients: {default: {writes: {}}}
pools: {default: {writes: {mode: session}}}
servers:
  default:
    auth:
      method: trust
      rules:
        - from: local
        - user: shop
          from: 10.0.0.1.2
`;
  const result = readGlobal(text, "gatewayd.yaml", { env: {} });
  expect(result.ok ? [] : result.issues.map(formatIssue)).toEqual([
    'gatewayd.yaml:10:17: servers.default.auth.rules.1.from: "10.0.0.1.2" is no network, nor "local" or "all"',
  ]);
});
