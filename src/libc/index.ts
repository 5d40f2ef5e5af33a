/**
 * Calls of the C library, by bun:ffi: what the runtime does not offer.
 * May import: nothing.
 */
export { libc } from "./libc.ts";
export { openUnixDatagram } from "./unix-datagram.ts";
export type { UnixDatagramSocket } from "./unix-datagram.ts";
