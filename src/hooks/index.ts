/**
 * The events that plugins listen to: names, payloads, and the chains of their handlers.
 * Pure: no Bun, no clock; timers are passed in. May import: errors, watch.
 */
export { CallOff } from "./call-off.ts";
export { answerWithin } from "./chain-deadline.ts";
export type { ChainTime, Schedule } from "./chain-deadline.ts";
export type { HookChain } from "./hook-chain.ts";
export { Termination, isLate, isTermination, terminate } from "./hook-handler.ts";
export type {
  HandlerAnswer,
  HandlerRegistration,
  HookHandler,
  HookOutcome,
  HookPayload,
  LateAnswer,
  TerminationError,
} from "./hook-handler.ts";
export { FIRST_PLUGIN_PRIORITY, SIGNALS_KEY } from "./hook-judge.ts";
export type { HookJudge, JudgedAnswer } from "./hook-judge.ts";
export { HOOK_NUMBERS } from "./hook-names.ts";
export type { HookName } from "./hook-names.ts";
export { HookRegistry } from "./hook-registry.ts";
export type { HookPresence, HookRegistryOptions, HookSlot, ShownHandler } from "./hook-registry.ts";
export { judgedAnswer } from "./judged-answer.ts";
export {
  bootedPayload,
  bootingPayload,
  closingPayload,
  connectionCountPayload,
  connectionId,
  connectionPayload,
  newClientPayload,
  newPoolPayload,
  runPayload,
  signalPayload,
  trafficPayload,
} from "./payloads.ts";
export type { NewClient, NewClientSettings, SocketEnds, Traffic } from "./payloads.ts";
export type { SessionTransactionStatus, SessionView } from "./session-view.ts";
export type { TrafficTerms } from "./traffic-terms.ts";
