import type { WatchedUnit } from "../../watch/index.ts";

/** Longer statements are recorded without their text: to read one of a mebibyte takes its time, and to keep it room. */
const MAX_TEXT_LENGTH = 16 * 1024;

/** What a span tells of a unit, for when the unit is no more: it is another one of its session by then. */
export type UnitFacts = ReturnType<typeof unitFacts>;

export function unitFacts(unit: WatchedUnit) {
  const { session, text } = unit;
  return {
    connectionId: session.id,
    user: session.user,
    database: session.database,
    block: session.block,
    clientAddress: unit.clientAddress,
    serverAddress: unit.serverAddress,
    kind: unit.kind,
    text: text === undefined || text.length > MAX_TEXT_LENGTH ? undefined : text,
    requestBytes: unit.requestBytes,
    answerBytes: unit.answerBytes,
    commandTag: unit.commandTag,
    sqlState: unit.sqlState,
    waitedMs: unit.waitedMs,
    isMultiplexed: unit.isMultiplexed,
    preparedMisses: unit.preparedMisses,
    pinReason: unit.pinReason,
  };
}
