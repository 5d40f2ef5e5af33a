/** The schema of one entry of `rules` in gatewayd_plugins.yaml. */
import * as z from "zod";
import { boolean, choice, duration, integer, notEmpty, text } from "./scalars.ts";

/** The hooks a rule can be attached to: all that are ever run. */
export const RULE_HOOKS = [
  "OnConfigLoaded",
  "OnNewLogger",
  "OnNewPool",
  "OnNewClient",
  "OnNewProxy",
  "OnNewServer",
  "OnSignal",
  "OnRun",
  "OnBooting",
  "OnBooted",
  "OnOpening",
  "OnOpened",
  "OnClosing",
  "OnClosed",
  "OnTraffic",
  "OnTrafficFromClient",
  "OnTrafficToServer",
  "OnTrafficFromServer",
  "OnTrafficToClient",
  "OnShutdown",
  "OnTick",
] as const;

const refusal = (sqlState: string, message: string) => ({
  sqlState: text(notEmpty).prefault(sqlState).describe("SQLSTATE of the error."),
  message: text(notEmpty).prefault(message).describe("Text of the error."),
});

const terminateSchema = z.strictObject(refusal("42501", "refused by a rule of the gateway"));

const logSchema = z.strictObject({
  level: choice(["trace", "debug", "info", "warn", "error"])
    .prefault("info")
    .describe("Level of the line."),
  message: text(notEmpty).describe("Text of the line."),
});

const rateLimitSchema = z.strictObject({
  per: choice(["user", "address", "fingerprint"]).describe(
    "Whose requests are counted together: a user's, a client address's, or those whose SQL is equal but for its values.",
  ),
  requests: integer({ min: 1 }).describe("Requests in one interval, and at once."),
  interval: duration().prefault("1s").describe("Time in which as many requests are allowed again."),
  ...refusal("53400", "too many requests"),
});

export const ruleSchema = z.strictObject({
  name: text(notEmpty).describe("Name of the rule, for the log."),
  enabled: boolean().prefault(true).describe("Whether the rule is used."),
  hook: choice(RULE_HOOKS).prefault("OnTrafficFromClient").describe("The hook it is attached to."),
  condition: text(notEmpty)
    .prefault("true")
    .describe("When it applies: a condition in CEL (docs/policies.md)."),
  dryRun: boolean().prefault(false).describe("Only logs what would have happened."),
  terminate: terminateSchema
    .optional()
    .describe("Action: ends the request with an error; the connection stays open."),
  log: logSchema.optional().describe("Action: writes a line to the log."),
  rateLimit: rateLimitSchema.optional().describe("Action: ends the requests that are too many."),
});
