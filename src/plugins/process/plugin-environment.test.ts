import { expect, test } from "bun:test";
import { pluginEnvironment } from "./plugin-environment.ts";

const COOKIE = "5712b87aa5d7e9f9e9ab643e6603181c5b796015cb1c09d6f5ada882bf2a1872";
const host = { PATH: "/bin", REDIS_URL: "host", REDIS_TLS: "no", HOME: undefined, "ODD/NAME": "1" };

function environment(passEnv: readonly string[], env: readonly string[] = []) {
  return pluginEnvironment({ host, passEnv, env, clientCertificate: "PEM\nof lines\n" });
}

test("a plugin sees what passEnv names, by name or by pattern", () => {
  const given = Object.keys(environment([]));
  const passed = (...passEnv: string[]): readonly string[] =>
    Object.keys(environment(passEnv)).filter((name) => !given.includes(name));
  expect(passed("*")).toEqual(["PATH", "REDIS_URL", "REDIS_TLS", "ODD/NAME"]);
  expect(passed("REDIS_*", "HOME")).toEqual(["REDIS_URL", "REDIS_TLS"]);
  expect(passed("PAT?", "REDIS")).toEqual(["PATH"]);
});

test("its entry wins over the gateway's variables, and the handshake over its entry", () => {
  const env = ["REDIS_URL=a=b", "MAGIC_COOKIE_VALUE=", "GATEWAYD_PLUGIN=x", "PLUGIN_CLIENT_CERT=x"];
  expect(environment(["REDIS_URL"], env)).toEqual({
    REDIS_URL: "a=b",
    MAGIC_COOKIE_KEY: "GATEWAYD_PLUGIN",
    MAGIC_COOKIE_VALUE: "",
    GATEWAYD_PLUGIN: COOKIE,
    PLUGIN_MIN_PORT: "50000",
    PLUGIN_MAX_PORT: "60000",
    PLUGIN_PROTOCOL_VERSIONS: "1",
    PLUGIN_CLIENT_CERT: "PEM\nof lines\n",
  });
});
