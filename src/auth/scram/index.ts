/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both roles (RFC 5802, RFC 7677, RFC 5929), as PostgreSQL speaks
 * them. Gives and takes the payloads of the SASL messages. May import: the rest of auth, errors.
 */
export { tlsServerEndPoint } from "./channel-binding.ts";
export { ScramClient } from "./scram-client.ts";
export type { ScramClientOptions, ScramCredential } from "./scram-client.ts";
export { ScramKeyCache } from "./scram-key-cache.ts";
export {
  DEFAULT_ITERATIONS,
  deriveKeys,
  formatVerifier,
  hmac,
  parseVerifier,
  SALT_BYTES,
  sameBytes,
  sha256,
  verifierOf,
} from "./scram-keys.ts";
export type { DeriveKeys, PassedKeys, ScramKeys, ScramVerifier } from "./scram-keys.ts";
export { SCRAM, SCRAM_PLUS } from "./scram-messages.ts";
export { ScramServer } from "./scram-server.ts";
export type { ExchangeSecret, ScramProof, ScramServerOptions, StoredKeys } from "./scram-server.ts";
