import { describeResponse } from "./describe-message.ts";
import type { Transcript, TranscriptEntry } from "./transcript.ts";

/** What came of one run of a case. */
export interface CaseRun {
  /** One for each connection, in the order they were opened. */
  readonly transcripts: readonly Transcript[];
  /** Why the script stopped before its end: most often it waited for a message that did not come. */
  readonly failure?: unknown;
}

/** Where a run first differs from the run that shows how it ought to be. */
export interface FirstDifference {
  /** The message that came instead, in one line. */
  readonly instead: string;
  /** For people: connection, position, what was sent, both messages and those before. */
  readonly text: string;
}

/** So many messages before the difference are shown. */
const MESSAGES_BEFORE = 4;

/** Compares two runs byte by byte; undefined when they are the same. */
export function firstDifference(expected: CaseRun, got: CaseRun): FirstDifference | undefined {
  const { failure } = got;
  for (const [index, transcript] of expected.transcripts.entries()) {
    const found = differenceIn(transcript, got.transcripts[index]?.entries ?? [], failure);
    if (found !== undefined) return found;
  }
  const extra = got.transcripts[expected.transcripts.length];
  if (extra !== undefined) {
    const text = `connection "${extra.name}": not there directly`;
    return { instead: "a connection", text };
  }
  if (failure === undefined) return undefined;
  return { instead: "a failure", text: `all messages are the same, but: ${reasonOf(failure)}` };
}

function differenceIn(
  expected: Transcript,
  got: readonly TranscriptEntry[],
  failure: unknown,
): FirstDifference | undefined {
  const { entries } = expected;
  const count = Math.max(entries.length, got.length);
  for (let index = 0; index < count; index++) {
    const left = entries[index];
    const right = got[index];
    if (left !== undefined && right !== undefined && areSame(left, right)) continue;
    const before = entries.slice(Math.max(0, index - MESSAGES_BEFORE), index);
    const instead = describeEntry(right);
    const lines = [
      `connection "${expected.name}", message ${index}, after ${(left ?? right)?.after}`,
      ...before.map((entry) => `      both: ${describeEntry(entry)}`),
      `  directly: ${describeEntry(left)}`,
      `       got: ${instead}`,
      ...bytesOf(left, right),
      ...(right === undefined && failure !== undefined
        ? [`  the script: ${reasonOf(failure)}`]
        : []),
    ];
    return { instead, text: lines.join("\n") };
  }
  return undefined;
}

function areSame(left: TranscriptEntry, right: TranscriptEntry): boolean {
  if (left.kind === "closed" || right.kind === "closed") return left.kind === right.kind;
  return left.bytes.equals(right.bytes);
}

function describeEntry(entry: TranscriptEntry | undefined): string {
  if (entry === undefined) return "(nothing)";
  return entry.kind === "closed" ? "(closed)" : describeResponse(entry.bytes);
}

/** Only where both read the same is it the bytes that tell. */
function bytesOf(left?: TranscriptEntry, right?: TranscriptEntry): readonly string[] {
  if (left?.kind !== "message" || right?.kind !== "message") return [];
  if (describeEntry(left) !== describeEntry(right)) return [];
  return [
    `  directly: ${left.bytes.toString("hex")}`,
    `       got: ${right.bytes.toString("hex")}`,
  ];
}

function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
