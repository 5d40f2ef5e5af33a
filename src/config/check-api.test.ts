import { expect, test } from "bun:test";
import { anonymousRole } from "./check-api.ts";
import { globalSchema } from "./schema/index.ts";

const SHA256 = "0".repeat(64);
const auth = { tokens: [{ name: "ops", role: "admin", sha256: SHA256 }] };
const local = { httpAddress: "127.0.0.1:18080", grpcAddress: "[::1]:19090" };

test.each([
  ["on the machine itself does everything", local, "admin"],
  [
    "does everything by a unix socket",
    { grpcNetwork: "unix", grpcAddress: "/run/g.sock" },
    "admin",
  ],
  [
    "looks where GatewayD's own REST address is open",
    { ...local, httpAddress: "0.0.0.0:18080" },
    "viewer",
  ],
  [
    "looks by REST, too, where only gRPC is open",
    { ...local, grpcAddress: "0.0.0.0:19090" },
    "viewer",
  ],
  [
    "does everything where that is wanted",
    { httpAddress: ":80", allowUnauthenticated: "true" },
    "admin",
  ],
  ["is refused where somebody is known", { ...local, auth }, undefined],
] as const)("who says nothing of himself %s", (_, api, role) => {
  const config = globalSchema.parse({ api });
  expect(anonymousRole(config.api)).toBe(role);
});
