/** One rule about who may log in how, and the search for the one that fits. */
import { isInside, type Network, parseAddress } from "./ip-address.ts";

/** How a client proves who it is. */
export type AuthMethod = "trust" | "cleartext" | "md5" | "scram-sha-256" | "cert";

/** Where a client connects from. */
export type Origin =
  | { readonly kind: "anywhere" }
  /** Over a unix socket. */
  | { readonly kind: "local" }
  | { readonly kind: "network"; readonly network: Network };

export type UserPattern =
  { readonly kind: "any" } | { readonly kind: "named"; readonly name: string };

export type DatabasePattern =
  /** Every connection. */
  | { readonly kind: "any" }
  /** Every connection to a database: not those for physical replication. pg_hba.conf's `all`. */
  | { readonly kind: "anyDatabase" }
  | { readonly kind: "named"; readonly name: string }
  /** The database that has the user's name. */
  | { readonly kind: "sameUser" }
  /** Connections for physical replication, which have no database. */
  | { readonly kind: "replication" };

/** A rule fits if each of its parts does; one pattern of a list is enough. */
export interface LoginRule {
  readonly from: readonly Origin[];
  readonly users: readonly UserPattern[];
  readonly databases: readonly DatabasePattern[];
  /** With TLS only, without only, or both. */
  readonly tls: boolean | "any";
  readonly method: AuthMethod | "reject";
  /** Where it is written, for logs: `auth.rules[2]`, `pg_hba.conf:12`. */
  readonly place: string;
}

/** What rules go by. */
export interface LoginRequest {
  /** The IP address, without a port; undefined over a unix socket. */
  readonly host: string | undefined;
  readonly user: string;
  readonly database: string;
  readonly isEncrypted: boolean;
  /** It asks for physical replication (`replication=true`). */
  readonly isReplication: boolean;
}

/** The first rule that fits; undefined if none does, which means that the client is not admitted. */
export function findRule(
  rules: readonly LoginRule[],
  request: LoginRequest,
): LoginRule | undefined {
  const address = request.host === undefined ? undefined : parseAddress(request.host);
  return rules.find(
    ({ from, users, databases, tls }) =>
      (tls === "any" || tls === request.isEncrypted) &&
      from.some((origin) => isFrom(origin, request.host, address)) &&
      databases.some((pattern) => fitsDatabase(pattern, request)) &&
      users.some((pattern) => pattern.kind === "any" || pattern.name === request.user),
  );
}

function isFrom(
  origin: Origin,
  host: string | undefined,
  address: Uint8Array | undefined,
): boolean {
  switch (origin.kind) {
    case "anywhere":
      return true;
    case "local":
      return host === undefined;
    case "network":
      return address !== undefined && isInside(address, origin.network);
  }
}

function fitsDatabase(pattern: DatabasePattern, request: LoginRequest): boolean {
  switch (pattern.kind) {
    case "any":
      return true;
    case "replication":
      return request.isReplication;
    case "anyDatabase":
      return !request.isReplication;
    case "named":
      return !request.isReplication && pattern.name === request.database;
    case "sameUser":
      return !request.isReplication && request.user === request.database;
  }
}
