/**
 * The program of the page: asks the REST API and shows what it answers. Runs in a browser; it is bundled into one
 * file when the executable is built, and nothing of the gateway imports it.
 * May import: types of what the API answers.
 */
import type {
  GetStatusResponse,
  ListPluginsResponse,
  ListPoolsResponse,
  ListSessionsResponse,
} from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import type { ListWaitersResponse } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import type { ListHooksResponse } from "../../gen/gatewayd/admin/v1/hooks_pb.ts";
import type {
  GetHistoryResponse,
  ListStatementsResponse,
} from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import { Api, ApiRefusal } from "./api.ts";
import { ConnectionLine } from "./connection-line.ts";
import { Live } from "./live.ts";
import type { Outcome } from "./live.ts";
import { Panels } from "./panels.ts";
import { SignIn } from "./sign-in.ts";
import { startTheme } from "./theme.ts";
import { storedToken } from "./token.ts";

const INTERVAL_MS = 2_000;
/** More rows than anybody reads; the rest is counted. */
const MAX_SESSIONS = 500;
const MAX_WAITERS = 100;
const MAX_STATEMENTS = 50;

const api = new Api(storedToken);
const panels = new Panels(() => live.refresh());
const line = new ConnectionLine((isPaused) => live.setPaused(isPaused));
const signIn = new SignIn(() => live.unlock());
const live = new Live({
  intervalMs: INTERVAL_MS,
  ask,
  changed: (state, message) => {
    line.show(state, message);
    if (state === "locked") signIn.ask(message);
  },
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
});

async function ask(): Promise<Outcome> {
  try {
    // Whether it is the same gateway decides what is asked for next.
    panels.showStatus(await api.get<GetStatusResponse>("api/v1/status"));
    const { order, sinceMs } = panels;
    const [pools, sessions, waiters, statements, plugins, hooks, history] = await Promise.all([
      api.get<ListPoolsResponse>("api/v1/pools"),
      api.get<ListSessionsResponse>(`api/v1/sessions?limit=${MAX_SESSIONS}`),
      api.get<ListWaitersResponse>(`api/v1/waiters?limit=${MAX_WAITERS}`),
      api.get<ListStatementsResponse>(`api/v1/statements?limit=${MAX_STATEMENTS}&order=${order}`),
      api.get<ListPluginsResponse>("api/v1/plugins"),
      api.get<ListHooksResponse>("api/v1/hooks"),
      api.get<GetHistoryResponse>(`api/v1/history?sinceMs=${sinceMs}`),
    ]);
    panels.show({ pools, sessions, waiters, statements, plugins, hooks, history });
    line.answered(Date.now());
    return { kind: "answered" };
  } catch (thrown) {
    if (thrown instanceof ApiRefusal) return outcomeOf(thrown);
    console.error(thrown);
    const message = `The page does not understand the gateway: ${String(thrown)}`;
    return { kind: "lost", message };
  }
}

function outcomeOf({ reason, message }: ApiRefusal): Outcome {
  switch (reason) {
    case "unauthenticated":
      return { kind: "locked", message };
    case "refused":
      return { kind: "lost", message: `The gateway refuses: ${message}` };
    case "unreachable":
      return { kind: "lost", message: `The gateway does not answer: ${message}` };
  }
}

startTheme();
document.addEventListener("visibilitychange", () => live.setHidden(document.hidden));
live.setHidden(document.hidden);
live.start();
