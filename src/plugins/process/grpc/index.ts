/**
 * gRPC to one plugin: calls over one HTTP/2 session, and a Connect transport over them.
 * Knows nothing of plugins. May import: ../http2.
 */
export { Channel, type ChannelOptions } from "./channel.ts";
export { createTransport } from "./transport.ts";
export { callHeaders, PREFIX_BYTES, tracedHeaders, writePrefix } from "./wire.ts";
