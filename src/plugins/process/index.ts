/**
 * Plugins that are processes of their own: go-plugin's handshake, AutoMTLS and gRPC.
 * May import: what plugins/ may.
 */
export { createProcessHost } from "./process-host.ts";
export type { ProcessEntry, ProcessSurroundings } from "./process-host.ts";
