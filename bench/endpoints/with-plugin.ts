import { join } from "node:path";
import { goRecorder } from "../../tests/fixtures/plugins/built-plugins.ts";
import { HOOK_NUMBERS } from "../../src/hooks/index.ts";
import type { AbsentEndpoint, EndpointKind } from "./endpoint.ts";
import { passthroughWith } from "./gatewayd.ts";

const PLUGINS = join(import.meta.dir, "plugins");

const silent = { name: "bench", localPath: join(PLUGINS, "silent.ts") };

/** A module that says nothing on both ways of the traffic, its handlers called as functions. */
export const withModule: EndpointKind = passthroughWith("gatewayd-module", silent);

/** The same in a worker. */
export const withWorker: EndpointKind = passthroughWith("gatewayd-worker", {
  ...silent,
  isolation: "worker",
});

/** A module that answers each query itself: how fast a cache can be. */
export const answering: EndpointKind = passthroughWith("gatewayd-answering", {
  name: "bench",
  localPath: join(PLUGINS, "answering.ts"),
});

/** A plugin in Go, made with GatewayD's SDK, that gives back what it gets. */
export async function withGoPlugin(): Promise<EndpointKind | AbsentEndpoint> {
  const name = "gatewayd-go";
  const built = await goRecorder();
  if (built === undefined) return { name, reason: "Go 1.21 or newer is not installed" };
  const { OnTrafficFromClient, OnTrafficFromServer } = HOOK_NUMBERS;
  return passthroughWith(name, {
    ...built,
    name: "recorder",
    env: [`HOOKS=${OnTrafficFromClient},${OnTrafficFromServer}`],
  });
}
