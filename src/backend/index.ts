/**
 * The server's side: one connection to a database, and requests to cancel what it runs.
 * May import: errors, net, postgres.
 */
export { Backend } from "./backend.ts";
export { sendCancelRequest } from "./cancel.ts";
