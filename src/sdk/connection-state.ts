import type { Session } from "./session.ts";

/** What a plugin remembers of each connection. */
export interface ConnectionState<State> {
  /** What it remembers of this event's connection, made when first asked for; gone with the connection. */
  of(event: { readonly session: Session | undefined }): State;
}

/** Keeps something for each connection; `create` makes it. */
export function connectionState<State>(create: () => State): ConnectionState<State> {
  const states = new WeakMap<Session, State>();
  return {
    of: ({ session }) => {
      if (session === undefined) throw new TypeError("the event is of no connection");
      let state = states.get(session);
      if (state === undefined) {
        state = create();
        states.set(session, state);
      }
      return state;
    },
  };
}
