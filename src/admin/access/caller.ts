/** Each may do what those before it may. */
export const ROLES = ["viewer", "operator", "admin"] as const;

export type Role = (typeof ROLES)[number];

/** Who asks. */
export interface Caller {
  /** As the configuration names it; `anonymous` where nobody has to say who he is. */
  readonly name: string;
  readonly role: Role;
  /** Which way it came. */
  readonly door: "grpc" | "rest" | "console";
  /** Where from. */
  readonly address: string;
}
