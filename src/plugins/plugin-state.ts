/** Where one plugin stands, as plain values. The states and their transitions: {@link SupervisedPlugin}. */
export type PluginState =
  | { readonly kind: "disabled" }
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  | {
      readonly kind: "resting";
      /** Why it does not run. */
      readonly reason: string;
      /** The pause before it is started again. */
      readonly restartDelayMs: number;
    }
  | {
      readonly kind: "failed";
      /** Why it does not run. */
      readonly reason: string;
      /** It lacks another plugin, and is started when that one runs. */
      readonly isUnmet: boolean;
    };
