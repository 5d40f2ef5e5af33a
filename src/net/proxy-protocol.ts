/**
 * The PROXY protocol header a load balancer puts in front of a connection, versions 1 and 2
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Pure.
 */
import { GatewayError } from "../errors.ts";
import { formatHostPort } from "./address.ts";

export type ProxyHeader =
  | { readonly kind: "incomplete" }
  /** The connection does not begin with a header. */
  | { readonly kind: "absent" }
  | {
      readonly kind: "present";
      readonly byteLength: number;
      /** The client's true address; undefined for health checks and unknown families. */
      readonly source: string | undefined;
    };

const V1_PREFIX = Buffer.from("PROXY ");
const V1_MAX_BYTES = 107;
const V2_SIGNATURE = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);
const V2_HEADER_BYTES = 16;
/** Addresses and a few extensions fit easily; more is an attack on our memory. */
const V2_MAX_BYTES = 4_096;

/** @throws GatewayError ERR_PROXY_PROTOCOL when a header begins but is malformed */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsLike(buffer, V1_PREFIX)) return readV1(buffer);
  if (startsLike(buffer, V2_SIGNATURE)) return readV2(buffer);
  return { kind: buffer.length === 0 ? "incomplete" : "absent" };
}

/** As far as there are bytes, they are those of the prefix. */
function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return length > 0 && bytes.subarray(0, length).equals(prefix.subarray(0, length));
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf("\r\n");
  if (end < 0) {
    if (bytes.length >= V1_MAX_BYTES) throw malformed("no end of line within 107 bytes");
    return { kind: "incomplete" };
  }
  const line = bytes.toString("latin1", 0, end);
  const byteLength = end + 2;
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { kind: "present", byteLength, source: undefined };
  const match = /^PROXY TCP[46] ([0-9A-Fa-f.:]+) [0-9A-Fa-f.:]+ (\d{1,5}) \d{1,5}$/.exec(line);
  const [, host, port] = match ?? [];
  if (host === undefined || Number(port) > 65_535) throw malformed(JSON.stringify(line));
  return { kind: "present", byteLength, source: formatHostPort(host, Number(port)) };
}

function readV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_HEADER_BYTES) return { kind: "incomplete" };
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const byteLength = V2_HEADER_BYTES + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2) throw malformed(`version ${versionAndCommand >> 4}`);
  if (byteLength > V2_MAX_BYTES) throw malformed(`${byteLength} bytes`);
  if (bytes.length < byteLength) return { kind: "incomplete" };
  const isLocal = (versionAndCommand & 0xf) === 0;
  const source = isLocal
    ? undefined
    : readSource(bytes.subarray(V2_HEADER_BYTES, byteLength), family);
  return { kind: "present", byteLength, source };
}

/** Source address, destination address, source port, destination port. */
function readSource(addresses: Buffer, family: number): string | undefined {
  const isV4 = family >> 4 === 1;
  const isV6 = family >> 4 === 2;
  if (!isV4 && !isV6) return undefined;
  const hostBytes = isV4 ? 4 : 16;
  if (addresses.length < 2 * hostBytes + 4) throw malformed("the addresses are cut short");
  const port = addresses.readUInt16BE(2 * hostBytes);
  if (isV4) return formatHostPort(addresses.subarray(0, 4).join("."), port);
  const groups = Array.from({ length: 8 }, (_, index) => addresses.readUInt16BE(2 * index));
  const written = groups.map((group) => group.toString(16)).join(":");
  // A URL writes IPv6 in its shortest form.
  return formatHostPort(new URL(`http://[${written}]`).hostname.slice(1, -1), port);
}

function malformed(what: string): GatewayError {
  return new GatewayError("ERR_PROXY_PROTOCOL", `malformed PROXY protocol header: ${what}`);
}
