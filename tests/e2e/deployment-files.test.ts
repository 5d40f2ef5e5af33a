/** What deployment files say of the gateway is so: keys, ports, flags, users. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { TARGETS } from "../../scripts/build.ts";
import {
  freePort,
  GATEWAYD_BINARY,
  oneBlockConfig,
  runToEnd,
  startGatewayd,
  startPostgres,
  testNeeding,
} from "../kit/index.ts";

const root = join(import.meta.dir, "../..");
const read = (path: string): Promise<string> => Bun.file(join(root, path)).text();

/** Any value of a parsed file, looked into step by step. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => {
    if (typeof inner !== "object" || inner === null) return undefined;
    return Reflect.get(inner, step) as unknown;
  }, value);
}

/** Checks a configuration as it would be used. */
async function lint(config: string, env: Readonly<Record<string, string>> = {}) {
  const path = join(process.env["TMPDIR"] ?? "/tmp", `gatewayd-deploy-${process.pid}.yaml`);
  await Bun.write(path, config);
  try {
    return await runToEnd([GATEWAYD_BINARY, "config", "lint", "--config", path], { env });
  } finally {
    await Bun.file(path).delete();
  }
}

const VALID = { code: 0, stderr: "global config is valid\n" };

describe("the Dockerfile", () => {
  test("runs the gateway as nobody special, with flags that it has, and looks after it", async () => {
    const text = await read("packaging/docker/Dockerfile");
    expect(text).toMatch(/^USER 10001:10001$/m);
    expect(text).toMatch(/^HEALTHCHECK /m);
    const args = parse(/^CMD (\[.*\])$/m.exec(text)?.[1] ?? "") as string[];
    const help = await runToEnd([GATEWAYD_BINARY, "run", "--help"], { env: {} });
    expect(args[0]).toBe("run");
    for (const flag of args.filter((arg) => arg.startsWith("--"))) {
      expect(help.stdout).toContain(flag);
    }
  });
});

describe("the compose file", () => {
  test("gives the gateway settings that it knows", async () => {
    const compose: unknown = parse(await read("packaging/docker/compose.yaml"));
    const environment = at(compose, "services", "gatewayd", "environment") as Record<
      string,
      string
    >;
    const shipped = await read("config/gatewayd.yaml");
    expect(await lint(shipped, environment)).toMatchObject(VALID);
    const plugins = await runToEnd(
      [GATEWAYD_BINARY, "config", "show", "-c", join(root, "config/gatewayd.yaml")],
      { cwd: join(root, "config"), env: environment },
    );
    expect(plugins.stderr).toBe("");
    expect(plugins.stdout).toMatch(/address: redis:6379 +# env GATEWAYD_ACTIONREDIS_ADDRESS/);
    const needed = Object.keys(at(compose, "services", "gatewayd", "depends_on") ?? {});
    expect(Object.keys(at(compose, "services") ?? {})).toEqual(["gatewayd", ...needed]);
  });
});

const manifests = await read("packaging/kubernetes/gatewayd.yaml");

describe("the Kubernetes manifests", () => {
  const documents = parseAllDocuments(manifests).map((document): unknown => document.toJS());
  const ofKind = (kind: string): unknown => documents.find((one) => at(one, "kind") === kind);
  const pod = at(ofKind("Deployment"), "spec", "template", "spec");
  const container = at(pod, "containers", 0);

  test("have a configuration that is valid", async () => {
    const config = at(ofKind("ConfigMap"), "data", "gatewayd.yaml");
    expect(await lint(String(config))).toMatchObject(VALID);
  });

  test("wait for clients longer than the gateway does, and send no new ones meanwhile", () => {
    const config: unknown = parse(String(at(ofKind("ConfigMap"), "data", "gatewayd.yaml")));
    const drainSeconds = Number.parseInt(
      String(at(config, "servers", "default", "drainTimeout")),
      10,
    );
    const preStop = at(container, "lifecycle", "preStop", "exec", "command");
    const pauseSeconds = Number(at(preStop, 1));
    expect(pauseSeconds).toBeGreaterThan(0);
    const graceSeconds = Number(at(pod, "terminationGracePeriodSeconds"));
    expect(graceSeconds).toBeGreaterThanOrEqual(drainSeconds + pauseSeconds + 10);
  });

  test("have an image's user, and the ports that the gateway listens on", () => {
    const config: unknown = parse(String(at(ofKind("ConfigMap"), "data", "gatewayd.yaml")));
    const address = String(at(config, "servers", "default", "address"));
    expect(address).toEndWith(`:${at(container, "ports", 0, "containerPort")}`);
    const metrics = String(at(config, "metrics", "default", "address"));
    expect(metrics).toBe(`0.0.0.0:${at(container, "ports", 1, "containerPort")}`);
    const annotations = at(ofKind("Deployment"), "spec", "template", "metadata", "annotations");
    expect(metrics).toEndWith(`:${at(annotations, "prometheus.io/port")}`);
    expect(at(pod, "securityContext", "runAsUser")).toBe(10_001);
  });
});

test("what looks after a gateway is answered by one", async () => {
  const dockerfile = await read("packaging/docker/Dockerfile");
  const paths = [dockerfile, manifests].flatMap((text) =>
    [...text.matchAll(/http:\/\/localhost:18080(\/\w+)/g)].map(([, path = ""]) => path),
  );
  expect([...new Set(paths)].sort()).toEqual(["/livez", "/readyz"]);
  await using postgres = await startPostgres();
  const port = await freePort();
  const api = { httpAddress: `localhost:${port}`, grpcAddress: "localhost:0" };
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, { parts: { api } }),
  });
  for (const path of new Set(paths)) {
    expect((await fetch(`http://localhost:${port}${path}`)).status).toBe(200);
  }
  await gatewayd.stop();
});

describe("the workflows", () => {
  test.each(["ci", "release"])("%s runs what there is", async (name) => {
    const text = await read(`.github/workflows/${name}.yml`);
    const workflow: unknown = parse(text);
    const jobs = Object.values(at(workflow, "jobs") as Record<string, unknown>);
    expect(jobs.length).toBeGreaterThan(1);
    for (const job of jobs) {
      for (const step of at(job, "steps") as readonly unknown[]) {
        expect([typeof at(step, "uses"), typeof at(step, "run")].sort()).toEqual([
          "string",
          "undefined",
        ]);
      }
    }
    for (const [, verb = ""] of text.matchAll(/npm run ([\w:]+)/g)) {
      expect(Object.keys(packageJson.scripts)).toContain(verb);
    }
  });

  test("build for platforms that there are", async () => {
    const workflow: unknown = parse(await read(".github/workflows/ci.yml"));
    const matrix = at(workflow, "jobs", "build", "strategy", "matrix", "include");
    const targets = (matrix as readonly unknown[]).map((one) => String(at(one, "target")));
    for (const target of targets) expect(Object.keys(TARGETS)).toContain(target);
  });

  testNeeding("actionlint")("are in order", async () => {
    const files = ["ci", "release"].map((name) => join(root, ".github/workflows", `${name}.yml`));
    expect(await runToEnd(["actionlint", "-no-color", ...files])).toMatchObject({
      code: 0,
      stdout: "",
    });
  });
});
