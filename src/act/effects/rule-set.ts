/** The rules of one hook, as its handler. */
import { terminate } from "../../hooks/index.ts";
import type { HandlerAnswer, HookName, HookPayload, SessionView } from "../../hooks/index.ts";
import type { LogFields, Logger } from "../../logging/index.ts";
import { evaluationProblem } from "../index.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { Rule } from "./rule.ts";
import { RuleSubject } from "./rule-subject.ts";

/** Longest text of statements in the log, without their values. */
const MAX_LOGGED_CHARACTERS = 500;

export interface RuleSetOptions {
  readonly logger: Logger;
  /** What records of a session have. Default: nothing. */
  readonly connectionFields?: (session: SessionView) => LogFields;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** What is needed to apply a rule again and again. */
interface ReadyRule {
  readonly rule: Rule;
  readonly limiter: RateLimiter | undefined;
}

export class RuleSet {
  readonly #hook: HookName;
  readonly #rules: readonly ReadyRule[];
  readonly #logger: Logger;
  readonly #connectionFields: (session: SessionView) => LogFields;

  constructor(hook: HookName, rules: readonly Rule[], options: RuleSetOptions) {
    const { logger, now, connectionFields = () => ({}) } = options;
    this.#hook = hook;
    this.#logger = logger;
    this.#connectionFields = connectionFields;
    this.#rules = rules.map((rule) => ({
      rule,
      limiter:
        rule.action.kind === "rateLimit"
          ? new RateLimiter({
              requests: rule.action.requests,
              intervalMs: rule.action.intervalMs,
              now,
            })
          : undefined,
    }));
  }

  /** Applies the rules in their order; the first that terminates is the last one. */
  handle(payload: HookPayload, session: SessionView | undefined): HandlerAnswer {
    const subject = new RuleSubject(this.#hook, payload, session);
    for (const ready of this.#rules) {
      const { rule } = ready;
      rule.counts.evaluations++;
      if (!this.#isMet(rule, subject)) continue;
      rule.counts.hits++;
      const answer = this.#apply(ready, subject);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** A condition that cannot be evaluated counts as met: a rule must not fail to protect. */
  #isMet({ name, condition, counts }: Rule, subject: RuleSubject): boolean {
    try {
      return condition.isMet(subject);
    } catch (thrown) {
      counts.failures++;
      this.#logger.error("The condition of a rule could not be evaluated, and counts as met", {
        rule: name,
        hook: this.#hook,
        error: evaluationProblem(thrown),
        ...this.#ofConnection(subject),
      });
      return true;
    }
  }

  #apply({ rule, limiter }: ReadyRule, subject: RuleSubject): HandlerAnswer {
    const { action, isDryRun, counts } = rule;
    if (action.kind === "log") {
      counts.actions++;
      if (isDryRun) this.#tell(rule, subject, "A rule would have logged");
      else this.#log(rule, action.level, action.message, subject);
      return undefined;
    }
    if (action.kind === "rateLimit") {
      if (!subject.isCounted || limiter?.take(keyOf(action.per, subject)) !== false) {
        return undefined;
      }
    }
    counts.actions++;
    if (isDryRun) {
      this.#tell(rule, subject, "A rule would have ended a request");
      return undefined;
    }
    this.#tell(rule, subject, "A rule has ended a request");
    return terminate({ error: action.error });
  }

  #tell(rule: Rule, subject: RuleSubject, message: string): void {
    this.#log(rule, "info", message, subject);
  }

  #log(
    { name }: Rule,
    level: Parameters<Logger["log"]>[0],
    message: string,
    subject: RuleSubject,
  ): void {
    if (!this.#logger.isEnabled(level)) return;
    this.#logger.log(level, message, {
      rule: name,
      ...fieldsOf(subject),
      ...this.#ofConnection(subject),
    });
  }

  #ofConnection({ view }: RuleSubject): LogFields {
    return view === undefined ? {} : this.#connectionFields(view);
  }
}

function fieldsOf({ hook, session, fingerprint }: RuleSubject): LogFields {
  const fields = {
    user: session.user,
    database: session.database,
    client: session.address,
    statement: fingerprint.slice(0, MAX_LOGGED_CHARACTERS),
  };
  return {
    hook,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "")),
  };
}

function keyOf(per: "user" | "address" | "fingerprint", subject: RuleSubject): string {
  switch (per) {
    case "user":
      return subject.session.user;
    case "address":
      return subject.address;
    case "fingerprint":
      return subject.fingerprint;
  }
}
