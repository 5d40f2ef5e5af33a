import { expect, test } from "bun:test";
import type { ConfigIssue } from "../config/index.ts";
import { reportLoadFailure } from "./report-load-failure.ts";

const place = { file: "gatewayd.yaml", column: 5 } as const;
const wrong: ConfigIssue = {
  ...place,
  severity: "error",
  line: 3,
  path: "servers.default.adress",
  message: "unknown key",
};
const doubtful: ConfigIssue = {
  ...place,
  severity: "warning",
  line: 9,
  path: "raft.peers",
  message: "ignored",
};

async function report(failure: Omit<Parameters<typeof reportLoadFailure>[1], "ok">) {
  let err = "";
  const terminal = {
    out: () => Promise.reject(new Error("nothing belongs on stdout")),
    err: async (text: string) => void (err += text),
  };
  const code = await reportLoadFailure(terminal, { ok: false, ...failure });
  return { code, err };
}

test("errors begin with their place, warnings are named as such and not counted", async () => {
  expect(await report({ issues: [wrong, doubtful] })).toEqual({
    code: 1,
    err:
      "gatewayd.yaml:3:5: servers.default.adress: unknown key\n" +
      "warning: gatewayd.yaml:9:5: raft.peers: ignored\n" +
      "Error: the configuration has 1 error\n",
  });
});

test("a missing file comes after what is wrong in the other one", async () => {
  const missing: ConfigIssue = { severity: "error", path: "", message: "not found" };
  const notFound = { what: "plugins", triedPaths: ["plugins.yaml"] } as const;
  expect(await report({ issues: [wrong, missing], notFound })).toEqual({
    code: 1,
    err:
      "gatewayd.yaml:3:5: servers.default.adress: unknown key\n" +
      "Error: plugins configuration file not found (tried plugins.yaml); " +
      'create one with "gatewayd plugin init" (and the global one with "gatewayd config init")\n',
  });
});
