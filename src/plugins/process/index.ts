/**
 * Plugins that are processes of their own: go-plugin's handshake, AutoMTLS and gRPC.
 * May import: what plugins/ may.
 */
export { makeClientCertificate } from "./client-certificate.ts";
export { APP_PROTOCOL } from "./handshake.ts";
export { COOKIE_KEY, COOKIE_VALUE } from "./plugin-environment.ts";
export { createProcessHost } from "./process-host.ts";
export type { ProcessEntry, ProcessSurroundings } from "./process-host.ts";
export { SESSION_HEADER } from "./session-header.ts";
