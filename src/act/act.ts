/**
 * Decides what is done about the answer of a plugin: its signals, each with the action and the policy of
 * the same name, and where there is none the default.
 */
import { actionOf } from "./action.ts";
import type { Action } from "./action.ts";
import type { Decision, Output } from "./output.ts";
import { BUILT_IN_POLICIES, isTruthy } from "./policy.ts";
import type { Policy, PolicyInput } from "./policy.ts";
import { readSignals } from "./signal.ts";
import type { Signal } from "./signal.ts";

/** Something about an answer that an operator should hear of. */
export type ActProblem =
  /** Not what a signal looks like. */
  | { readonly kind: "noSignal"; readonly message: string }
  /** No action has the signal's name; it is dropped. */
  | { readonly kind: "noAction"; readonly signal: string }
  /** A terminal action is asked for as well, so that this one makes no sense; it is dropped. */
  | { readonly kind: "overruled"; readonly signal: string }
  /** The policy threw, or took too long; the signal is dropped. */
  | { readonly kind: "policyFailed"; readonly signal: string; readonly error: unknown };

export interface ActOptions {
  /** Of the configuration; one of the name of a built-in policy takes its place. */
  readonly policies: readonly Policy[];
  /** The signal where none is given, or none could be used. */
  readonly defaultPolicy: "passthrough" | "terminate";
  /** For one policy; 0 = no limit. */
  readonly policyTimeoutMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** One answer of one plugin. */
export interface Question {
  /** As in {@link PolicyInput}. */
  readonly hook: string;
  readonly priority: number;
  readonly params: Readonly<Record<string, unknown>>;
  readonly result: Readonly<Record<string, unknown>>;
  /** The value of the answer's `__signals__`; undefined for none. */
  readonly signals: unknown;
  readonly onProblem: (problem: ActProblem) => void;
}

/** What became of a policy so far. */
export interface PolicyCounts {
  readonly name: string;
  readonly isBuiltIn: boolean;
  /** How often it was asked, and how often it meant yes, meant no, or could not be evaluated in time. */
  readonly evaluations: number;
  readonly allowed: number;
  readonly refused: number;
  readonly failures: number;
}

/** A policy at work. */
interface CountedPolicy {
  readonly policy: Policy;
  allowed: number;
  refused: number;
  failures: number;
}

const DEFAULT_SIGNALS: Readonly<Record<ActOptions["defaultPolicy"], Signal>> = {
  passthrough: { name: "passthrough", metadata: {} },
  terminate: { name: "terminate", metadata: { terminate: true } },
};

export class Act {
  readonly #options: ActOptions;
  readonly #policies: ReadonlyMap<string, CountedPolicy>;

  constructor(options: ActOptions) {
    this.#options = options;
    const policies = [...BUILT_IN_POLICIES, ...options.policies];
    this.#policies = new Map(
      policies.map((policy) => [policy.name, { policy, allowed: 0, refused: 0, failures: 0 }]),
    );
  }

  /** Of all policies, those that none of the configuration replaces included. */
  counts(): readonly PolicyCounts[] {
    return [...this.#policies.values()].map(({ policy, allowed, refused, failures }) => ({
      name: policy.name,
      isBuiltIn: BUILT_IN_POLICIES.includes(policy),
      evaluations: allowed + refused + failures,
      ...{ allowed, refused, failures },
    }));
  }

  /** An answer without signals means something: it has to be decided on as well. */
  get mindsSilence(): boolean {
    return this.#options.defaultPolicy !== "passthrough";
  }

  /** Never throws. */
  decide(question: Question): Decision {
    const { signals, faults } = readSignals(question.signals);
    for (const message of faults) question.onProblem({ kind: "noSignal", message });
    const isEnding = signals.some(({ name }) => isSyncTerminal(actionOf(name)));
    const outputs: Output[] = [];
    let hasFailed = false;
    for (const signal of signals) {
      const action = actionOf(signal.name);
      if (action === undefined) {
        question.onProblem({ kind: "noAction", signal: signal.name });
      } else if (isEnding && action.isSync && !action.isTerminal) {
        question.onProblem({ kind: "overruled", signal: signal.name });
      } else {
        const output = this.#judge(signal, action, question);
        if (output === undefined) hasFailed = true;
        else outputs.push(output);
      }
    }
    if (outputs.length === 0 && !hasFailed) outputs.push(...this.#default(question));
    return {
      outputs,
      isTerminal: outputs.some(({ terminal, verdict }) => terminal && isTruthy(verdict)),
    };
  }

  #default(question: Question): readonly Output[] {
    const signal = DEFAULT_SIGNALS[this.#options.defaultPolicy];
    const action = actionOf(signal.name);
    const output = action && this.#judge(signal, action, question);
    return output === undefined ? [] : [output];
  }

  /** Undefined if the policy failed. */
  #judge(signal: Signal, action: Action, question: Question): Output | undefined {
    const counted = this.#policies.get(action.name);
    if (counted === undefined) return undefined; // Every action has a built-in policy.
    const { policy } = counted;
    try {
      const verdict = this.#verdict(policy, signal, action, question);
      if (isTruthy(verdict)) counted.allowed++;
      else counted.refused++;
      return {
        matchedPolicy: policy.name,
        metadata: signal.metadata,
        verdict,
        terminal: action.isTerminal,
        sync: action.isSync,
      };
    } catch (error) {
      counted.failures++;
      question.onProblem({ kind: "policyFailed", signal: signal.name, error });
      return undefined;
    }
  }

  #verdict(policy: Policy, signal: Signal, action: Action, question: Question): unknown {
    const { now, policyTimeoutMs } = this.#options;
    const startedMs = now();
    const verdict = policy.verdict(signal.metadata, () =>
      inputOf(policy, signal, action, question),
    );
    const tookMs = now() - startedMs;
    if (policyTimeoutMs > 0 && tookMs > policyTimeoutMs) {
      throw new Error(`the policy took ${Math.round(tookMs)} ms, policyTimeout is exceeded`);
    }
    return verdict;
  }
}

function isSyncTerminal(action: Action | undefined): boolean {
  return action !== undefined && action.isSync && action.isTerminal;
}

function inputOf(policy: Policy, signal: Signal, action: Action, question: Question): PolicyInput {
  return {
    Name: signal.name,
    Policy: policy.metadata,
    Signal: signal.metadata,
    Hook: {
      Name: question.hook,
      Priority: BigInt(question.priority),
      Params: question.params,
      Result: question.result,
    },
    Sync: action.isSync,
  };
}
