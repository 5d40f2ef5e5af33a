/** How gRPC looks on HTTP/2: headers, message prefixes, statuses. */
import { Code, ConnectError } from "@connectrpc/connect";
import { formatTraceParent } from "../../../tracing/index.ts";
import type { TraceContext } from "../../../tracing/index.ts";
import { headerBlock, type HeaderFields } from "../http2/index.ts";

/** In front of each message: one byte that says whether it is compressed, and its length in 4 bytes. */
export const PREFIX_BYTES = 5;

/** Longest number that fits the 8 digits of the header grpc-timeout. */
const MAX_TIMEOUT_DIGITS = 99_999_999;

/** The headers of every call of one method, as they are sent; `timeoutMs` 0 = no deadline. */
export function callHeaders(path: string, timeoutMs: number): Buffer {
  return headerBlock({
    ":method": "POST",
    ":path": path,
    ":scheme": "https",
    ":authority": "localhost",
    "content-type": "application/grpc+proto",
    te: "trailers",
    ...(timeoutMs > 0 && { "grpc-timeout": formatTimeout(timeoutMs) }),
  });
}

/** The same headers, with what the call is a part of as metadata. */
export function tracedHeaders(headers: Buffer, trace: TraceContext): Buffer {
  const { traceState } = trace;
  const fields = {
    traceparent: formatTraceParent(trace),
    ...(traceState !== undefined && { tracestate: traceState }),
  };
  return Buffer.concat([headers, headerBlock(fields)]);
}

function formatTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  if (ms <= MAX_TIMEOUT_DIGITS) return `${ms}m`;
  return `${Math.min(Math.ceil(ms / 1000), MAX_TIMEOUT_DIGITS)}S`;
}

/** Writes the prefix of a message into the first bytes of a frame, whose rest is the message. */
export function writePrefix(frame: Buffer): void {
  frame[0] = 0;
  frame.writeUInt32BE(frame.length - PREFIX_BYTES, 1);
}

/** The failure that trailers, or headers of an answer without a message, tell of; undefined for success. */
export function failureOf(trailers: HeaderFields): ConnectError | undefined {
  const status = trailers.get("grpc-status");
  if (status === "0") return undefined;
  const message = trailers.get("grpc-message");
  const code = Number(status);
  const text = message === undefined ? "no reason given" : percentDecoded(message);
  return new ConnectError(text, isCode(code) ? code : Code.Unknown);
}

/** The failure of an answer that is not gRPC; undefined when it is. */
export function httpFailureOf(headers: HeaderFields): ConnectError | undefined {
  const status = Number(headers.get(":status"));
  const type = headers.get("content-type");
  if (status === 200 && type?.startsWith("application/grpc") === true) return undefined;
  return new ConnectError(
    `the answer is not gRPC: HTTP status ${status}, content type ${type ?? "not given"}`,
    CODE_OF_HTTP_STATUS[status] ?? Code.Unknown,
  );
}

/** As gRPC's document "HTTP to gRPC status code mapping" has them. */
const CODE_OF_HTTP_STATUS: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

/** Whether these headers are about an answer that is still to come. */
export function isInformational(headers: HeaderFields): boolean {
  return headers.get(":status")?.startsWith("1") === true;
}

/** The failure of a call whose stream ended before its answer did. */
export function brokenOff(cause: Error): ConnectError {
  const text = `the call was broken off: ${cause.message}`;
  return new ConnectError(text, Code.Unavailable, undefined, undefined, cause);
}

/** What is wrong with a stream that ended without a word about how the call did. */
export function endedEarly(): ConnectError {
  return brokenOff(new Error("the plugin ended the stream"));
}

function isCode(code: number): code is Code {
  return code in Code && code > 0;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not encoded as it should be: as it came is better than nothing.
  }
}
