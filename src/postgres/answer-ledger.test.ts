import { describe, expect, test } from "bun:test";
import { AnswerLedger } from "./index.ts";

/** What the ledger says of a conversation at one moment. */
type State =
  /** Nothing under way. */
  | "idle"
  /** The server owes something, and has been asked for it. */
  | "busy"
  /** It has something to say that it has not been asked for: of a batch without Flush or Sync. */
  | "asked for nothing"
  /** The server reads COPY data. */
  | "copying"
  /** Nothing is owed, but the server waits for the Sync of a batch, failed or not. */
  | "open";

/**
 * Who sends, the tags of the messages, how many ReadyForQuery the client then waits for, and the state.
 * Client: Q Query, F FunctionCall, P Parse, B Bind, D Describe, E Execute, C Close, S Sync, H Flush,
 * d CopyData, c CopyDone, f CopyFail. Server: 1 2 3 n T D C s I as in the manual, E ErrorResponse,
 * G CopyInResponse, H CopyOutResponse, W CopyBothResponse, Z ReadyForQuery, N A S t V asides.
 */
type Step = readonly [who: "client" | "server", tags: string, owed: number, state: State];

const CONVERSATIONS: Readonly<Record<string, readonly Step[]>> = {
  "a query": [
    ["client", "Q", 1, "busy"],
    ["server", "TDDDC", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a query that fails": [
    ["client", "Q", 1, "busy"],
    ["server", "E", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "an empty query": [
    ["client", "Q", 1, "busy"],
    ["server", "I", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "three statements in one query": [
    ["client", "Q", 1, "busy"],
    ["server", "TDCTDCC", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a function call": [
    ["client", "F", 1, "busy"],
    ["server", "V", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "an extended query": [
    ["client", "PBDES", 1, "busy"],
    ["server", "12TDDC", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "an extended query in steps, each with a Flush": [
    ["client", "PDH", 0, "busy"],
    ["server", "1t", 0, "busy"],
    ["server", "T", 0, "open"],
    ["client", "BEH", 0, "busy"],
    ["server", "2DC", 0, "open"],
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a statement without rows, described, run and closed": [
    ["client", "PDBDECS", 1, "busy"],
    ["server", "1tn2nC3", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a portal read in parts": [
    ["client", "PBEH", 0, "busy"],
    ["server", "12DDs", 0, "open"],
    ["client", "EH", 0, "busy"],
    ["server", "DDs", 0, "open"],
    ["client", "ES", 1, "busy"],
    ["server", "DCZ", 0, "idle"],
  ],
  "an empty extended query": [
    ["client", "PBES", 1, "busy"],
    ["server", "12IZ", 0, "idle"],
  ],
  "a lone Sync": [
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a lone Flush": [["client", "H", 0, "idle"]],
  "a pipeline of many Syncs": [
    ["client", "PBESBESBESSQ", 5, "busy"],
    ["server", "12CZ", 4, "busy"],
    ["server", "2CZ2CZ", 2, "busy"],
    ["server", "Z", 1, "busy"],
    ["server", "TDCZ", 0, "idle"],
  ],
  "a pipeline with an error in the middle": [
    ["client", "PBESPBESPBES", 3, "busy"],
    ["server", "12CZ1E", 2, "busy"],
    ["server", "Z", 1, "busy"],
    ["server", "12CZ", 0, "idle"],
  ],
  "an error that makes a Query void: P(error) Q S": [
    ["client", "PQS", 2, "busy"],
    ["server", "E", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "no error, so that the Query counts: P(ok) Q S": [
    ["client", "PQS", 2, "busy"],
    ["server", "1TDCZ", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "an error before the Sync was sent": [
    ["client", "PH", 0, "busy"],
    ["server", "E", 0, "open"],
    ["client", "BEQFPH", 0, "open"],
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
    ["client", "Q", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an error of the Sync itself, which skips nothing": [
    ["client", "PBESQ", 2, "busy"],
    ["server", "12C", 2, "busy"],
    ["server", "EZ", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an error of a Query between extended messages, which skips nothing": [
    ["client", "QPBES", 2, "busy"],
    ["server", "EZ", 1, "busy"],
    ["server", "12CZ", 0, "idle"],
  ],
  "notices, notifications and parameters in between": [
    ["client", "PBESQ", 2, "busy"],
    ["server", "NA1S2NCNZ", 1, "busy"],
    ["server", "ANSTNDNCSNZ", 0, "idle"],
    ["server", "NAS", 0, "idle"],
  ],
  "a batch that a Query ends in place of its Sync": [
    ["client", "PBEH", 0, "busy"],
    ["server", "12C", 0, "open"],
    ["client", "Q", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an extended COPY that still lacks its second Sync": [
    ["client", "PBES", 1, "busy"],
    ["server", "12G", 0, "copying"],
    ["client", "dc", 0, "asked for nothing"],
    ["client", "S", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an extended COPY that swallows a Flush": [
    ["client", "PBEH", 0, "busy"],
    ["server", "12G", 0, "copying"],
    ["client", "dHc", 0, "asked for nothing"],
    ["client", "H", 0, "busy"],
    ["server", "C", 0, "open"],
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "an extended COPY sent as a whole, with a Flush before the end of its data": [
    ["client", "PBEHdc", 0, "busy"],
    ["server", "12G", 0, "asked for nothing"],
    ["client", "S", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an extended COPY sent as a whole, with a Flush behind the end of its data": [
    ["client", "PBEHdcHH", 0, "busy"],
    ["server", "12G", 0, "busy"],
    ["server", "C", 0, "open"],
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a batch behind such a Flush, which does not ask for it": [
    ["client", "PBEdcHPB", 0, "busy"],
    ["server", "12GC", 0, "asked for nothing"],
    ["client", "S", 1, "busy"],
    ["server", "12Z", 0, "idle"],
  ],
  "a Flush behind the end of no COPY": [
    ["client", "QcPHS", 2, "busy"],
    ["server", "CZ", 1, "busy"],
    ["server", "1Z", 0, "idle"],
  ],
  "COPY TO": [
    ["client", "Q", 1, "busy"],
    ["server", "HdddcC", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "COPY FROM": [
    ["client", "Q", 1, "busy"],
    ["server", "G", 1, "copying"],
    ["client", "ddd", 1, "copying"],
    ["client", "c", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "COPY FROM given up by the client": [
    ["client", "Q", 1, "busy"],
    ["server", "G", 1, "copying"],
    ["client", "df", 1, "busy"],
    ["server", "EZ", 0, "idle"],
  ],
  "libpq's extended COPY FROM: two Syncs, one ReadyForQuery": [
    ["client", "PBDES", 1, "busy"],
    ["server", "12n", 1, "busy"],
    ["server", "G", 0, "copying"],
    ["client", "ddd", 0, "copying"],
    ["client", "cS", 1, "busy"],
    ["server", "C", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "Sync and Flush in the middle of COPY data": [
    ["client", "Q", 1, "busy"],
    ["server", "G", 1, "copying"],
    ["client", "dSdHdS", 1, "copying"],
    ["client", "c", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "a failed COPY whose client goes on sending": [
    ["client", "Q", 1, "busy"],
    ["server", "G", 1, "copying"],
    ["client", "d", 1, "copying"],
    ["server", "EZ", 0, "idle"],
    ["client", "dddc", 0, "idle"],
    ["client", "Q", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "a failed COPY whose CopyDone and next query were under way": [
    ["client", "Q", 1, "busy"],
    ["server", "G", 1, "copying"],
    ["client", "dcQ", 2, "busy"],
    ["server", "EZ", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an extended COPY that fails before its CopyDone": [
    ["client", "PBES", 1, "busy"],
    ["server", "12G", 0, "copying"],
    ["client", "d", 0, "copying"],
    ["server", "E", 0, "open"],
    ["client", "dc", 0, "open"],
    ["client", "S", 1, "busy"],
    ["server", "Z", 0, "idle"],
  ],
  "a CopyDone sent before the server asked for data": [
    ["client", "QddcQ", 2, "busy"],
    ["server", "G", 2, "busy"],
    ["server", "CZ", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "an extended COPY sent as a whole": [
    ["client", "PBESddcS", 2, "busy"],
    ["server", "12G", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "a COPY sent as a whole that fails at once": [
    ["client", "QddcQ", 2, "busy"],
    ["server", "EZ", 1, "busy"],
    ["server", "CZ", 0, "idle"],
  ],
  "two COPYs in one query, sent as a whole": [
    ["client", "QdcdcQ", 2, "busy"],
    ["server", "GC", 2, "busy"],
    ["server", "GC", 2, "busy"],
    ["server", "ZCZ", 0, "idle"],
  ],
  "replication, data both ways": [
    ["client", "Q", 1, "busy"],
    ["server", "Wdd", 1, "copying"],
    ["client", "ddc", 1, "busy"],
    ["server", "cCZ", 0, "idle"],
  ],
};

function say(ledger: AnswerLedger, who: "client" | "server", tags: string): void {
  for (const tag of Buffer.from(tags)) {
    if (who === "client") ledger.clientMessage(tag);
    else if (tag === "Z".charCodeAt(0)) ledger.readyForQuery("I".charCodeAt(0));
    else ledger.serverMessage(tag);
  }
}

function stateOf(ledger: AnswerLedger): State {
  if (ledger.isIdle) return "idle";
  if (ledger.isCopying) return "copying";
  if (ledger.isAnswered) return "open";
  return ledger.owesAnswer ? "busy" : "asked for nothing";
}

/** As it is after a login. */
function loggedIn(): AnswerLedger {
  const ledger = new AnswerLedger();
  ledger.readyForQuery("I".charCodeAt(0));
  return ledger;
}

describe("the ledger of answers", () => {
  test.each(Object.entries(CONVERSATIONS))("follows %s", (_, steps) => {
    const ledger = loggedIn();
    steps.forEach(([who, tags, owed, state], index) => {
      say(ledger, who, tags);
      const seen = { index, who, tags, owed: ledger.owedReadyForQuery, state: stateOf(ledger) };
      expect(seen).toEqual({ index, who, tags, owed, state });
    });
  });

  test("stays right through all conversations one after the other, twice", () => {
    const ledger = loggedIn();
    for (const steps of [...Object.values(CONVERSATIONS), ...Object.values(CONVERSATIONS)]) {
      for (const [who, tags] of steps) say(ledger, who, tags);
      expect({ owed: ledger.owedReadyForQuery, state: stateOf(ledger) }).toEqual({
        owed: 0,
        state: "idle",
      });
    }
  });

  test("does not take the end of the login for the answer to a query sent ahead of it", () => {
    const ledger = new AnswerLedger();
    say(ledger, "client", "pQ");
    expect(ledger.isLoggedIn).toBe(false);
    say(ledger, "server", "RRSSKZ");
    expect({ isLoggedIn: ledger.isLoggedIn, owed: ledger.owedReadyForQuery }).toEqual({
      isLoggedIn: true,
      owed: 1,
    });
    say(ledger, "server", "TDCZ");
    expect(ledger.isIdle).toBe(true);
  });

  test("tells a stream of replication from data that only the client sends", () => {
    const ledger = loggedIn();
    const isStreaming = (who: "client" | "server", tags: string): boolean => {
      say(ledger, who, tags);
      return ledger.isCopyingBoth;
    };
    expect(isStreaming("client", "Q")).toBe(false);
    expect(isStreaming("server", "W")).toBe(true);
    expect(isStreaming("server", "dd")).toBe(true);
    expect(isStreaming("client", "d")).toBe(true);
    expect(isStreaming("client", "c")).toBe(false);
    expect(isStreaming("server", "dcCCZ")).toBe(false);
    say(ledger, "client", "Q");
    expect(isStreaming("server", "G")).toBe(false);
    expect(ledger.isCopying).toBe(true);
  });

  test.each([
    ["I", false],
    ["T", true],
    ["E", true],
  ] as const)("knows of a transaction by the status %s", (status, isInTransaction) => {
    const ledger = loggedIn();
    ledger.readyForQuery(status.charCodeAt(0));
    expect(ledger.isInTransaction).toBe(isInTransaction);
    expect(ledger.cycles).toBe(2);
  });
});
