import type { AnswerLedger } from "../../postgres/index.ts";
import { UnitReport } from "../unit-report.ts";
import type { PooledRelayOptions } from "./pooled-relay-options.ts";
import type { SessionState } from "./session-state.ts";

/** Tells of the units of a session with shared backends; undefined when nobody watches. */
export function reportOf(
  { context, block, facts, client }: PooledRelayOptions,
  ledger: AnswerLedger,
  session: SessionState,
): UnitReport | undefined {
  const watch = context.watch?.block(block.pool.name);
  if (watch === undefined) return undefined;
  const { timers } = context;
  return new UnitReport({
    watch,
    facts,
    client,
    ledger,
    timers,
    // The gateway has logged it in, and told of that.
    startedMs: 0,
    catalog: block.statements,
    named: (name) => session.named(name)?.sql,
    pinReason: () => session.pinReason,
  });
}
