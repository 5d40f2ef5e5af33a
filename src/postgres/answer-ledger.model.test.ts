import { expect, test } from "bun:test";
import fc from "fast-check";
import { SEED, times } from "../../tests/fixtures/test-size.ts";
import { AnswerLedger } from "./index.ts";

/** What a client sends: the tag, and what becomes of it on the server. */
interface Request {
  readonly tag: string;
  /** `copy`: the statement is a COPY FROM; `fails`: it, or the data, is answered by an error. */
  readonly fate: "succeeds" | "fails" | "copy";
}

/** Takes one message after the other, as PostgreSQL does, and answers with tags. */
class ModelServer {
  readonly inbox: Request[] = [];
  isSkipping = false;
  /** Extended messages came, and neither Sync nor Query behind them. */
  isBatchOpen = false;
  /** Of a message that is no COPY data in the middle of a COPY. */
  isDead = false;
  copy: "none" | "simple" | "extended" = "none";

  /** Handles the next message. */
  next(): string {
    const request = this.inbox.shift();
    if (request === undefined) return "";
    if (this.copy !== "none") return this.#copying(request);
    if (request.tag === "S") {
      this.isSkipping = false;
      this.isBatchOpen = false;
      return "Z";
    }
    if (this.isSkipping || "dcfH".includes(request.tag)) return "";
    this.isBatchOpen = !"QF".includes(request.tag);
    if (!this.isBatchOpen) return this.#simple(request);
    return this.#extended(request);
  }

  #simple({ tag, fate }: Request): string {
    if (fate === "fails") return "EZ";
    if (fate === "copy" && tag === "Q") {
      this.copy = "simple";
      return "G";
    }
    return tag === "Q" ? "TDCZ" : "VZ";
  }

  #extended({ tag, fate }: Request): string {
    if (fate === "fails") {
      this.isSkipping = true;
      return "E";
    }
    if (fate === "copy" && tag === "E") {
      this.copy = "extended";
      return "G";
    }
    return { P: "1", B: "2", D: "T", E: "DC", C: "3" }[tag] ?? "";
  }

  #copying({ tag, fate }: Request): string {
    if (tag === "S" || tag === "H" || (tag === "d" && fate !== "fails")) return "";
    const isSimple = this.copy === "simple";
    this.copy = "none";
    if (!"dcf".includes(tag)) this.isDead = true;
    if (tag === "c" && fate !== "fails") return isSimple ? "CZ" : "C";
    this.isSkipping = !isSimple;
    return isSimple ? "EZ" : "E";
  }
}

const anyRequest: fc.Arbitrary<Request> = fc.record({
  tag: fc.constantFrom(..."QQFPBDECHSSdcf".split("")),
  fate: fc.constantFrom("succeeds", "succeeds", "succeeds", "fails", "copy"),
});

/** A move: the client sends a message, or the server handles one. */
const anyMoves: fc.Arbitrary<readonly (Request | "server")[]> = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: anyRequest },
    { weight: 1, arbitrary: fc.constant("server" as const) },
  ),
  { minLength: 1, maxLength: 60 },
);

/**
 * Nobody but the server knows whether a Sync behind bad COPY data was read as a part of the COPY or behind
 * its error. Clients end the data first, and so do these moves.
 */
function withoutAmbiguity(moves: readonly (Request | "server")[]): readonly (Request | "server")[] {
  let isDataBad = false;
  return moves.filter((move) => {
    if (move === "server") return true;
    if (isDataBad && !"dcf".includes(move.tag)) return false;
    isDataBad = move.tag === "d" ? isDataBad || move.fate === "fails" : false;
    return true;
  });
}

function tell(ledger: AnswerLedger, tags: string): void {
  for (const tag of Buffer.from(tags)) {
    if (tag === "Z".charCodeAt(0)) ledger.readyForQuery("I".charCodeAt(0));
    else ledger.serverMessage(tag);
  }
}

test("the ledger agrees with a model of the server in any conversation", () => {
  fc.assert(
    fc.property(anyMoves, fc.nat({ max: 60 }), (moves, copiedAt) => {
      const server = new ModelServer();
      let ledger = new AnswerLedger();
      ledger.readyForQuery("I".charCodeAt(0));
      const check = (): void => {
        if (server.inbox.length > 0 || server.isDead) return;
        const { isCopying, isIdle, owedReadyForQuery } = ledger;
        const isWaiting = server.copy !== "none";
        expect({ isCopying, isIdle, owedReadyForQuery }).toEqual({
          isCopying: isWaiting,
          isIdle: !isWaiting && !server.isSkipping && !server.isBatchOpen,
          owedReadyForQuery: server.copy === "simple" ? 1 : 0,
        });
      };
      for (const [index, move] of withoutAmbiguity(moves).entries()) {
        // A copy goes on as the ledger itself would.
        if (index === copiedAt) ledger = ledger.copy();
        if (move === "server") {
          tell(ledger, server.next());
        } else {
          server.inbox.push(move);
          ledger.clientMessage(move.tag.charCodeAt(0));
        }
        check();
      }
      while (server.inbox.length > 0) tell(ledger, server.next());
      check();
    }),
    { numRuns: times(5000, 200_000), seed: SEED },
  );
});
