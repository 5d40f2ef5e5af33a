/**
 * The server's side: one connection to a database, how it is encrypted and logged in, what is asked on
 * it outside of sessions, and requests to cancel what it runs.
 * May import: errors, auth, net, postgres.
 */
export { Backend } from "./backend.ts";
export { askToCancel, sendCancelRequest } from "./cancel.ts";
export type { CancelServer } from "./cancel.ts";
export type { ConversationOptions } from "./conversation.ts";
export { negotiateTls } from "./negotiate-tls.ts";
export type { NegotiateTlsOptions, ServerTlsMode } from "./negotiate-tls.ts";
export { openServer } from "./open-server.ts";
export type {
  OpenedServer,
  OpenServerOptions,
  ServerEncryption,
  ServerTls,
} from "./open-server.ts";
export { PooledBackend } from "./pooled-backend.ts";
export type { PooledBackendOptions } from "./pooled-backend.ts";
export type { ServerCredential } from "./server-credential.ts";
export { loginToServer } from "./server-login.ts";
export type { LoggedIn, LoggedInServer, ServerLoginOptions } from "./server-login.ts";
export { ServerLoginError } from "./server-login-error.ts";
export type { ServerRefusal } from "./server-login-error.ts";
export { BackendStatements, STATEMENT_PREFIX } from "./backend-statements.ts";
export type { ServerStatement } from "./backend-statements.ts";
export { SharedStatement, StatementCatalog } from "./shared-statement.ts";
export { ServerPlace } from "./server-place.ts";
export { runSimpleQuery } from "./simple-query.ts";
export type { SimpleAnswer, SimpleQueryOptions } from "./simple-query.ts";
export { USER_QUERY_LIMIT_MS, UserQuery } from "./user-query.ts";
export type { UserQueryOptions } from "./user-query.ts";
