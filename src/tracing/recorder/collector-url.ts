/** The address of a collector, as flags and variables have it. */
import { isIP } from "node:net";
import { resolve } from "node:path";

const HTTP = /^https?:\/\//i;
const UNIX = /^unix:(?:\/\/(?=\/))?/i;

/** What is wrong with the text, if anything is, for a collector that TLS is or is not asked for. */
export function collectorUrlProblem(text: string, isEncrypted: boolean): string | undefined {
  const address = text.trim();
  if (UNIX.test(address)) return isUnixPath(address) ? undefined : expected(text);
  const target = HTTP.test(address) ? address : `http://${address}`;
  const url = URL.parse(target);
  if (url === null || url.hostname === "") return expected(text);
  if (address.includes("://") && !HTTP.test(address)) return expected(text);
  if (url.username !== "" || url.password !== "") {
    return "must not hold a password: tracing.headers is where it belongs";
  }
  // The library tells the collector its name (SNI), which an IP address is not, and fails.
  if (isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0 && encrypts(address, isEncrypted)) {
    return "must have the collector's name: an IP address cannot be encrypted to";
  }
  return undefined;
}

/** With its scheme, which is `https` whenever TLS is asked for; `unix` says nothing of it. */
export function collectorUrl(text: string, isEncrypted: boolean): string {
  const address = text.trim();
  // The library takes `unix:/path` for a host of that name.
  if (UNIX.test(address)) return `unix://${resolve(address.replace(UNIX, ""))}`;
  const target = address.replace(HTTP, "");
  return `${encrypts(address, isEncrypted) ? "https" : "http"}://${target}`;
}

/** `unix://host/path` is none: there is no host. */
function isUnixPath(address: string): boolean {
  const path = address.replace(UNIX, "");
  return path !== "" && !path.startsWith("//");
}

function encrypts(address: string, isEncrypted: boolean): boolean {
  return isEncrypted || /^https:/i.test(address);
}

function expected(text: string): string {
  return `must be host:port, http://host:port, https://host:port or unix:path, not "${text}"`;
}
