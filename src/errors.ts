/**
 * The errors of the whole gateway: one type, one table.
 *
 * Every failure an operator or a client may see has a stable code here, with the text that explains
 * it and, where it reaches a PostgreSQL client, the SQLSTATE it travels under. `docs/errors.md` is
 * generated from this table.
 */

/** What the table says of one error code. */
export interface ErrorEntry {
  /** SQLSTATE of the ErrorResponse a client gets (PostgreSQL manual, appendix A). */
  readonly sqlState: string;
  /** Text for clients: says what happened and nothing about the inside of the gateway. */
  readonly clientMessage: string;
  /** For operators: what the code means. */
  readonly meaning: string;
  /** For operators: what to do about it. */
  readonly remedy: string;
}

/** All codes. A code never changes its meaning and is never reused. */
export const ERROR_TABLE = {
  ERR_CONFIG_INVALID: {
    sqlState: "F0000",
    clientMessage: "the gateway is not configured correctly",
    meaning: "A configuration file, an environment variable or a command-line flag is not valid.",
    remedy: "Correct the places that the message lists; `gatewayd config lint` checks them again.",
  },
  ERR_LISTEN_FAILED: {
    sqlState: "58000",
    clientMessage: "the gateway cannot listen on its address",
    meaning: "A listener could not be opened: the address is in use, unknown or not permitted.",
    remedy:
      "Free the address, or change `servers.<group>.address`; of the admin API `api.grpcAddress` or `api.httpAddress`.",
  },
  ERR_POOL_BOOT_FAILED: {
    sqlState: "08001",
    clientMessage: "the gateway could not open its server connections",
    meaning: "At start the backends of a block could not be opened within the configured retries.",
    remedy:
      "Start the database, or correct `clients.<group>.<block>.address`, `retries`, `backoff`.",
  },
  ERR_POOL_EXHAUSTED: {
    sqlState: "53300",
    clientMessage: "no server connection became free in time",
    meaning: "All backends of the block were leased for the whole of `queueTimeout`.",
    remedy: "Raise `pools.<group>.<block>.size` or `queueTimeout`, or use fewer clients.",
  },
  ERR_QUEUE_FULL: {
    sqlState: "53300",
    clientMessage: "too many clients are waiting for a server connection",
    meaning: "`maxWaiting` clients were already waiting for a backend of the block.",
    remedy: "Raise `pools.<group>.<block>.size` or `maxWaiting`.",
  },
  ERR_TOO_MANY_CLIENTS: {
    sqlState: "53300",
    clientMessage: "too many clients already",
    meaning: "`maxConnections` clients were already connected to the group.",
    remedy:
      "Raise `servers.<group>.maxConnections` (and the limit of open files), or use fewer clients.",
  },
  ERR_TOO_MANY_OF_USER: {
    sqlState: "53300",
    clientMessage: "too many connections for this user",
    meaning:
      "As many clients were logged in as the user as `maxConnections` of its entry in the users file or `auth.maxConnectionsPerUser` allow.",
    remedy: "Raise the limit, or let the user's applications keep fewer connections.",
  },
  ERR_TOO_MANY_OF_DATABASE: {
    sqlState: "53300",
    clientMessage: "too many connections for this database",
    meaning: "`auth.maxConnectionsPerDatabase` clients were already logged in to the database.",
    remedy: "Raise the limit, or let the database's applications keep fewer connections.",
  },
  ERR_SERVER_UNREACHABLE: {
    sqlState: "08001",
    clientMessage: "the database server cannot be reached",
    meaning: "No connection to the database could be opened: refused, timed out or unresolvable.",
    remedy: "Check that the database runs and that `clients.<group>.<block>.address` names it.",
  },
  ERR_SERVER_LOST: {
    sqlState: "08006",
    clientMessage: "the connection to the database server was lost",
    meaning: "The database closed the connection of a client without saying why.",
    remedy: "See the database's log. The gateway replaces the connection by itself.",
  },
  ERR_SERVER_TIMEOUT: {
    sqlState: "08006",
    clientMessage: "the connection to the database server timed out",
    meaning: "`receiveTimeout`, `receiveDeadline` or `sendDeadline` of the block expired.",
    remedy: "Raise the limit in `clients.<group>.<block>`, or set it to 0 for none.",
  },
  ERR_SHUTTING_DOWN: {
    sqlState: "57P01",
    clientMessage: "terminating connection because the gateway is shutting down",
    meaning: "The gateway was told to stop and closed its clients.",
    remedy: "None: clients reconnect to another instance or once it is up again.",
  },
  ERR_BLOCK_REMOVED: {
    sqlState: "57P01",
    clientMessage:
      "terminating connection because its server is no longer in the gateway's configuration",
    meaning:
      "A reload took away what the client was led to (its block, its group, or the route of its database) and no other block could go on with it.",
    remedy: "None: clients that connect again are led to what the configuration has now.",
  },
  ERR_QUERY_TIMEOUT: {
    sqlState: "57014",
    clientMessage: "canceling statement due to query timeout",
    meaning: "A query ran longer than `queryTimeout` and its cancellation brought no answer.",
    remedy: "Raise `servers.<group>.queryTimeout` or make the query faster.",
  },
  ERR_CANCELED: {
    sqlState: "57014",
    clientMessage: "canceling statement due to user request",
    meaning: "A client cancelled a statement that waited for a server connection.",
    remedy: "None: the client wanted it.",
  },
  ERR_IDLE_TIMEOUT: {
    sqlState: "57P05",
    clientMessage: "terminating connection due to idle timeout",
    meaning: "A client sent nothing for `idleTimeout` outside a transaction.",
    remedy: "Raise `servers.<group>.idleTimeout`, or set it to 0 for none.",
  },
  ERR_IDLE_IN_TRANSACTION_TIMEOUT: {
    sqlState: "25P03",
    clientMessage: "terminating connection due to idle-in-transaction timeout",
    meaning: "A client sent nothing for `idleInTransactionTimeout` inside a transaction.",
    remedy: "Raise `servers.<group>.idleInTransactionTimeout`, or set it to 0 for none.",
  },
  ERR_STARTUP_TIMEOUT: {
    sqlState: "08P01",
    clientMessage: "timed out waiting for the startup of the connection",
    meaning: "A client did not finish its startup within `startupTimeout`.",
    remedy: "Raise `servers.<group>.startupTimeout` if clients are slow to log in.",
  },
  ERR_PROTOCOL_VIOLATION: {
    sqlState: "08P01",
    clientMessage: "the message does not follow the PostgreSQL protocol",
    meaning: "A client or server sent bytes that the PostgreSQL protocol does not allow.",
    remedy: "Check what connects to the port; use `protocol: raw` for other protocols.",
  },
  ERR_PROTOCOL_UNSUPPORTED: {
    sqlState: "0A000",
    clientMessage: "unsupported frontend protocol",
    meaning: "A client asked for a protocol version other than 3.x.",
    remedy: "Use a client that speaks protocol 3.0 or newer.",
  },
  ERR_MESSAGE_TOO_LARGE: {
    sqlState: "54000",
    clientMessage: "the message is larger than the gateway allows",
    meaning: "A message was longer than `maxMessageBytes`, or a startup packet than 10,000 bytes.",
    remedy: "Raise `servers.<group>.maxMessageBytes`.",
  },
  ERR_TLS_REQUIRED: {
    sqlState: "28000",
    clientMessage: "this gateway accepts encrypted connections only",
    meaning: "A client without TLS connected to a group whose `tlsMode` requires it.",
    remedy: "Connect with `sslmode=require`, or change `servers.<group>.tlsMode`.",
  },
  ERR_TLS_CLIENT_CERTIFICATE: {
    sqlState: "28000",
    clientMessage: "the client certificate does not fit the user",
    meaning: "Under `verify-full`, neither CN nor a SAN of the client's certificate is the user.",
    remedy: "Use a certificate issued to the user, or `tlsMode: verify-ca`.",
  },
  ERR_AUTH_FAILED: {
    sqlState: "28P01",
    clientMessage: "password authentication failed",
    meaning:
      "A client's password was wrong, its user is unknown, has no password that fits the method, or has expired.",
    remedy: "The log says which. Correct the client's credentials or the users file.",
  },
  ERR_AUTH_LOOKUP: {
    sqlState: "08004",
    clientMessage: "the login could not be checked",
    meaning:
      "`auth.query` failed at the server, its answer is not a row of name, secret and valid_until, or too many users wait to be looked up.",
    remedy:
      "The log has the reason. Run the query as `auth.query.user`, with the name of a user for $1.",
  },
  ERR_AUTH_REJECTED: {
    sqlState: "28000",
    clientMessage: "the rules of this gateway do not admit this connection",
    meaning: "A rule of `auth.rules` rejected the client, or none of them fits it.",
    remedy: "Connect from a place, as a user and with the encryption that the rules allow.",
  },
  ERR_AUTH_UNANSWERED: {
    sqlState: "28000",
    clientMessage: "nobody answers logins at this gateway",
    meaning:
      "Connections are logged in ahead by `startupParams`, there is no `auth.method` but `plugin`, and no plugin has answered a client's startup.",
    remedy: "Choose a `servers.<group>.auth.method`, or install a plugin that logs clients in.",
  },
  ERR_AUTH_CERTIFICATE: {
    sqlState: "28000",
    clientMessage: "certificate authentication failed",
    meaning:
      "Under the method `cert`, the client showed no certificate or one that is not its user's.",
    remedy: "Use a certificate issued to the user, or add its name to the user map.",
  },
  ERR_AUTH_CHANNEL_BINDING: {
    sqlState: "28000",
    clientMessage: "SCRAM channel binding check failed",
    meaning: "A client's login is bound to another TLS connection: someone may sit in between.",
    remedy: "Find out what ends TLS between the client and the gateway.",
  },
  ERR_AUTH_NEEDS_TLS: {
    sqlState: "28000",
    clientMessage: "this login method needs an encrypted connection",
    meaning: "A client without TLS was about to be asked for its password in clear text.",
    remedy: "Connect with `sslmode=require`, or use the method `scram-sha-256`.",
  },
  ERR_AUTH_DATABASE: {
    sqlState: "42501",
    clientMessage: "permission denied for database",
    meaning: "A user logged in to a database that is not among those its entry allows.",
    remedy: "Add the database to `databases` of the user.",
  },
  ERR_DATABASE_UNKNOWN: {
    sqlState: "3D000",
    clientMessage: "this gateway leads to no such database",
    meaning:
      "A client asked for a database that no route of the group is for, or for another than the one in `startupParams` of its block.",
    remedy: "Correct the client's database, or add it to `servers.<group>.routes`.",
  },
  ERR_SERVER_LOGIN: {
    sqlState: "08004",
    clientMessage: "the database server did not accept the gateway",
    meaning: "The gateway could not log in to the database server, or did not trust its answers.",
    remedy: "See the log for the reason; check the credentials the gateway uses for the server.",
  },
  ERR_SERVER_BUSY: {
    sqlState: "08004",
    clientMessage: "the database server takes no connections at the moment",
    meaning: "The database is starting or stopping, or has as many connections as it allows.",
    remedy:
      "Lower `pools.<group>.<block>.size`, or raise `max_connections` of the database, if it lasts.",
  },
  ERR_NOT_SHAREABLE: {
    sqlState: "0A000",
    clientMessage: "not possible on a server connection that clients share",
    meaning:
      "A client of a pooled mode asked for what another client's doings would answer (`lastval()` or `currval()` outside a transaction), or, at its startup, for `session_authorization`.",
    remedy: "Ask within the transaction that called nextval(), or use a block in mode `session`.",
  },
  ERR_TOO_MANY_PINNED: {
    sqlState: "53300",
    clientMessage: "too many sessions keep a server connection for themselves",
    meaning:
      "As many clients of a pooled block as `maxPinned` allows have something on their server connection that no other one can give them (docs/pooling.md). The statement of one more, which would tie it as well, was refused.",
    remedy:
      "Give up in other sessions what ties them (LISTEN, temporary tables, session locks and the like), use a block in mode `session` for it, or raise `pools.<group>.<block>.maxPinned`.",
  },
  ERR_TOO_MANY_STATEMENTS: {
    sqlState: "53400",
    clientMessage: "too many prepared statements in one session",
    meaning:
      "A client of a pooled mode prepared more statements, or longer ones, than a session may have.",
    remedy: "Close statements that are not used any more, or prepare fewer of them.",
  },
  ERR_TRANSACTION_REFUSED: {
    sqlState: "0A000",
    clientMessage: "transactions of several statements are not possible in statement mode",
    meaning: "A client of a block in mode `statement` opened a transaction.",
    remedy: "Use `pools.<group>.<block>.mode: transaction`.",
  },
  ERR_SETTINGS_LOST: {
    sqlState: "08006",
    clientMessage: "the settings of the session could not be restored",
    meaning: "The server refused the settings that a session had made on another connection.",
    remedy: "The log has the server's reason; a role or schema may be gone.",
  },
  ERR_PROXY_PROTOCOL: {
    sqlState: "08P01",
    clientMessage: "the PROXY protocol header is missing or malformed",
    meaning: "`proxyProtocol` is on and a connection began without a valid header.",
    remedy: "Let the load balancer send PROXY v1 or v2 headers, or change `proxyProtocol`.",
  },
  ERR_TERMINATED: {
    sqlState: "42000",
    clientMessage: "Request terminated",
    meaning: "A hook's handler terminated the request without giving a response.",
    remedy: "None: this is what the handler asked for.",
  },
  ERR_CONFIG_OVERRIDE: {
    sqlState: "F0000",
    clientMessage: "the gateway is not configured correctly",
    meaning: "With what a plugin has answered to OnConfigLoaded the configuration is not valid.",
    remedy:
      "Correct what the message lists in the plugin, or in the configuration that it adds to.",
  },
  ERR_HOOK_MESSAGE_TOO_LARGE: {
    sqlState: "38000",
    clientMessage: "a message is too long for a handler of the gateway",
    meaning: "A request or an answer is longer than what a handler may be given of it.",
    remedy: "Raise `maxHookMessageBytes` in gatewayd_plugins.yaml.",
  },
  ERR_HOOK_TIMEOUT: {
    sqlState: "38000",
    clientMessage: "a handler of the gateway gave no answer in time",
    meaning:
      "A hook's handler did not answer within its own time, or the handlers of the event not within `timeout` together.",
    remedy: "Make the handler faster, or raise `timeout` in gatewayd_plugins.yaml.",
  },
  ERR_LOG_OUTPUT: {
    sqlState: "58030",
    clientMessage: "a log of the gateway cannot be written",
    meaning:
      "An output of the log cannot be written to: the disk is full, the file not permitted, the log server gone. Records wait in memory, what finds no room is lost and counted, and traffic is not held up.",
    remedy: "The message says which output and why. It is tried again until it works.",
  },
  ERR_PLUGIN_UNUSABLE: {
    sqlState: "F0000",
    clientMessage: "a plugin of the gateway is not configured correctly",
    meaning:
      "A plugin cannot be started as it is configured: not installed, without a valid checksum, or of another name than its entry says.",
    remedy:
      "Correct the plugin's entry in gatewayd_plugins.yaml as the message says, then start the gateway again.",
  },
  ERR_PLUGIN_REQUIREMENT: {
    sqlState: "F0000",
    clientMessage: "a plugin of the gateway lacks another one",
    meaning:
      "A plugin requires another one that does not run, or not in the version that is needed; it is not called until that one runs.",
    remedy: "Add the other plugin to gatewayd_plugins.yaml, or update it.",
  },
  ERR_PLUGIN_TIMEOUT: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway did not answer in time",
    meaning: "A plugin did not start within `startTimeout`, or did not answer a ping in time.",
    remedy: "See the plugin's own log; raise `startTimeout` if it is slow to start.",
  },
  ERR_PLUGIN_DISABLED: {
    sqlState: "F0000",
    clientMessage: "a plugin of the gateway is disabled",
    meaning: "A command asked for a plugin that is disabled, or that was disabled meanwhile.",
    remedy: "Enable the plugin first.",
  },
  ERR_PLUGIN_AWAY: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway does not run",
    meaning:
      "A plugin with `onError: terminate` is not there: it was lost, or has not started. Its events are terminated until it runs.",
    remedy: "The log says why it does not run; `plugin list` names it. Correct or disable it.",
  },
  ERR_PLUGIN_UNKNOWN: {
    sqlState: "F0000",
    clientMessage: "the gateway has no such plugin",
    meaning: "A command named a plugin that gatewayd_plugins.yaml does not have.",
    remedy: "Use a name of the list that `gatewayd plugin list` shows.",
  },
  ERR_PLUGIN_MODULE: {
    sqlState: "F0000",
    clientMessage: "a plugin of the gateway cannot be loaded",
    meaning:
      "The file of a module plugin is missing or has mistakes, exports no plugin, refuses its configuration, or failed in its setup.",
    remedy: "The message says which; correct the file or `config` of its entry.",
  },
  ERR_PLUGIN_CHECKSUM: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning:
      "The SHA-256 of a plugin's file is not the `checksum` of its entry, or the entry of an executable has none.",
    remedy:
      "If the file is the one that is meant, put its SHA-256 (`sha256sum FILE`) into the entry; `--dev` runs executables without one.",
  },
  ERR_PLUGIN_ENDED: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin was to be called that had ended: it was stopped or killed, or has failed.",
    remedy: "See the plugin's last log lines; `reloadOnCrash` starts it again.",
  },
  ERR_PLUGIN_CALL: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway failed",
    meaning: "A plugin answered a call with an error, or the call was broken off.",
    remedy: "The message has what the plugin said; see its log lines.",
  },
  ERR_PLUGIN_EXEC: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's executable cannot be read or started.",
    remedy:
      "Check `localPath` of its entry, and that the gateway's user may read and execute the file.",
  },
  ERR_PLUGIN_START_ABORTED: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin was not wanted any more while it started.",
    remedy: "None: the gateway was stopping, or the plugin was disabled.",
  },
  ERR_PLUGIN_EXITED: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's process ended while it started. The message has its last words.",
    remedy:
      "Start the executable by hand with the same `args` and `env`; a plugin that calls itself a plugin and not a program was not given its magic cookie.",
  },
  ERR_PLUGIN_HANDSHAKE: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning:
      "The first line a plugin wrote to its standard output is not `CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE`.",
    remedy:
      "Check that `localPath` is a plugin, and that it writes nothing to its standard output before its handshake.",
  },
  ERR_PLUGIN_CORE_PROTOCOL: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's handshake has a version of go-plugin's core protocol other than 1.",
    remedy: "Rebuild the plugin with a go-plugin of version 1.",
  },
  ERR_PLUGIN_APP_PROTOCOL: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's handshake has a version of the plugin protocol other than 1.",
    remedy: "Let the plugin choose a version of `PLUGIN_PROTOCOL_VERSIONS`.",
  },
  ERR_PLUGIN_ADDRESS: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's handshake names neither a unix socket nor a TCP address.",
    remedy:
      "Let the plugin listen on `unix` or `tcp`, and write the address as `/path` or `host:port`.",
  },
  ERR_PLUGIN_RPC_PROTOCOL: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's handshake names a protocol other than `grpc`.",
    remedy: "Let the plugin serve gRPC: with go-plugin, by setting `GRPCServer`.",
  },
  ERR_PLUGIN_CERTIFICATE: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's handshake has no certificate, or none that can be read.",
    remedy:
      "Let the plugin make a certificate and take `PLUGIN_CLIENT_CERT` into account (docs/plugins.md).",
  },
  ERR_PLUGIN_CONNECT: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "Nobody listens at the address of a plugin's handshake.",
    remedy:
      "Let the plugin listen before it writes its handshake; the path of a socket must be the gateway's too.",
  },
  ERR_PLUGIN_TLS: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning:
      "Plugin and gateway did not come to terms on TLS: the plugin shows another certificate than in its handshake, does not accept the gateway's, or does not speak HTTP/2.",
    remedy:
      "Let the plugin serve with the certificate of its handshake, trust the one in `PLUGIN_CLIENT_CERT`, and allow TLS 1.3.",
  },
  ERR_PLUGIN_DESCRIPTION: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's answer to GetPluginConfig does not say who it is.",
    remedy: "Let it answer as the GatewayD SDK does, at least with `id.name`.",
  },
  ERR_PLUGIN_UNHEALTHY: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin says of itself that it does not serve.",
    remedy: "See the plugin's log lines.",
  },
  ERR_PLUGIN_MESSAGE_TOO_LARGE: {
    sqlState: "38000",
    clientMessage: "the message is larger than a plugin of the gateway takes",
    meaning: "A call of a plugin would be longer than its `maxHookMessageBytes`.",
    remedy: "Raise `plugins[].maxHookMessageBytes`.",
  },
  ERR_PLUGIN_METRICS: {
    sqlState: "38000",
    clientMessage: "a plugin of the gateway is not available",
    meaning: "A plugin's metrics page cannot be read.",
    remedy: "Check `metricsUnixDomainSocket` of the plugin, or let it say `metricsEnabled: false`.",
  },
  ERR_SESSION_KILLED: {
    sqlState: "57P01",
    clientMessage: "terminating connection due to administrator command",
    meaning: "An administrator ended the session of a client.",
    remedy: "Nothing: the audit log says who it was.",
  },
  ERR_ADMIN_UNAUTHENTICATED: {
    sqlState: "28000",
    clientMessage: "the admin API does not know who asks",
    meaning: "A command came to the admin API without a token or certificate that it knows.",
    remedy:
      "Send `Authorization: Bearer TOKEN` with a token whose SHA-256 is in `api.auth.tokens`, or a certificate named in `api.auth.certificates`.",
  },
  ERR_ADMIN_FORBIDDEN: {
    sqlState: "42501",
    clientMessage: "the role does not allow this command",
    meaning: "Whoever gave a command to the admin API may not give it.",
    remedy: "Use a token or certificate of the role that the message names.",
  },
  ERR_ADMIN_NOT_FOUND: {
    sqlState: "42704",
    clientMessage: "there is nothing of this name",
    meaning:
      "A command to the admin API names a group, block, session or plugin that is not there.",
    remedy: "Use one of the names that the message or the listing command shows.",
  },
  ERR_ADMIN_INVALID: {
    sqlState: "22023",
    clientMessage: "the command is not valid",
    meaning: "A command to the admin API has a value that it cannot have.",
    remedy: "Correct the value; `/openapi.json` describes every command.",
  },
  ERR_ADMIN_UNIMPLEMENTED: {
    sqlState: "0A000",
    clientMessage: "the gateway does not do this",
    meaning: "A command of GatewayD's admin API that this gateway has no use for.",
    remedy: "See docs/compatibility.md for what takes its place.",
  },
  ERR_CONSOLE_SYNTAX: {
    sqlState: "42601",
    clientMessage: "the console does not know this command",
    meaning: "The console was told something that is none of its commands.",
    remedy: "`SHOW HELP` lists the commands; docs/console.md explains them.",
  },
  ERR_CONSOLE_NO_STATEMENT: {
    sqlState: "26000",
    clientMessage: "there is no such prepared statement",
    meaning: "A client of the console uses a prepared statement that it has not prepared.",
    remedy: "Nothing, unless a driver does so: then report it.",
  },
  ERR_CONSOLE_STATEMENT_EXISTS: {
    sqlState: "42P05",
    clientMessage: "there is a prepared statement of this name already",
    meaning: "A client of the console prepares a statement by a name that it has given already.",
    remedy: "Nothing, unless a driver does so: then report it.",
  },
  ERR_CONSOLE_NO_PORTAL: {
    sqlState: "34000",
    clientMessage: "there is no such portal",
    meaning:
      "A client of the console fetches from a portal that it has not bound, or that has no more rows.",
    remedy: "Nothing, unless a driver does so: then report it.",
  },
  ERR_RELOAD_REFUSED: {
    sqlState: "F0000",
    clientMessage: "the configuration was not reloaded",
    meaning:
      "The configuration was to be read again, and is not valid, or asks for something that cannot be had. Nothing was changed.",
    remedy:
      "Correct what the message lists, and reload again; `gatewayd config lint` checks the files.",
  },
  ERR_RELOAD_BUSY: {
    sqlState: "55006",
    clientMessage: "the configuration is being reloaded already",
    meaning: "The configuration was to be read again while that was under way.",
    remedy: "Reload again when the log tells that the first reload has ended.",
  },
  ERR_INTERNAL: {
    sqlState: "XX000",
    clientMessage: "internal error in the gateway",
    meaning: "The gateway met a state it did not expect.",
    remedy: "Report it, with the log lines around it.",
  },
} as const satisfies Record<string, ErrorEntry>;

/** A stable error code, a key of {@link ERROR_TABLE}. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/**
 * The one error type. `message` is for the operator's log; `clientMessage` and `sqlState` are all a
 * client ever sees. `cause` is logged, never sent.
 */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? ERROR_TABLE[code].meaning, options);
    this.code = code;
  }

  get sqlState(): string {
    return ERROR_TABLE[this.code].sqlState;
  }

  get clientMessage(): string {
    return ERROR_TABLE[this.code].clientMessage;
  }

  /** The single place where anything thrown becomes a GatewayError; one that is already is kept. */
  static from(thrown: unknown, code: ErrorCode = "ERR_INTERNAL"): GatewayError {
    if (thrown instanceof GatewayError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new GatewayError(code, message, { cause: thrown });
  }
}
