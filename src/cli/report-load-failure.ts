import { type ConfigIssue, formatIssue, type Loading, type NotFound } from "../config/index.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Prints why a configuration was not loaded: every issue on a line of its own, then, for a missing
 * file, where it was looked for and how to create it. Resolves with exit code 1.
 */
export async function reportLoadFailure(
  terminal: Terminal,
  { issues, notFound }: Extract<Loading<unknown>, { ok: false }>,
): Promise<number> {
  if (notFound !== undefined) {
    // The one without a place is the missing file itself, which the last line tells.
    const placed = issues.filter((issue) => issue.file !== undefined || issue.env !== undefined);
    await terminal.err(`${issueLines(placed)}Error: ${notFoundMessage(notFound)}\n`);
    return 1;
  }
  const count = issues.filter((issue) => issue.severity === "error").length;
  const verdict = `the configuration has ${count} error${count === 1 ? "" : "s"}`;
  await terminal.err(`${issueLines(issues)}Error: ${verdict}\n`);
  return 1;
}

/** Prints warnings, one on a line. */
export async function reportWarnings(
  terminal: Terminal,
  warnings: readonly ConfigIssue[],
): Promise<void> {
  await terminal.err(issueLines(warnings));
}

function issueLines(issues: readonly ConfigIssue[]): string {
  return issues
    .map((issue) => `${issue.severity === "warning" ? "warning: " : ""}${formatIssue(issue)}\n`)
    .join("");
}

/** Names both commands that create a file: whoever lacks one may lack the other. */
function notFoundMessage({ what, triedPaths }: NotFound): string {
  const tried = `tried ${triedPaths.join(", ")}`;
  return what === "global"
    ? `global configuration file not found (${tried}); create one with "gatewayd config init"`
    : `plugins configuration file not found (${tried}); create one with "gatewayd plugin init"` +
        ` (and the global one with "gatewayd config init")`;
}
