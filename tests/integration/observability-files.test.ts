/** What is in packaging/observability fits what the gateway has: its metrics, its configuration, and itself. */
import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/index.ts";
import { FAMILY_TABLE } from "../../src/metrics/index.ts";

const FOLDER = join(import.meta.dir, "..", "..", "packaging", "observability");

interface Family {
  readonly type: string;
  readonly labels: readonly string[];
}
const FAMILIES: Readonly<Record<string, Family>> = FAMILY_TABLE;

function read(file: string): string {
  return readFileSync(join(FOLDER, file), "utf8");
}

/** What Prometheus adds to each series, and the merger to those of plugins. */
const ADDED_LABELS = ["instance", "job", "plugin", "le"];

function familyOf(series: string): [name: string, family: Family] | undefined {
  const exact = FAMILIES[series];
  if (exact !== undefined) return [series, exact];
  const name = series.replace(/_(?:bucket|sum|count)$/, "");
  const family = FAMILIES[name];
  const isOfParts = family?.type === "histogram" || family?.type === "summary";
  return isOfParts ? [name, family] : undefined;
}

/** Where Prometheus' own grammar does not follow, with a value for what Grafana puts in. */
function syntaxProblems(query: string): readonly string[] {
  const text = query.replaceAll("$__rate_interval", "1m");
  const problems: string[] = [];
  parser.parse(text).iterate({
    enter({ type, from }) {
      if (type.isError) problems.push(`no PromQL from "${text.slice(from)}"`);
    },
  });
  return problems;
}

/** Why a query cannot have an answer. */
function problemsOf(query: string): readonly string[] {
  const series = query.match(/\b(?:gatewayd|process)_\w+/g) ?? [];
  const problems = series.flatMap((name) => (familyOf(name) === undefined ? [`no ${name}`] : []));
  const known = new Set([
    ...ADDED_LABELS,
    ...series.flatMap((name) => familyOf(name)?.[1].labels ?? []),
  ]);
  const grouped = [...query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(/,\s*/),
  );
  const matched = [...query.matchAll(/[{,](\w+)(?:=~?|!=|!~)"/g)].map(([, label = ""]) => label);
  const unknown = [...grouped, ...matched].filter((label) => !known.has(label));
  const bare = [...query.matchAll(/\b(?:gatewayd|process)_\w+_total\b(?:\{[^}]*\})?(?!\S*\[)/g)];
  return [
    ...syntaxProblems(query),
    ...problems,
    ...unknown.map((label) => `no label ${label}`),
    ...bare.map(([text]) => `a counter without rate: ${text}`),
  ];
}

test("each panel of the dashboard asks for what there is", () => {
  const { panels, templating } = JSON.parse(read("grafana/gatewayd.json"));
  const queries: string[] = panels.flatMap(
    ({ targets = [] }: { targets?: readonly { readonly expr: string }[] }) =>
      targets.map(({ expr }) => expr),
  );
  expect(queries.length).toBeGreaterThan(30);
  for (const query of queries) expect([query, problemsOf(query)]).toEqual([query, []]);
  const variables: string[] = templating.list.flatMap(({ definition = [] }) => definition);
  expect(variables).toHaveLength(2);
  for (const query of variables) {
    const [, series = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
    expect([query, problemsOf(series)]).toEqual([query, []]);
    expect(familyOf(series.replace(/\{.*/, ""))?.[1].labels).toContain(label);
  }
});

test("each rule of the alerts asks for what there is, and speaks of labels that it has", () => {
  const { groups } = parse(read("alerts.yaml"));
  const rules: { expr: string; annotations: Record<string, string> }[] = groups.flatMap(
    ({ rules: some }: { rules: unknown }) => some,
  );
  expect(rules.length).toBeGreaterThan(8);
  for (const { expr, annotations } of rules) {
    expect([expr, problemsOf(expr)]).toEqual([expr, []]);
    for (const [, label = ""] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)) {
      const series = expr.match(/\b(?:gatewayd|process)_\w+/g) ?? [];
      const labels = [
        ...ADDED_LABELS,
        ...series.flatMap((name) => familyOf(name)?.[1].labels ?? []),
      ];
      expect(labels).toContain(label);
    }
  }
});

test("the check of queries finds what is wrong", () => {
  expect(problemsOf("rate(gatewayd_unit_total[5m])")).toEqual(["no gatewayd_unit_total"]);
  expect(problemsOf("sum by (database) (gatewayd_pool_size)")).toEqual(["no label database"]);
  expect(problemsOf("gatewayd_pool_size_bucket")).toEqual(["no gatewayd_pool_size_bucket"]);
  expect(problemsOf('gatewayd_units_total{group="x"} > 1')).toHaveLength(1);
  expect(problemsOf("sum by (group (rate(gatewayd_units_total[5m]))")).not.toEqual([]);
  expect(problemsOf("sum(rate(gatewayd_units_total[5m])) by")).not.toEqual([]);
});

test("the compose file names files that are there, and a configuration that is valid", () => {
  const { services } = parse(read("compose.yaml"));
  expect(Object.keys(services).sort()).toEqual([
    "gatewayd",
    "grafana",
    "jaeger",
    "postgres",
    "prometheus",
  ]);
  const volumes: string[] = Object.values<{ volumes?: string[] }>(services).flatMap(
    ({ volumes: some = [] }) => some,
  );
  for (const volume of volumes) {
    const [source = ""] = volume.split(":");
    // Made by a build.
    if (!source.endsWith("dist/gatewayd"))
      expect([source, existsSync(join(FOLDER, source))]).toEqual([source, true]);
  }
  const result = loadConfig({
    configPath: join(FOLDER, "gatewayd.yaml"),
    pluginConfigPath: join(FOLDER, "plugins.yaml"),
    env: {},
  });
  expect(result.ok ? result.config.warnings : result.issues).toEqual([]);
  for (const file of ["prometheus.yaml", "grafana/provisioning.yaml", "grafana/datasources.yaml"]) {
    expect(parse(read(file))).toBeObject();
  }
  const { scrape_configs: jobs, rule_files: rules } = parse(read("prometheus.yaml"));
  expect(jobs).toMatchObject([{ job_name: "gatewayd" }]);
  expect(rules).toEqual(["/etc/prometheus/alerts.yaml"]);
});
