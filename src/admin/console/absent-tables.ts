/** PgBouncer's tables that have no like here, and where what they are looked at for is to be had. */
export const ABSENT_TABLES: ReadonlyMap<string, string> = new Map([
  ["active_sockets", "see SHOW CLIENTS and SHOW SERVERS"],
  ["dns_hosts", "names are looked up by the system"],
  ["dns_zones", "names are looked up by the system"],
  ["fds", "sockets are not handed over; see reusePort"],
  ["mem", "memory is on the metrics page"],
  ["peer_pools", "gateways have no peers"],
  ["peers", "gateways have no peers"],
  ["sockets", "see SHOW CLIENTS and SHOW SERVERS"],
]);
