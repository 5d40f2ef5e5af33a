/**
 * Recognises the units that could share a backend by their shape: a Query alone, or one run of one
 * statement up to its Sync (`Parse "" Bind Describe Execute Sync`, with a named statement without the
 * Parse). Whether the statement itself may be shared is another question.
 */
import { FrontendTag, HEADER_BYTES, lengthAt } from "../../postgres/index.ts";

export type UnitShape =
  /** A Query, whose text is in the unit from `from` to `to`. */
  | "query"
  /** A Parse is in the unit, from behind the statement's name at `from` to its end at `to`. */
  | "parse"
  /** It runs a statement that was prepared, whose name is there. */
  | "prepared"
  | "other";

/** Reads one unit after another; what it has read last is in its fields. */
export class UnitShapeReader {
  from = 0;
  to = 0;

  /** @param unit held for a server: its messages are whole but for the last one, maybe */
  read(unit: Uint8Array): UnitShape {
    const end = unit.length;
    if (unit[0] === FrontendTag.Query) {
      this.from = HEADER_BYTES;
      this.to = end - 1;
      return 1 + lengthAt(unit, 1) === end ? "query" : "other";
    }
    let at = 0;
    let isParsed = false;
    if (unit[0] === FrontendTag.Parse) {
      at = this.#parse(unit);
      isParsed = true;
    }
    if (at < 0 || unit[at] !== FrontendTag.Bind) return "other";
    at = this.#bind(unit, at, isParsed);
    if (at < 0) return "other";
    if (unit[at] === FrontendTag.Describe) {
      // Of the portal, which has no name.
      if (unit[at + HEADER_BYTES] !== PORTAL || unit[at + HEADER_BYTES + 1] !== 0) return "other";
      at = nextOf(unit, at);
    }
    if (at < 0 || !isWholeExecute(unit, at)) return "other";
    at = nextOf(unit, at);
    if (at < 0 || unit[at] !== FrontendTag.Sync || nextOf(unit, at) !== end) return "other";
    return isParsed ? "parse" : "prepared";
  }

  /** Of the unnamed statement; answers where it ends, or -1. */
  #parse(unit: Uint8Array): number {
    const next = nextOf(unit, 0);
    if (next < 0 || unit[HEADER_BYTES] !== 0) return -1;
    this.from = HEADER_BYTES + 1;
    this.to = next;
    return next;
  }

  /** With the unnamed portal; answers where it ends, or -1. */
  #bind(unit: Uint8Array, at: number, isUnnamed: boolean): number {
    const next = nextOf(unit, at);
    if (next < 0 || unit[at + HEADER_BYTES] !== 0) return -1;
    const from = at + HEADER_BYTES + 1;
    if (isUnnamed) return unit[from] === 0 ? next : -1;
    let to = from;
    while (to < next && unit[to] !== 0) to++;
    if (to === from || to === next) return -1;
    this.from = from;
    this.to = to;
    return next;
  }
}

const PORTAL = 0x50; // P
/** Header, the zero byte of no name, and the number of rows. */
const EXECUTE_BYTES = HEADER_BYTES + 5;

/** Of the unnamed portal, for all rows. */
function isWholeExecute(unit: Uint8Array, at: number): boolean {
  return (
    unit[at] === FrontendTag.Execute &&
    nextOf(unit, at) === at + EXECUTE_BYTES &&
    lengthAt(unit, at + HEADER_BYTES + 1) === 0
  );
}

/** Where the message ends; -1 when it is not whole. */
function nextOf(unit: Uint8Array, at: number): number {
  if (at + HEADER_BYTES > unit.length) return -1;
  const next = at + 1 + lengthAt(unit, at + 1);
  return next > unit.length ? -1 : next;
}
