/** Settings of PgBouncer that gatewayd.yaml has no key for: why, and what comes nearest. */

const SOCKETS = "sockets are tuned by the runtime";
const NAMES = "the name of a server is looked up for each connection; nothing has to be set";
const LOG_LEVEL = "what is logged goes by level; nearest: loggers.default.level";
const CIPHERS =
  "ciphers and curves are those that the runtime finds good; nearest: servers.default.minTLSVersion";
const SERVER_CIPHERS = "versions and ciphers are those that the runtime finds good";
const CHECKS =
  "connections that the server has closed are noticed when that happens; nothing has to be checked";
const SERVICE = "a matter of whoever starts the gateway, such as the systemd unit";
const ONE_QUERY =
  "users of all databases are asked for by one query; nearest: servers.default.auth.query";
const SYSLOG = "records go by the gateway's own name; nearest: loggers.default.syslogPriority";

export const UNMAPPED_SETTINGS: ReadonlyMap<string, string> = new Map([
  [
    "application_name_add_host",
    "the client's address is not put into application_name; it is in the log",
  ],
  [
    "auth_ident_file",
    "certificates are mapped to users in gatewayd.yaml; nearest: servers.default.auth.userMap",
  ],
  ["auth_ldap_options", "LDAP is not supported; nearest: servers.default.auth.query"],
  [
    "autodb_idle_timeout",
    "pools are not dropped; their connections are closed when idle; nearest: pools.default.<block>.idleTimeout",
  ],
  [
    "pool_idle_timeout",
    "pools are not dropped; their connections are closed when idle; nearest: pools.default.<block>.idleTimeout",
  ],
  ["cancel_wait_timeout", "cancel requests do not wait: each goes on a connection of its own"],
  ["client_tls_ciphers", CIPHERS],
  ["client_tls13_ciphers", CIPHERS],
  ["client_tls_ecdhcurve", CIPHERS],
  ["client_tls_dheparams", CIPHERS],
  ["server_tls_ciphers", SERVER_CIPHERS],
  ["server_tls13_ciphers", SERVER_CIPHERS],
  ["server_tls_protocols", SERVER_CIPHERS],
  ["conffile", SERVICE],
  ["disable_pqexec", "simple queries are always taken; nearest: rules in gatewayd_plugins.yaml"],
  ["dns_max_ttl", NAMES],
  ["dns_nxdomain_ttl", NAMES],
  ["dns_zone_check_period", NAMES],
  ["resolv_conf", NAMES],
  [
    "ignore_startup_parameters",
    "none has to be ignored: what a client sets at startup follows it as its settings do",
  ],
  ["track_extra_parameters", "all settings of a client follow it; none has to be named"],
  ["job_name", SERVICE],
  ["service_name", SERVICE],
  ["listen_backlog", SOCKETS],
  ["pkt_buf", SOCKETS],
  ["sbuf_loopcnt", SOCKETS],
  ["tcp_defer_accept", SOCKETS],
  ["tcp_keepcnt", SOCKETS],
  ["tcp_keepintvl", SOCKETS],
  ["tcp_socket_buffer", SOCKETS],
  [
    "tcp_user_timeout",
    "not a matter of TCP here; nearest: clients.default.<block>.receiveTimeout, servers.default.idleTimeout",
  ],
  ["log_connections", LOG_LEVEL],
  ["log_disconnections", LOG_LEVEL],
  ["log_pooler_errors", LOG_LEVEL],
  ["log_stats", "statistics are not logged; nearest: servers.default.enableTicker"],
  ["stats_period", "statistics are not logged; nearest: servers.default.tickInterval"],
  ["syslog_facility", SYSLOG],
  ["syslog_ident", SYSLOG],
  [
    "max_user_connections",
    "server connections are counted for each block; nearest: pools.default.<block>.size, servers.default.auth.maxConnectionsPerUser",
  ],
  [
    "peer_id",
    "gateways that share a port hand cancel requests on by themselves; nearest: servers.default.reusePort",
  ],
  ["pidfile", SERVICE],
  ["user", SERVICE],
  ["query_wait_notify", "clients that wait are not told; the log and the metrics tell of them"],
  [
    "reserve_pool_size",
    "there is no reserve; nearest: pools.default.<block>.size, made as much larger",
  ],
  ["reserve_pool_timeout", "there is no reserve; nearest: pools.default.<block>.size"],
  ["scram_iterations", "SCRAM keys are made with the usual 4096 iterations"],
  ["server_check_delay", CHECKS],
  ["server_check_query", CHECKS],
  ["server_fast_close", "connections are closed as soon as their transaction is over"],
  [
    "server_login_retry",
    "connecting is tried again with growing pauses; nearest: clients.default.<block>.retries, backoff",
  ],
  [
    "server_reset_query_always",
    "resetQuery runs in every mode, after clients that left something to be cleaned",
  ],
  ["server_round_robin", "the connection that was used last is used next"],
  [
    "suspend_timeout",
    "there is no SUSPEND; a newer gateway can listen beside; nearest: servers.default.reusePort",
  ],
  [
    "transaction_timeout",
    "the length of a transaction is not limited; nearest: servers.default.queryTimeout, idleInTransactionTimeout",
  ],
  [
    "unix_socket_group",
    "sockets belong to the gateway's own group; nearest: servers.default.socketMode",
  ],
]);

/** The same for what an entry of `[databases]` may hold. */
export const UNMAPPED_DATABASE_KEYS: ReadonlyMap<string, string> = new Map([
  [
    "connect_query",
    "nothing is run on new connections; nearest: settings in clients.default.<block>.startupParams",
  ],
  ["auth_user", ONE_QUERY],
  ["auth_query", ONE_QUERY],
  ["auth_dbname", ONE_QUERY],
  ["reserve_pool", "there is no reserve; nearest: pools.default.<block>.size"],
  ["reserve_pool_size", "there is no reserve; nearest: pools.default.<block>.size"],
  [
    "load_balance_hosts",
    "clients are spread over the hosts; nearest: servers.default.loadBalancer.strategy",
  ],
  [
    "max_db_client_connections",
    "clients are counted alike for all databases; nearest: servers.default.auth.maxConnectionsPerDatabase",
  ],
]);
