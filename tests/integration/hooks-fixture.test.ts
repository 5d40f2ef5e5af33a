import { expect } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Call,
  CAPTURED_CONFIG,
  capturedCalls,
  field,
  masked,
} from "../fixtures/captured-calls.ts";
import { type PostgresServer, psql, startPostgres, testNeeding, waitFor } from "../kit/index.ts";
import { HOOK_MODES, startInMode, writeUsersFile } from "./hook-modes.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

/** What was captured: psql logs in, asks twice and leaves. */
async function converse(inside: GatewayInProcess, postgres: PostgresServer): Promise<void> {
  const result = await psql("", {
    ...inside.target,
    args: ["-c", "select 1 as a", "-c", "select $$x$$::text, 2"],
    env: { PGSSLMODE: "prefer", PGPASSWORD: postgres.password, PGDATABASE: "bench" },
  });
  expect(result).toMatchObject({ code: 0, stdout: "1\nx|2\n" });
  await waitFor("the connection to be closed", () =>
    inside.events.some(({ hook }) => hook === "OnClosed"),
  );
}

testNeeding("psql")(
  "plugins are told what the original tells them, in the same order",
  async () => {
    await using postgres = await startPostgres({ auth: "scram-sha-256" });
    await postgres.query("create database bench");
    const yaml = (await readFile(CAPTURED_CONFIG, "utf8"))
      .replace("localhost:5432", `localhost:${postgres.port}`)
      .replace("127.0.0.1:15432", "127.0.0.1:0");
    await using inside = await makeGateway(yaml);
    const { gateway, events } = inside;
    inside.recordAll();
    await gateway.boot();

    await converse(inside, postgres);
    await gateway.signalled("SIGTERM");
    await gateway.drain();
    await gateway.stopNow();

    const seen: readonly Call[] = events.map(({ hook, payload }) => ({
      rpc: hook,
      json: masked(payload),
    }));
    const expected: readonly Call[] = (await capturedCalls()).map(({ rpc, json }) => ({
      rpc,
      json: masked(json),
    }));
    const isTick = ({ rpc }: Call): boolean => rpc === "OnTick";
    expect(seen.filter((call) => !isTick(call)).map(({ rpc }) => rpc)).toEqual(
      expected.filter((call) => !isTick(call)).map(({ rpc }) => rpc),
    );
    expect(seen.filter((call) => !isTick(call))).toEqual(expected.filter((call) => !isTick(call)));
    expect(seen.find(isTick)).toEqual(expected.find(isTick));
    // All of them but OnHook, which nobody calls.
    expect(new Set(events.map(({ hook }) => hook)).size).toBe(21);
  },
);

for (const mode of HOOK_MODES.filter((other) => other !== "passthrough")) {
  testNeeding("psql")(
    `plugins are told of the traffic in mode ${mode} what the original tells them`,
    async () => {
      await using postgres = await startPostgres({ auth: "scram-sha-256" });
      await postgres.query("create database bench");
      const directory = await mkdtemp(join(tmpdir(), "gatewayd-fixture-"));
      const usersFile = await writeUsersFile(directory, postgres);
      const auth = { method: "scram-sha-256", usersFile };
      await using inside = await startInMode(mode, `localhost:${postgres.port}`, auth);
      // What the first client is told, the server has to be asked for: that takes a moment.
      inside.recordAll();
      await converse(inside, postgres);
      inside.events.length = 0;
      await converse(inside, postgres);
      await rm(directory, { recursive: true });

      const isTraffic = ({ rpc }: Call): boolean => /^OnTraffic./.test(rpc);
      const seen = inside.events.map(({ hook, payload }): Call => ({ rpc: hook, json: payload }));
      const localOf = ({ json }: Call): unknown => field(field(json, "server"), "local");
      const withoutOurEnd = ({ rpc, json }: Call): Call => {
        const server = { local: "<address>", remote: field(field(json, "server"), "remote") };
        return { rpc, json: masked({ ...Object(json), server }) };
      };
      const traffic = seen.filter(isTraffic);
      expect(traffic.map(withoutOurEnd)).toEqual(
        (await capturedCalls()).filter(isTraffic).map(withoutOurEnd),
      );
      expect(localOf(traffic[0] ?? { rpc: "", json: {} })).toBe("");
    },
  );
}
