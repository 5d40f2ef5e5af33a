import type { Role } from "../gen/gatewayd/admin/v1/access_pb.ts";

/** Who asks. */
export interface Caller {
  /** As the configuration names it; `anonymous` where nobody has to say who he is. */
  readonly name: string;
  readonly role: Role;
  /** Which way it came. */
  readonly door: "grpc" | "rest";
  /** Where from. */
  readonly address: string;
}
