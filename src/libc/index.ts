/**
 * Calls of the C library, by bun:ffi, and its words for what fails: what the runtime does not offer.
 * May import: nothing.
 */
export { libc } from "./libc.ts";
export { reasonOf } from "./reason-of.ts";
export { openUnixDatagram } from "./unix-datagram.ts";
export type { UnixDatagramSocket } from "./unix-datagram.ts";
