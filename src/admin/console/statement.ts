/** What the console can be told. */

/** What `PAUSE`, `RESUME` and others are done to; undefined: to all. */
export type Target = string | undefined;

export type ConsoleStatement =
  /** A table, or a setting of the connection. */
  | { readonly kind: "show"; readonly name: string }
  | { readonly kind: "set"; readonly key: string; readonly value: string }
  /** Of the connection: one setting, or all. */
  | { readonly kind: "reset"; readonly key: string | undefined }
  | { readonly kind: "pause" | "resume" | "reconnect" | "waitClose"; readonly target: Target }
  /** A session. */
  | { readonly kind: "kill" | "cancel"; readonly id: string }
  /** All sessions of a database; undefined: of all. */
  | { readonly kind: "killDatabase"; readonly target: Target }
  | { readonly kind: "reload" | "shutdown" }
  | { readonly kind: "plugin"; readonly action: PluginVerb; readonly name: string }
  /** What drivers send though there is nothing to be done. */
  | { readonly kind: "begin" | "commit" | "rollback" | "discardAll" }
  /** A prepared statement; undefined: all of them. */
  | { readonly kind: "deallocate"; readonly name: string | undefined };

export type PluginVerb = "reload" | "enable" | "disable";
