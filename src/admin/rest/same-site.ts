/**
 * Keeps pages in somebody's browser from using the API in his name. Nothing is kept in cookies, so this
 * matters only where nobody has to say who he is: on the machine itself.
 */
import { isIP } from "node:net";
import { GatewayError } from "../../errors.ts";

/** Verbs that change nothing; browsers do not let a page of another place read the answer. */
const READING = ["GET", "HEAD"];

/**
 * Browsers say which page a request comes from when it may change something; programs do not.
 * @throws GatewayError ERR_ADMIN_FORBIDDEN for a page of another place
 */
export function expectSameSite(request: Request): void {
  if (READING.includes(request.method)) return;
  const origin = request.headers.get("origin");
  if (origin === null || URL.parse(origin)?.host === request.headers.get("host")) return;
  throw forbidden(`commands are not taken from pages of ${origin}`);
}

/**
 * A name that somebody else has let point to this machine makes his page one of ours to the browser. What is
 * reached here by a name other than `localhost` is none of this machine's own.
 * @throws GatewayError ERR_ADMIN_FORBIDDEN
 */
export function expectLocalName(request: Request): void {
  const host = request.headers.get("host");
  const name = host === null ? undefined : URL.parse(`http://${host}`)?.hostname;
  if (name === undefined || name === "localhost") return;
  if (isIP(name.replace(/^\[|\]$/g, "")) !== 0) return;
  throw forbidden(`this is for callers on this machine; "${name}" is not its name: use localhost`);
}

function forbidden(message: string): GatewayError {
  return new GatewayError("ERR_ADMIN_FORBIDDEN", message);
}
