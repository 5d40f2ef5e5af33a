/** What decides about signals and requests, as administration sees it. */

export interface PolicyView {
  readonly name: string;
  /** "" for a built-in one. */
  readonly expression: string;
  readonly isBuiltIn: boolean;
  readonly evaluations: number;
  readonly allowed: number;
  readonly refused: number;
  readonly failures: number;
}

export interface RuleView {
  readonly name: string;
  readonly hook: string;
  readonly condition: string;
  readonly action: string;
  readonly isEnabled: boolean;
  readonly isDryRun: boolean;
  readonly evaluations: number;
  readonly hits: number;
  readonly actions: number;
  readonly failures: number;
}

export interface PoliciesView {
  readonly policies: readonly PolicyView[];
  readonly rules: readonly RuleView[];
}
