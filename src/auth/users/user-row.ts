/** A user as a query tells it: name, secret, and until when the secret is good. */
import { GatewayError } from "../../errors.ts";
import { parseSecret } from "../secret.ts";
import type { User } from "./user-table.ts";

/** A timestamp in DateStyle ISO: date, time, offset from UTC. The last two may be missing, and era. */
const ISO_TIME =
  /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:([+-])(\d\d)(?::(\d\d))?)?)?( BC)?$/;

/**
 * What the answer to a query says of a user; undefined if there is none, which is no row or one without a
 * name: a function with OUT parameters gives such a one for a user that it does not find.
 * @param rows values as text; the third column may be left out
 * @throws GatewayError ERR_AUTH_LOOKUP when they are not of that form. It names no secret.
 */
export function userOfRows(
  name: string,
  rows: readonly (readonly (string | null)[])[],
): User | undefined {
  const [row, ...others] = rows;
  if (row === undefined) return undefined;
  const [named, stored, validUntil = null] = row;
  if (row.length < 2 || row.length > 3) throw misfit(`has ${row.length} columns`);
  if (others.length > 0) throw misfit(`has ${rows.length} rows`);
  if (named === null) return undefined;
  if (named !== name) throw misfit(`is about another user than ${JSON.stringify(name)}`);
  const secret = stored === null || stored === undefined ? undefined : parseSecret(stored);
  if (secret === undefined && stored?.startsWith("SCRAM-SHA-256$") === true) {
    throw misfit(`has a malformed SCRAM verifier for ${JSON.stringify(name)}`);
  }
  return {
    name,
    secret,
    databases: undefined,
    maxConnections: undefined,
    validUntilMs: validUntil === null ? undefined : readTime(validUntil),
  };
}

/** Beyond the years that a Date has, time counts as infinite. */
function readTime(written: string): number | undefined {
  if (written === "infinity") return undefined;
  if (written === "-infinity") return -Infinity;
  const match = ISO_TIME.exec(written);
  if (match === null) throw misfit("has a third column that is no time");
  const [, year, month, day, hour = "0", minute = "0", second = "0", sign, ...rest] = match;
  const [offsetHours = "0", offsetMinutes = "0", era] = rest;
  if (era !== undefined) return -Infinity;
  const offset = (sign === "-" ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes));
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute) - offset, 0, Number(second) * 1_000);
  const timeMs = date.getTime();
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function misfit(what: string): GatewayError {
  return new GatewayError(
    "ERR_AUTH_LOOKUP",
    `the answer to auth.query ${what}; it has to be one row of name, secret and valid_until, or none`,
  );
}
