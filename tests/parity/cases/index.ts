import type { ParityCase } from "../parity-case.ts";
import { COPY_CASES } from "./copy.ts";
import { CURSOR_CASES } from "./cursors.ts";
import { DRIVER_CASES } from "./drivers.ts";
import { ERROR_CASES } from "./errors.ts";
import { FUNCTION_CALL_CASES } from "./function-calls.ts";
import { NOTICE_CASES } from "./notices.ts";
import { PIPELINE_CASES } from "./pipelines.ts";
import { PORTAL_CASES } from "./portals.ts";
import { QUERY_CASES } from "./queries.ts";
import { SESSION_LIFE_CASES } from "./session-life.ts";
import { SESSION_STATE_CASES } from "./session-state.ts";
import { SETTING_CASES } from "./settings.ts";
import { STATEMENT_CASES } from "./statements.ts";
import { TRANSACTION_CASES } from "./transactions.ts";
import { TYPE_CASES } from "./types.ts";

/** All of them. */
export const ALL_CASES: readonly ParityCase[] = [
  ...QUERY_CASES,
  ...TYPE_CASES,
  ...ERROR_CASES,
  ...PIPELINE_CASES,
  ...PORTAL_CASES,
  ...STATEMENT_CASES,
  ...TRANSACTION_CASES,
  ...COPY_CASES,
  ...FUNCTION_CALL_CASES,
  ...NOTICE_CASES,
  ...SETTING_CASES,
  ...CURSOR_CASES,
  ...SESSION_STATE_CASES,
  ...SESSION_LIFE_CASES,
  ...DRIVER_CASES,
];
