/** IP addresses and networks as bytes. */

/** 4 bytes for IPv4, also when it was written inside IPv6, else 16. */
export type IpAddress = Uint8Array;

export interface Network {
  readonly address: IpAddress;
  readonly prefixBits: number;
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const MAPPED_PREFIX_BITS = 96;

/** Reads an address, a zone (`%eth0`) left out; undefined if it is none. */
export function parseAddress(text: string): IpAddress | undefined {
  return plainAddress(parseV4(text) ?? parseV6(text.replace(/%.*$/, "")));
}

/** Reads `address/bits`, or a lone address as the network of one; undefined if it is none. */
export function parseNetwork(text: string): Network | undefined {
  const [, written = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = parseV4(written) ?? parseV6(written);
  if (bytes === undefined) return undefined;
  const prefixBits = bits === undefined ? bytes.length * 8 : Number(bits);
  return networkOf(bytes, prefixBits);
}

/** Reads an address and a mask such as 255.255.0.0; undefined if they are none or do not fit. */
export function parseMaskedNetwork(address: string, mask: string): Network | undefined {
  const bytes = parseV4(address) ?? parseV6(address);
  const maskBytes = parseV4(mask) ?? parseV6(mask);
  if (bytes === undefined || bytes.length !== maskBytes?.length) return undefined;
  const bits = Array.from(maskBytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? networkOf(bytes, bits.replaceAll("0", "").length) : undefined;
}

/** Whether an address is in a network. IPv4 and IPv6 never match each other. */
export function isInside(address: IpAddress, network: Network): boolean {
  if (address.length !== network.address.length) return false;
  const wholeBytes = network.prefixBits >> 3;
  for (let index = 0; index < wholeBytes; index++) {
    if (address[index] !== network.address[index]) return false;
  }
  const restBits = network.prefixBits & 7;
  if (restBits === 0) return true;
  const difference = (address[wholeBytes] ?? 0) ^ (network.address[wholeBytes] ?? 0);
  return difference >> (8 - restBits) === 0;
}

function networkOf(bytes: Uint8Array, prefixBits: number): Network | undefined {
  if (prefixBits > bytes.length * 8) return undefined;
  const address = plainAddress(bytes);
  // A client of such an address is seen as IPv4, so its network has to be too.
  const isShortened = address.length < bytes.length && prefixBits >= MAPPED_PREFIX_BITS;
  if (isShortened) return { address, prefixBits: prefixBits - MAPPED_PREFIX_BITS };
  return { address: bytes, prefixBits };
}

/** IPv4 inside IPv6 (`::ffff:10.0.0.1`) as IPv4: so do sockets that listen on both see IPv4 clients. */
function plainAddress(bytes: Uint8Array): IpAddress;
function plainAddress(bytes: Uint8Array | undefined): IpAddress | undefined;
function plainAddress(bytes: Uint8Array | undefined): IpAddress | undefined {
  if (bytes?.length !== 16) return bytes;
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0);
  return isMapped && bytes[10] === 0xff && bytes[11] === 0xff ? bytes.subarray(12) : bytes;
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = V4.exec(text)?.slice(1) ?? [];
  // A leading zero would be octal to some programs.
  const areNumbers = parts.every((part) => Number(part) <= 255 && String(Number(part)) === part);
  return parts.length === 4 && areNumbers ? Uint8Array.from(parts, Number) : undefined;
}

function parseV6(text: string): Uint8Array | undefined {
  const [head, tail, ...more] = text.split("::");
  if (head === undefined || more.length > 0) return undefined;
  const front = groupsOf(head, tail === undefined);
  const back = groupsOf(tail ?? "", true);
  if (front === undefined || back === undefined) return undefined;
  const missing = 16 - front.length - back.length;
  // "::" stands for at least one group.
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...front, ...Array.from({ length: missing }, () => 0), ...back]);
}

/** The bytes of groups between colons; the last may be an IPv4 address at the end of the whole. */
function groupsOf(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const v4 = isEnd && index === groups.length - 1 ? parseV4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes;
}
