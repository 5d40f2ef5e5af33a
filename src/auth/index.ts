/**
 * Who may log in, and how it is proved: stored secrets, users files, rules, the login methods in both
 * roles, throttling, and the state machine that drives one client's login. No sockets and no clock:
 * payloads and times are passed in. Not pure, because it hashes with node:crypto (docs/decisions/0007).
 * May import: errors, postgres.
 */
export { checkPassword } from "./check-password.ts";
export { Hidden } from "./hidden.ts";
export { md5Hash, md5Response } from "./md5.ts";
export {
  deriveKeys,
  formatVerifier,
  parseVerifier,
  ScramClient,
  ScramKeyCache,
  ScramServer,
  tlsServerEndPoint,
  verifierOf,
} from "./scram/index.ts";
export type {
  ExchangeSecret,
  PassedKeys,
  ScramClientOptions,
  ScramCredential,
  ScramKeys,
  ScramProof,
  ScramServerOptions,
  ScramVerifier,
} from "./scram/index.ts";
export { parseSecret } from "./secret.ts";
export type { Secret } from "./secret.ts";
export type { FileProblem } from "./file-problem.ts";
export { readUsersFile, UserDirectory, userOfRows, UserTable } from "./users/index.ts";
export type { Decoy, User, UserDirectoryOptions, UserLookup, UsersFile } from "./users/index.ts";
export { findRule, readHbaFile, readRules } from "./rules/index.ts";
export type {
  AuthMethod,
  DatabasePattern,
  HbaFile,
  LoginRequest,
  LoginRule,
  Origin,
  ReadRules,
  RuleEntry,
  RuleProblem,
  UserPattern,
} from "./rules/index.ts";
export { LoginThrottle } from "./login-throttle.ts";
export type { LoginThrottleOptions } from "./login-throttle.ts";
export type { UserMapEntry } from "./user-map.ts";
export { Authenticator } from "./authenticator.ts";
export type { AuthAnswer, AuthenticatorOptions, AuthRequest, AuthStep } from "./authenticator.ts";
export { ScramSecrets } from "./scram-secrets.ts";
