/** How the doors say that a command was refused. */
import { Code } from "@connectrpc/connect";
import type { ErrorCode, GatewayError } from "../../errors.ts";

/** A refusal in the words of gRPC and of HTTP. */
export interface Refusal {
  readonly code: Code;
  readonly status: number;
  readonly message: string;
}

const KINDS: Partial<Readonly<Record<ErrorCode, readonly [Code, number]>>> = {
  ERR_ADMIN_UNAUTHENTICATED: [Code.Unauthenticated, 401],
  ERR_ADMIN_FORBIDDEN: [Code.PermissionDenied, 403],
  ERR_ADMIN_NOT_FOUND: [Code.NotFound, 404],
  ERR_ADMIN_INVALID: [Code.InvalidArgument, 400],
  ERR_ADMIN_UNIMPLEMENTED: [Code.Unimplemented, 501],
  ERR_PLUGIN_UNKNOWN: [Code.NotFound, 404],
  ERR_SHUTTING_DOWN: [Code.Unavailable, 503],
  ERR_INTERNAL: [Code.Internal, 500],
};

/** What is wrong with the state of things, not with the command: a plugin that does not start, say. */
const OTHERS = [Code.FailedPrecondition, 400] as const;

/** Of an internal error nothing is told: it stands in the log. */
export function refusalOf({ code, message, clientMessage }: GatewayError): Refusal {
  const [grpc, status] = KINDS[code] ?? OTHERS;
  return { code: grpc, status, message: code === "ERR_INTERNAL" ? clientMessage : message };
}
