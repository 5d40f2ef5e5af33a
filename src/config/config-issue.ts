/** What is wrong with a configuration, and where. */

export interface ConfigIssue {
  /** A warning is told and the configuration used all the same. */
  readonly severity: "error" | "warning";
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** The environment variable the value came from, in place of a file. */
  readonly env?: string;
  /** The plugin that has set the value (OnConfigLoaded). */
  readonly plugin?: string;
  /** The key, dotted: `servers.default.address`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** An issue on one line: `gatewayd.yaml:12:5: servers.default.adress: unknown key, ...`. */
export function formatIssue(issue: ConfigIssue): string {
  const position = [issue.file, issue.line, issue.column].filter((part) => part !== undefined);
  const plugin = issue.plugin === undefined ? undefined : `plugin ${issue.plugin}`;
  const place = issue.env ?? plugin ?? position.join(":");
  return [place, issue.path, issue.message].filter((part) => part !== "").join(": ");
}
