/** Every family of the gateway's own metrics: the page, its documentation and its tests follow from this table. */

import type { MetricType } from "./exposition/index.ts";

export interface FamilyDefinition {
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
}

const BLOCK = ["group", "block"] as const;

/** As GatewayD has them; without `raft_*`, since nothing of this gateway's state is in a cluster. */
const ESTABLISHED = {
  gatewayd_client_connections: {
    type: "gauge",
    labels: BLOCK,
    help: "Clients whose work is done by the block. Those that have not been led to one yet are missing here.",
  },
  gatewayd_server_connections: {
    type: "gauge",
    labels: BLOCK,
    help: "Open connections to the server.",
  },
  gatewayd_tls_connections: {
    type: "gauge",
    labels: BLOCK,
    help: "Clients of the block whose connection is encrypted.",
  },
  gatewayd_server_ticks_fired_total: {
    type: "counter",
    labels: [],
    help: "Ticks of `servers.<group>.enableTicker`.",
  },
  gatewayd_bytes_received_from_client: {
    type: "summary",
    labels: BLOCK,
    help: "Bytes that clients have sent, by piece.",
  },
  gatewayd_bytes_sent_to_server: {
    type: "summary",
    labels: BLOCK,
    help: "Bytes written to servers, by piece: what the gateway itself asks included.",
  },
  gatewayd_bytes_received_from_server: {
    type: "summary",
    labels: BLOCK,
    help: "Bytes that servers have sent, by piece.",
  },
  gatewayd_bytes_sent_to_client: {
    type: "summary",
    labels: BLOCK,
    help: "Bytes written to clients, by piece.",
  },
  gatewayd_traffic_bytes: {
    type: "summary",
    labels: BLOCK,
    help: "All four of these together.",
  },
  gatewayd_plugins_loaded_total: {
    type: "counter",
    labels: [],
    help: "Starts of plugins, each start again included.",
  },
  gatewayd_plugin_hooks_registered_total: {
    type: "counter",
    labels: [],
    help: "Hooks that plugins have registered, at each of their starts.",
  },
  gatewayd_plugin_hooks_executed_total: {
    type: "counter",
    labels: [],
    help: "Events that handlers were shown, whatever their number.",
  },
  gatewayd_proxy_health_checks_total: {
    type: "counter",
    labels: BLOCK,
    help: "Idle connections to the server that were replaced (passthrough) or asked for a sign of life.",
  },
  gatewayd_proxied_connections: {
    type: "gauge",
    labels: BLOCK,
    help: "Connections to the server that serve a client now.",
  },
  gatewayd_proxy_passthroughs_to_client_total: {
    type: "counter",
    labels: BLOCK,
    help: "Pieces of traffic that were passed on to clients.",
  },
  gatewayd_proxy_passthroughs_to_server_total: {
    type: "counter",
    labels: BLOCK,
    help: "Pieces of traffic that were passed on to servers.",
  },
  gatewayd_proxy_passthrough_terminations_total: {
    type: "counter",
    labels: BLOCK,
    help: "Requests and answers that plugins have ended.",
  },
  gatewayd_api_requests_total: {
    type: "counter",
    labels: ["method", "endpoint"],
    help: "Requests to the admin API.",
  },
  gatewayd_api_requests_errors_total: {
    type: "counter",
    labels: ["method", "endpoint", "error"],
    help: "Requests to the admin API that failed, by gRPC code.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const SESSIONS = {
  gatewayd_sessions: {
    type: "gauge",
    labels: ["group"],
    help: "Clients connected, whatever they are at: the login and the end included.",
  },
  gatewayd_connections_total: {
    type: "counter",
    labels: ["group"],
    help: "Connections accepted, cancel requests included.",
  },
  gatewayd_connection_duration_seconds: {
    type: "summary",
    labels: ["group"],
    help: "How long connections were open, when they have ended.",
  },
  gatewayd_refusals_total: {
    type: "counter",
    labels: ["group", "code", "sqlstate"],
    help: "Clients that were not served: the error code of the log, and the SQLSTATE they were told.",
  },
  gatewayd_connections_ended_total: {
    type: "counter",
    labels: ["group", "code", "sqlstate"],
    help: "Logged-in clients whose connection the gateway has ended.",
  },
  gatewayd_login_duration_seconds: {
    type: "histogram",
    labels: BLOCK,
    help: "From the StartupMessage of a client to where it may ask something.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const UNITS = {
  gatewayd_query_duration_seconds: {
    type: "histogram",
    labels: BLOCK,
    help: "From a unit's arrival to its ReadyForQuery, the waiting for a server connection included. One that was sent behind others counts from when those are answered.",
  },
  gatewayd_units_total: {
    type: "counter",
    labels: BLOCK,
    help: "Units: queries, or batches up to their Sync, that are over.",
  },
  gatewayd_units_cut_off_total: {
    type: "counter",
    labels: BLOCK,
    help: "Units among them that had no ReadyForQuery: the client, the server or the gateway has left.",
  },
  gatewayd_transactions_total: {
    type: "counter",
    labels: BLOCK,
    help: "Transactions that are over: units that left the server idle.",
  },
  gatewayd_multiplexed_units_total: {
    type: "counter",
    labels: BLOCK,
    help: "Units that were sent to a server connection which had units of other clients to answer.",
  },
  gatewayd_errors_total: {
    type: "counter",
    labels: [...BLOCK, "sqlstate"],
    help: "Errors that clients were told of, by SQLSTATE; `other` beyond 200 of them.",
  },
  gatewayd_cancels_total: {
    type: "counter",
    labels: BLOCK,
    help: "Cancel requests sent to the server.",
  },
  gatewayd_prepared_statement_hits_total: {
    type: "counter",
    labels: BLOCK,
    help: "Named statements that were run where they were prepared already.",
  },
  gatewayd_prepared_statement_misses_total: {
    type: "counter",
    labels: BLOCK,
    help: "Named statements that had to be prepared first on the server connection that was to run them.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const POOLS = {
  gatewayd_backend_wait_duration_seconds: {
    type: "histogram",
    labels: BLOCK,
    help: "How long clients waited for a server connection, those that got one at once included.",
  },
  gatewayd_backend_wait_failures_total: {
    type: "counter",
    labels: [...BLOCK, "code"],
    help: "Clients that waited for a server connection and got none, by the error code of the log.",
  },
  gatewayd_pool_size: {
    type: "gauge",
    labels: BLOCK,
    help: "How many server connections there may be.",
  },
  gatewayd_pool_connections: {
    type: "gauge",
    labels: [...BLOCK, "state"],
    help: "Server connections by state: idle, leased, connecting, retiring.",
  },
  gatewayd_pool_waiting: {
    type: "gauge",
    labels: BLOCK,
    help: "Clients that wait for a server connection now.",
  },
  gatewayd_pool_oldest_wait_seconds: {
    type: "gauge",
    labels: BLOCK,
    help: "How long the first of them has waited.",
  },
  gatewayd_pinned_sessions: {
    type: "gauge",
    labels: BLOCK,
    help: "Clients that keep a server connection because of what they have on it.",
  },
  gatewayd_pins_total: {
    type: "counter",
    labels: BLOCK,
    help: "How often clients came to keep one.",
  },
  gatewayd_pin_refusals_total: {
    type: "counter",
    labels: BLOCK,
    help: "Statements refused since `maxPinned` clients kept one already.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const PLUGINS = {
  gatewayd_hook_duration_seconds: {
    type: "histogram",
    labels: ["plugin", "hook"],
    help: "How long plugins took to answer a hook.",
  },
  gatewayd_hook_failures_total: {
    type: "counter",
    labels: ["plugin", "hook"],
    help: "Calls of plugins that failed or were late.",
  },
  gatewayd_plugin_up: {
    type: "gauge",
    labels: ["plugin"],
    help: "Whether a plugin that is enabled runs.",
  },
  gatewayd_plugin_restarts_total: {
    type: "counter",
    labels: ["plugin"],
    help: "How often a plugin was started again.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const TELEMETRY = {
  gatewayd_log_records_total: {
    type: "counter",
    labels: ["output", "target"],
    help: "Log records that were handed on.",
  },
  gatewayd_log_records_dropped_total: {
    type: "counter",
    labels: ["output", "target"],
    help: "Log records that were not: the place was away, full or too slow.",
  },
  gatewayd_spans_total: {
    type: "counter",
    labels: ["fate"],
    help: "Spans that have ended, with tracing on: exported, dropped (no room was left for them), failed (the collector did not take them).",
  },
  gatewayd_spans_queued: {
    type: "gauge",
    labels: [],
    help: "Spans that wait for the next export.",
  },
} as const satisfies Record<string, FamilyDefinition>;

const PROCESS = {
  gatewayd_build_info: {
    type: "gauge",
    labels: ["version", "runtime", "platform", "arch"],
    help: "Always 1; what runs is in the labels.",
  },
  gatewayd_config_reloads_total: {
    type: "counter",
    labels: ["outcome"],
    help: "How often the configuration was read again: `applied` or, with nothing changed, `refused`.",
  },
  gatewayd_config_last_reload_success_timestamp_seconds: {
    type: "gauge",
    labels: [],
    help: "When the configuration was put into effect last, by the start or a reload, in seconds since 1970.",
  },
  gatewayd_event_loop_lag_seconds: {
    type: "histogram",
    labels: [],
    help: "How late a timer was that is set twice a second: so long nothing else could be done.",
  },
  gatewayd_heap_size_bytes: {
    type: "gauge",
    labels: [],
    help: "Live JavaScript objects.",
  },
  gatewayd_heap_capacity_bytes: {
    type: "gauge",
    labels: [],
    help: "Memory that the heap of JavaScript objects has.",
  },
  gatewayd_heap_objects: {
    type: "gauge",
    labels: [],
    help: "How many objects there are.",
  },
  process_cpu_seconds_total: {
    type: "counter",
    labels: [],
    help: "User and system CPU time spent.",
  },
  process_cpu_user_seconds_total: {
    type: "counter",
    labels: [],
    help: "User CPU time spent.",
  },
  process_cpu_system_seconds_total: {
    type: "counter",
    labels: [],
    help: "System CPU time spent.",
  },
  process_resident_memory_bytes: {
    type: "gauge",
    labels: [],
    help: "Resident memory.",
  },
  process_virtual_memory_bytes: {
    type: "gauge",
    labels: [],
    help: "Virtual memory; Linux only. Of little meaning here: the runtime reserves much and uses little of it.",
  },
  process_open_fds: {
    type: "gauge",
    labels: [],
    help: "Open file descriptors; Linux only.",
  },
  process_max_fds: {
    type: "gauge",
    labels: [],
    help: "How many there may be; Linux only.",
  },
  process_start_time_seconds: {
    type: "gauge",
    labels: [],
    help: "When the process was started, in seconds since 1970.",
  },
} as const satisfies Record<string, FamilyDefinition>;

/** In the order of the documentation, under their headings. */
export const FAMILY_CHAPTERS = {
  "As in GatewayD": ESTABLISHED,
  Connections: SESSIONS,
  "Units of work": UNITS,
  "Pools and waiting": POOLS,
  Plugins: PLUGINS,
  "Logs and traces": TELEMETRY,
  "The process": PROCESS,
} as const;

export const FAMILY_TABLE = {
  ...ESTABLISHED,
  ...SESSIONS,
  ...UNITS,
  ...POOLS,
  ...PLUGINS,
  ...TELEMETRY,
  ...PROCESS,
} as const;

export type FamilyName = keyof typeof FAMILY_TABLE;

/** A value for each label of a family. */
export type LabelsOf<Name extends FamilyName> = Readonly<
  Record<(typeof FAMILY_TABLE)[Name]["labels"][number], string>
>;

/** The families of a type. */
export type FamilyOf<Type extends MetricType> = {
  [Name in FamilyName]: (typeof FAMILY_TABLE)[Name]["type"] extends Type ? Name : never;
}[FamilyName];
