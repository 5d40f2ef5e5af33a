/** Exit codes of `gatewayd run`, the original's. */
export const ExitCode = {
  /** Ended by a signal, in order. */
  Stopped: 0,
  /** A listener, a certificate or the limit of open files. */
  FailedToStartServer: 1,
  /** A policy of the plugins file is not one. */
  FailedToLoadPolicies: 4,
  /** A plugin has made the configuration invalid. */
  FailedToApplyOverrides: 6,
  /** The database could not be reached within the configured retries. */
  FailedToCreatePoolAndClients: 7,
} as const;
