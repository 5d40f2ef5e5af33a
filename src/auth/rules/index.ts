/**
 * Who may connect from where, and how they prove who they are: `auth.rules[]` and pg_hba.conf files, read
 * into the same rules. Pure. May import: the rest of auth, errors.
 */
export { readHbaFile } from "./hba-file.ts";
export type { HbaFile } from "./hba-file.ts";
export { parseAddress } from "./ip-address.ts";
export { findRule } from "./login-rule.ts";
export type {
  AuthMethod,
  DatabasePattern,
  LoginRequest,
  LoginRule,
  Origin,
  UserPattern,
} from "./login-rule.ts";
export { readRules } from "./read-rules.ts";
export type { ReadRules, RuleEntry, RuleProblem } from "./read-rules.ts";
