/** The schema of one user in our users file. */
import * as z from "zod";
import { parseSecret, type Secret } from "../secret.ts";
import type { User } from "./user-table.ts";

const MAX_CONNECTIONS = 1_000_000;

const text = z.string("must be a single value").min(1, "must not be empty");

/** One entry of the list `users`. Scalars come as texts. */
export const USER_ENTRY = z
  .strictObject({
    name: z.string("must be the name of the user").min(1, "must not be empty"),
    password: storedAs(["plain", "md5", "scram"], "is a malformed SCRAM verifier").optional(),
    verifier: storedAs(
      ["scram"],
      "must be SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>",
    ).optional(),
    md5: storedAs(["md5"], 'must be "md5" and 32 hexadecimal digits in lower case').optional(),
    databases: z.array(text, "must be a list of databases").min(1, "must not be empty").optional(),
    maxConnections: z
      .string("must be a number")
      .refine((digits) => /^[1-9]\d{0,6}$/.test(digits) && Number(digits) <= MAX_CONNECTIONS, {
        error: `must be a whole number from 1 to ${MAX_CONNECTIONS}`,
      })
      .transform(Number)
      .optional(),
    validUntil: z.string("must be a point in time").transform(readTime).optional(),
  })
  .superRefine(({ password, verifier, md5 }, context) => {
    const given = [password, verifier, md5].filter((secret) => secret !== undefined);
    if (given.length > 1) {
      context.addIssue({
        code: "custom",
        message: "can have only one of password, verifier and md5",
      });
    }
  })
  .transform((entry): User => ({
    name: entry.name,
    secret: entry.verifier ?? entry.md5 ?? entry.password,
    databases: entry.databases,
    maxConnections: entry.maxConnections,
    validUntilMs: entry.validUntil,
  }));

/** A stored password of some kinds. */
function storedAs(kinds: readonly Secret["kind"][], message: string) {
  return text.transform((stored, context): Secret => {
    const secret = parseSecret(stored);
    if (secret !== undefined && kinds.includes(secret.kind)) return secret;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** Date, time of day, offset from UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** A date means its first moment; without an offset the time is UTC. `infinity` is for ever. */
function readTime(written: string, context: z.RefinementCtx): number | undefined {
  if (written === "infinity") return undefined;
  const [, date = "", time = "", offset = "Z"] = TIME.exec(written) ?? [];
  const timeMs = Date.parse(time === "" ? date : `${date}T${time}${offset}`);
  // The parser takes the 30th of February for a day in March.
  const isDay = new Date(`${date}T00:00Z`).getUTCDate() === Number(date.slice(-2));
  if (!Number.isNaN(timeMs) && isDay) return timeMs;
  context.addIssue({ code: "custom", message: "must be a time such as 2027-01-31T12:00:00Z" });
  return z.NEVER;
}
