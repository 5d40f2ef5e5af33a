/** How the doors say that a command was refused. */
import type { ErrorCode, GatewayError } from "../errors.ts";

/** A refusal in the words of gRPC and of HTTP. */
export interface Refusal {
  /** Status of gRPC, by its name and its number. */
  readonly name: string;
  readonly code: number;
  /** Of HTTP. */
  readonly status: number;
  readonly message: string;
}

const UNAUTHENTICATED = ["Unauthenticated", 16, 401] as const;
const PERMISSION_DENIED = ["PermissionDenied", 7, 403] as const;
const NOT_FOUND = ["NotFound", 5, 404] as const;
const INVALID_ARGUMENT = ["InvalidArgument", 3, 400] as const;
const FAILED_PRECONDITION = ["FailedPrecondition", 9, 400] as const;
const UNIMPLEMENTED = ["Unimplemented", 12, 501] as const;
const INTERNAL = ["Internal", 13, 500] as const;
const UNAVAILABLE = ["Unavailable", 14, 503] as const;

const KINDS: Partial<Readonly<Record<ErrorCode, readonly [string, number, number]>>> = {
  ERR_ADMIN_UNAUTHENTICATED: UNAUTHENTICATED,
  ERR_ADMIN_FORBIDDEN: PERMISSION_DENIED,
  ERR_ADMIN_NOT_FOUND: NOT_FOUND,
  ERR_ADMIN_INVALID: INVALID_ARGUMENT,
  ERR_ADMIN_UNIMPLEMENTED: UNIMPLEMENTED,
  ERR_PLUGIN_UNKNOWN: NOT_FOUND,
  ERR_SHUTTING_DOWN: UNAVAILABLE,
  ERR_INTERNAL: INTERNAL,
};

/** Of an internal error nothing is told: it stands in the log. */
export function refusalOf({ code, message, clientMessage }: GatewayError): Refusal {
  // Anything else is wrong with the state of things, not with the command: a plugin that does not start, say.
  const [name, grpc, status] = KINDS[code] ?? FAILED_PRECONDITION;
  return { name, code: grpc, status, message: code === "ERR_INTERNAL" ? clientMessage : message };
}
