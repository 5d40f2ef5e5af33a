/** Names and values of what spans tell, by OpenTelemetry's conventions where they have a name for it. */
import { isIP } from "node:net";
import type { Attributes } from "../index.ts";
import type { UnitFacts } from "./unit-facts.ts";

/** Longer texts are cut. */
const MAX_TEXT_LENGTH = 8 * 1024;

/** Those whose command tag counts what they have returned, and not what they have changed. */
const RETURNS_ROWS: ReadonlySet<string> = new Set(["SELECT", "FETCH"]);

/** The first word behind comments and brackets. */
const FIRST_WORD = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([a-z]+)/i;

/** `client.address` and `client.port`, or those of the server; of a Unix socket its path. */
export function addressAttributes(side: "client" | "server", address: string): Attributes {
  const [, host = address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === "") return {};
  return {
    [`${side}.address`]: host,
    [`${side}.port`]: port === undefined || isIP(host) === 0 ? undefined : Number(port),
  };
}

/** @param normalize takes the literals out of a text; undefined when it cannot */
export function unitAttributes(
  unit: UnitFacts,
  normalize: (sql: string) => string | undefined,
): Attributes {
  const { text, commandTag, sqlState } = unit;
  const normalized = text === undefined ? undefined : normalize(text);
  const operation = operationOf(commandTag, normalized);
  const rows = rowsOf(commandTag);
  const returnsRows = operation !== undefined && RETURNS_ROWS.has(operation);
  return {
    "db.system.name": "postgresql",
    "db.namespace": unit.database,
    "db.operation.name": operation,
    "db.query.text": normalized?.slice(0, MAX_TEXT_LENGTH),
    "db.response.returned_rows": returnsRows ? rows : undefined,
    "db.response.status_code": sqlState,
    "error.type": sqlState,
    "user.name": unit.user,
    "gatewayd.block": unit.block,
    "gatewayd.connection.id": unit.connectionId,
    "gatewayd.affected_rows": returnsRows ? undefined : rows,
    "gatewayd.unit.kind": unit.kind,
    "gatewayd.unit.request_bytes": unit.requestBytes,
    "gatewayd.unit.answer_bytes": unit.answerBytes,
    "gatewayd.unit.waited_ms": unit.waitedMs > 0 ? unit.waitedMs : undefined,
    "gatewayd.unit.is_multiplexed": unit.isMultiplexed || undefined,
    "gatewayd.unit.prepared_misses": unit.preparedMisses > 0 ? unit.preparedMisses : undefined,
    "gatewayd.pin_reason": unit.pinReason,
    ...addressAttributes("client", unit.clientAddress),
    ...addressAttributes("server", unit.serverAddress),
  };
}

/** `CREATE TABLE`, `INSERT`, ...: of what was done, or else of what was asked. */
function operationOf(tag: string | undefined, text: string | undefined): string | undefined {
  const done = tag === undefined ? "" : tag.replace(/[\s\d]+$/, "");
  return done === "" ? FIRST_WORD.exec(text ?? "")?.[1]?.toUpperCase() : done;
}

function rowsOf(tag: string | undefined): number | undefined {
  const count = /\s(\d+)$/.exec(tag ?? "")?.[1];
  return count === undefined ? undefined : Number(count);
}
