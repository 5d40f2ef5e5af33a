/**
 * The client's side of HTTP/2 over a connection that is there: requests with one body, answers as they come.
 * Knows nothing of gRPC. May import: nothing.
 */
export { headerBlock } from "./header-block.ts";
export type { HeaderFields } from "./header-decoder.ts";
export { Http2Session } from "./http2-session.ts";
export type { SessionEvents } from "./http2-session.ts";
export type { Http2Stream, StreamReceiver } from "./http2-stream.ts";
