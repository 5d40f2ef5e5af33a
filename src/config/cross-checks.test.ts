import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { readGlobal, readPlugins } from "./load-config.ts";

type Outcome = readonly [severity: "error" | "warning", text: string][];

function check(text: string): Outcome {
  const result = readGlobal(text, "", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map((issue) => [
    issue.severity,
    formatIssue({ ...issue, file: "f", line: 0, column: 0 }),
  ]);
}

function checkPlugins(text: string, dev = false): Outcome {
  const result = readPlugins(text, "", { env: {}, dev });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map((issue) => [issue.severity, `${issue.path}: ${issue.message}`]);
}

const server = (keys: string): string => `servers: {default: {${keys}}}`;
const TLS = "certFile: c.pem, keyFile: k.pem";

test.each([
  [
    "pools: {default: {writse: {}}}",
    'pools.default.writse: is not among the clients, did you mean "writes"?',
  ],
  ["proxies: {defualt: {writes: {}}}", "proxies.defualt.writes: is not among the clients"],
  ["servers: {other: {address: 'h:1'}}", "servers.other: the group has no clients"],
  [
    "clients: {a: {x: {}}, b: {x: {}}}",
    "servers.b.address: 0.0.0.0:15432 is already used by servers.a.address",
  ],
  [
    "api: {httpAddress: 'localhost:9090'}",
    "api.httpAddress: localhost:9090 is already used by metrics.default.address",
  ],
  [
    "clients: {default: {writes: {address: localhost}}}",
    "clients.default.writes.address: must be host:port",
  ],
  [
    "clients: {default: {writes: {address: 'db:0'}}}",
    "clients.default.writes.address: must name a port other than 0",
  ],
  [server("address: []"), "servers.default.address: must not be empty"],
  [server("address: [localhost]"), "servers.default.address: must be host:port"],
  [server("network: udp"), "servers.default.network: udp is not supported"],
  [server("network: sctp"), "servers.default.network: must be one of tcp, unix"],
  [
    server("enableTicker: on, tickInterval: 0s"),
    "servers.default.tickInterval: must be more than 0",
  ],
  [server("enableTLS: on"), "servers.default.enableTLS: needs certFile and keyFile"],
  [server("certFile: c.pem"), "servers.default.certFile: needs keyFile as well"],
  [server("keyFile: k.pem"), "servers.default.keyFile: needs certFile as well"],
  [server("tlsMode: require"), "servers.default.tlsMode: require needs enableTLS: true"],
  [
    server(`enableTLS: on, ${TLS}, tlsMode: verify-ca`),
    "servers.default.tlsMode: verify-ca needs clientCAFile",
  ],
  [
    server(`enableTLS: on, ${TLS}, clientCAFile: ca.pem`),
    "servers.default.clientCAFile: has an effect only with",
  ],
  [server("minTLSVersion: '1.1'"), "servers.default.minTLSVersion: must be one of 1.2, 1.3"],
  [
    server(`protocol: raw, enableTLS: on, ${TLS}`),
    "servers.default.enableTLS: needs protocol: postgres",
  ],
  [
    server("protocol: raw, queryTimeout: 1s"),
    "servers.default.queryTimeout: needs protocol: postgres",
  ],
  [
    server("protocol: raw, idleInTransactionTimeout: 1s"),
    "servers.default.idleInTransactionTimeout: needs protocol",
  ],
  [
    server("protocol: raw, startupTimeout: 1s"),
    "servers.default.startupTimeout: needs protocol: postgres",
  ],
  [
    server("loadBalancer: {strategy: round_robin}"),
    "loadBalancer.strategy: must be one of ROUND_ROBIN, RANDOM, WEIGHTED_ROUND_ROBIN, LEAST_CONNECTIONS",
  ],
  [
    server("loadBalancer: {strategy: WEIGHTED_ROUND_ROBIN}"),
    "loadBalancer.strategy: WEIGHTED_ROUND_ROBIN needs loadBalancingRules",
  ],
  [
    server("loadBalancer: {loadBalancingRules: [{condition: DEFAULT, distribution: []}]}"),
    "distribution: must not be empty",
  ],
  [
    server(
      "loadBalancer: {loadBalancingRules: [{condition: '', distribution: [{proxyName: writes, weight: 1}]}]}",
    ),
    "condition: must not be empty",
  ],
  [
    server(
      "loadBalancer: {loadBalancingRules: [{condition: DEFAULT, distribution: [{proxyName: wirtes, weight: 1}]}]}",
    ),
    '"wirtes" is not a block of this group, did you mean "writes"?',
  ],
  [
    server(
      "loadBalancer: {loadBalancingRules: [{condition: DEFAULT, distribution: [{proxyName: writes, weight: 0}]}]}",
    ),
    "weight: must be at least 1",
  ],
  [server("auth: {method: md5}"), "servers.default.auth.method: md5 needs blocks in a pooled mode"],
  [
    server("auth: {usersFile: users.txt}"),
    "servers.default.auth.usersFile: needs a method other than relay",
  ],
  ["pools: {default: {writes: {size: 0}}}", "pools.default.writes.size: must be at least 1"],
  ["pools: {default: {writes: {size: -1}}}", "pools.default.writes.size: must be at least 1"],
  [
    "pools: {default: {writes: {mode: transaction}}}",
    "mode: transaction needs servers.default.auth.method: trust, cleartext, md5, scram-sha-256 or cert",
  ],
  [
    "loggers: {default: {output: [pigeon]}}",
    "must be one of console, stdout, stderr, file, syslog, rsyslog",
  ],
  [
    "loggers: {default: {output: 'console, pigeon'}}",
    "loggers.default.output: must be one of console, stdout, stderr, file, syslog, rsyslog",
  ],
  [
    "loggers: {default: {output: [rsyslog], rsyslogAddress: nowhere}}",
    "loggers.default.rsyslogAddress: must be host:port",
  ],
  [
    "loggers: {default: {output: [file], fileName: ''}}",
    "loggers.default.fileName: must not be empty",
  ],
  ["metrics: {default: {certFile: c.pem}}", "metrics.default.certFile: needs keyFile as well"],
  [
    "metrics: {default: {}, other: {timeout: 1s}}",
    "metrics.other.timeout: differs from metrics.default, at the same address",
  ],
  [
    "metrics: {default: {}, other: {address: '0.0.0.0:15432'}}",
    "metrics.other.address: 0.0.0.0:15432 is already used by servers.default.address",
  ],
  ["raft: {isSecure: on}", "raft.isSecure: needs certFile and keyFile"],
  ["raft: {address: nowhere}", "raft.address: must be host:port"],
  ["admin: {console: on}", "admin.console: must be a map of keys"],
  ["tracing: {ratio: 1.5}", "tracing.ratio: must be at most 1"],
  [
    "tracing: {headers: {'x y': a}}",
    "tracing.headers.x y: is no name of a header that can be sent",
  ],
  ["tracing: {headers: {grpc-x: a}}", "tracing.headers.grpc-x: is no name of a header"],
  ["tracing: {headers: {token-bin: a}}", "tracing.headers.token-bin: is no name of a header"],
  ['tracing: {headers: {token: "a\\nb"}}', "tracing.headers.token: must be printable ASCII"],
  ["tracing: {caFile: ca.pem}", "tracing.caFile: needs tls: true"],
  ["tracing: {tls: on, certFile: c.pem}", "tracing.certFile: needs keyFile as well"],
  ["tracing: {tls: on, caFile: /none/ca.pem}", "tracing.caFile: cannot use /none/ca.pem"],
])("`%s` is an error", (text, expected) => {
  const errors = check(text).filter(([severity]) => severity === "error");
  expect(errors).toHaveLength(1);
  expect(errors[0]?.[1]).toContain(expected);
});

test.each([
  [
    "clients: {default: {a: {address: 'h:1'}, b: {address: 'h:2'}}}",
    "clients.default: connections, those that write included, are spread over all blocks: a (h:1), b (h:2)",
  ],
  ["raft: {peers: [{id: n, address: 'h:1', grpcAddress: 'h:2'}]}", "raft.peers: has no effect"],
  [
    "metrics: {default: {}, other: {}}",
    "metrics.other: has no effect: there is no server of this group",
  ],
  ["loggers: {other: {}}", "loggers.other: has no effect: there are no clients of this group"],
  [
    "proxies: {default: {writes: {healthCheckPeriod: 60}}}",
    "a number without a unit is nanoseconds; write 60s for seconds",
  ],
  [
    server("socketMode: 0770"),
    "servers.default.socketMode: has no effect: no address is a Unix socket",
  ],
  [server(TLS), "servers.default.certFile: has no effect without enableTLS: true"],
  [
    server(`enableTLS: on, ${TLS}, tlsMode: disable`),
    "servers.default.tlsMode: disable turns enableTLS off",
  ],
  [
    server("minTLSVersion: '1.3'"),
    "servers.default.minTLSVersion: has no effect without enableTLS: true",
  ],
  [
    server(
      "loadBalancer: {loadBalancingRules: [{condition: DEFAULT, distribution: [{proxyName: writes, weight: 1}]}]}",
    ),
    "has an effect only with strategy WEIGHTED_ROUND_ROBIN",
  ],
])("`%s` is one warning", (text, expected) => {
  const issues = check(text);
  expect(issues.map(([severity]) => severity)).toEqual(["warning"]);
  expect(issues[0]?.[1]).toContain(expected);
});

test.each([
  [["DEFAULT"], []],
  [["PEAK"], ['0.condition: "PEAK" counts as DEFAULT']],
  [["DEFAULT", "PEAK"], ["1: is not used: the rule for DEFAULT holds for all clients"]],
  [["PEAK", "DEFAULT"], ["0: is not used: the rule for DEFAULT holds for all clients"]],
  [["DEFAULT", "DEFAULT"], ["1: is not used: the rule for DEFAULT holds for all clients"]],
  [
    ["PEAK", "NIGHT"],
    [
      '0.condition: "PEAK" counts as DEFAULT',
      "1: is not used: without DEFAULT, the first rule holds for all clients",
    ],
  ],
])("of the rules %j exactly the one that is used is not warned of", (conditions, expected) => {
  const rules = conditions.map((condition) => ({
    condition,
    distribution: [{ proxyName: "writes", weight: 1 }],
  }));
  const balancer = { strategy: "WEIGHTED_ROUND_ROBIN", loadBalancingRules: rules };
  const issues = check(JSON.stringify({ servers: { default: { loadBalancer: balancer } } }));
  const place = "f:0:0: servers.default.loadBalancer.loadBalancingRules.";
  expect(issues).toEqual(expected.map((text) => ["warning", `${place}${text}`] as const));
});

test.each([
  "clients: {default: {a: {address: 'h:1'}, b: {address: 'h:1'}}}",
  "clients: {default: {writes: {address: /var/run/postgresql}}}",
  "clients: {default: {writes: {network: unix, address: pg.sock}}}",
  "pools: {default: {writes: {size: 1, mode: passthrough}}}",
  server("address: ['0.0.0.0:15432', '[::1]:15432', /run/gatewayd], socketMode: 0770"),
  server("address: '127.0.0.1:0'"),
  server(`enableTLS: on, ${TLS}, tlsMode: verify-full, clientCAFile: ca.pem, minTLSVersion: 1.3`),
  server("protocol: raw, idleTimeout: 5m"),
  server("auth: {method: relay}, maxMessageBytes: 64KiB"),
  server(
    "loadBalancer: {strategy: WEIGHTED_ROUND_ROBIN, loadBalancingRules: [{condition: DEFAULT, distribution: [{proxyName: writes, weight: 1}]}]}",
  ),
  "metrics: {default: {address: '127.0.0.1:0'}}\napi: {httpAddress: '127.0.0.1:0', grpcAddress: '127.0.0.1:0'}",
])("`%s` is fine", (text) => {
  expect(check(text)).toEqual([]);
});

const SUM = "0123456789abcdef".repeat(4);

test.each([
  ["{name: p, localPath: ./p}", "error", "plugins.0.checksum: must be the SHA-256 of ./p"],
  ["{name: p, localPath: ./p, checksum: abc}", "error", "plugins.0.checksum: must be the SHA-256"],
  [
    "{name: p, localPath: ./p.ts, checksum: abc}",
    "error",
    "plugins.0.checksum: must be the SHA-256",
  ],
  [
    "{name: p, localPath: ./p, enabled: False}",
    "warning",
    "plugins.0.checksum: must be the SHA-256",
  ],
  ["{name: p}", "error", "plugins.0: needs localPath"],
  ["{localPath: p.ts}", "error", "plugins.0.name: is required"],
  ["{name: p, url: 'github.com/x/p@latest'}", "warning", "plugins.0: is not installed yet"],
  [
    `{name: p, localPath: p.ts}, {name: p, localPath: q.ts}`,
    "error",
    'plugins.1.name: "p" is given twice',
  ],
  ["{name: p, localPath: p.ts, env: [X]}", "error", "plugins.0.env.0: must be NAME=value"],
  ["{name: p, localPath: p.ts, isolation: thread}", "error", "plugins.0.isolation: must be"],
  ["{name: p, localPath: p.ts, passEnv: [A]}", "warning", "plugins.0.passEnv: has no effect"],
  [
    "{name: p-q, localPath: p.ts}, {name: p_q, localPath: q.ts}",
    "warning",
    'plugins.1.name: its metrics have the same label as those of "p-q": p_q',
  ],
  [
    "{name: p, localPath: p.ts, onError: stop}",
    "error",
    "plugins.0.onError: must be one of continue, terminate",
  ],
  [
    "{name: p, localPath: p.ts, timeout: 31s}",
    "warning",
    "plugins.0.timeout: is more than timeout, which all plugins of an event have together",
  ],
  [
    "{name: p, localPath: p.ts, hookBufferBytes: 65MiB}",
    "error",
    "plugins.0.hookBufferBytes: must not be more than maxHookMessageBytes",
  ],
  [
    "{name: p, localPath: p.ts, framing: message}",
    "error",
    'plugins.0.framing: must be one of unit, statement, not "message"',
  ],
  [
    "{name: p, localPath: p.ts, redactSecrets: some}",
    "error",
    "plugins.0.redactSecrets: must be true or false",
  ],
  [
    "{name: p, localPath: p.ts, hookFlushInterval: soon}",
    "error",
    "plugins.0.hookFlushInterval: must be a duration",
  ],
  [
    `{name: p, localPath: ./p, checksum: ${SUM}, isolation: worker}`,
    "error",
    "plugins.0.isolation: is for modules",
  ],
  [
    `{name: p, localPath: ./p, checksum: ${SUM}, config: {a: 1}}`,
    "error",
    "plugins.0.config: is for modules",
  ],
  ["{name: p, localPath: p.ts, config: [1]}", "error", "plugins.0.config: must be a map of keys"],
] as const)("the plugin %s is one %s", (entry, severity, expected) => {
  const issues = checkPlugins(`plugins: [${entry}]`);
  expect(issues.map(([kind]) => kind)).toEqual([severity]);
  expect(issues[0]?.[1]).toContain(expected);
});

test.each([
  `{name: p, localPath: ./p, checksum: ${SUM}}`,
  `{name: p, localPath: ./p, checksum: ${SUM.toUpperCase()}}`,
  "{name: p, localPath: ./p.ts}",
  "{name: p, localPath: ./p.js, onError: terminate}",
  `{name: p, localPath: ./p.mjs, checksum: ${SUM}}`,
  "{name: p, localPath: ./p.ts, isolation: worker, config: {a: [1, {b: on}]}}",
])("the plugin %s is fine", (entry) => {
  expect(checkPlugins(`plugins: [${entry}]`)).toEqual([]);
});

test("without lint a checksum that is missing or wrong is a warning, and other errors stay errors", () => {
  const plugins = "plugins: [{name: p, localPath: ./p}, {name: q, localPath: q.ts, checksum: abc}]";
  const result = readPlugins(plugins, "", { env: {}, lint: false });
  expect(result.ok && result.config.warnings.map(({ path }) => path)).toEqual([
    "plugins.0.checksum",
    "plugins.1.checksum",
  ]);
  expect(readPlugins("plugins: [{name: p}]", "", { env: {}, lint: false }).ok).toBe(false);
});

test("in development an executable may lack its checksum, a module must still match its own", () => {
  expect(checkPlugins("plugins: [{name: p, localPath: ./p}]", true)[0]?.[0]).toBe("warning");
  const module = "plugins: [{name: p, localPath: ./p.ts, checksum: abc}]";
  expect(checkPlugins(module, true)[0]?.[0]).toBe("error");
});

test("a period of metrics that is 0 is an error, unless they are not merged", () => {
  const period = "metricsMergerPeriod: 0s";
  expect(checkPlugins(period)).toEqual([["error", "metricsMergerPeriod: must be more than 0"]]);
  expect(checkPlugins(`${period}\nenableMetricsMerger: false`)).toEqual([]);
});

test("a missing variable is a warning where a plugin or Redis can do without", () => {
  const env = "plugins: [{name: p, localPath: p.ts, env: ['URL=${NO_SUCH}']}]";
  const [severity, message] = checkPlugins(env)[0] ?? [];
  expect([severity, message]).toEqual([
    "warning",
    "plugins.0.env.0: environment variable NO_SUCH is not set",
  ]);
  expect(checkPlugins("actionRedis: {address: '${NO_SUCH}'}")[0]?.[0]).toBe("warning");
  expect(checkPlugins("actionRedis: {enabled: on, address: '${NO_SUCH}'}")[0]?.[0]).toBe("error");
  expect(checkPlugins("plugins: [{name: '${NO_SUCH}', localPath: p.ts}]")[0]?.[0]).toBe("error");
});
