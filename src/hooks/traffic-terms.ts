/** How traffic is shown to a handler. */
export interface TrafficTerms {
  /**
   * What one call gets of a batch of extended messages: `unit` (default) all of it, `statement` what belongs
   * to one Parse. Either way nothing is forwarded before the last call has been answered.
   */
  readonly framing?: "unit" | "statement";
  /** Its payloads have nothing of password messages but their length. Default false. */
  readonly redactsSecrets?: boolean;
  /** Longer requests and responses, together, are not shown: the call has failed. Default: no limit. */
  readonly maxMessageBytes?: number;
  /** A batch that its client does not flush is gathered up to this; what is longer comes in parts. Default: no wish. */
  readonly batchBytes?: number;
  /** An answer larger than this is shown in parts. Default: no wish, see {@link HookChain.bufferBytes}. */
  readonly bufferBytes?: number;
  /** An answer that pauses this long is shown as far as it came. Default: no wish. */
  readonly flushIntervalMs?: number;
}
