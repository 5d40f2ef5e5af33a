/** How checks across several keys report what they find. */
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigNode, issueAt, NO_PLACE, nodeAt, type Path, placeOf } from "./config-tree.ts";

/** Takes what a check has to say. */
export interface CheckReport {
  error(path: Path, message: string): void;
  warning(path: Path, message: string): void;
  /** Whether somebody wrote the key, be it in a file or the environment. */
  isGiven(path: Path): boolean;
}

/** A report on a tree, and the list its issues end up in. */
export function reportOn(root: ConfigNode): { report: CheckReport; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  const add = (severity: ConfigIssue["severity"]) => (path: Path, message: string) => {
    issues.push(issueAt(root, path, severity, message));
  };
  const report: CheckReport = {
    error: add("error"),
    warning: add("warning"),
    isGiven: (path) => {
      return nodeAt(root, path) !== undefined && placeOf(root, path) !== NO_PLACE;
    },
  };
  return { report, issues };
}

/** A certificate and its key come together. */
export function checkKeyPair(
  path: Path,
  certFile: string,
  keyFile: string,
  report: CheckReport,
): void {
  if (certFile !== "" && keyFile === "")
    report.error([...path, "certFile"], "needs keyFile as well");
  if (certFile === "" && keyFile !== "")
    report.error([...path, "keyFile"], "needs certFile as well");
}
