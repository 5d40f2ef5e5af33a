/** The configuration files that `config init` and `plugin init` write, with every key explained. */
import { globalSchema, keySpec, type KeySpec, pluginsSchema } from "./schema/index.ts";
import { writeYaml, type YamlNotes } from "./yaml-writer.ts";

const WIDTH = 96;

/**
 * gatewayd.yaml with every key of the original at its default, and the newer keys as comments: one
 * group `default` with one block `writes`.
 */
export function defaultGlobalYaml(): string {
  const block = { default: { writes: {} } };
  const input = {
    loggers: { default: {} },
    metrics: { default: {} },
    clients: block,
    pools: block,
    proxies: block,
    servers: { default: {} },
  };
  return render(
    "gatewayd",
    "gatewayd config schema",
    globalSchema.parse(input),
    keySpec(globalSchema),
  );
}

/** gatewayd_plugins.yaml with every key at its default, without plugins. */
export function defaultPluginsYaml(): string {
  const { plugins: _, ...rest } = pluginsSchema.parse({});
  const example = [
    "plugins:",
    "  - name: my-plugin",
    "    enabled: true",
    "    localPath: ./plugins/my-plugin",
    '    args: ["--log-level", "info"]',
    '    env: ["MY_SETTING=1"]',
    "    checksum: <output of sha256sum ./plugins/my-plugin>",
  ];
  const text = render(
    "gatewayd_plugins",
    "gatewayd config schema --plugins",
    rest,
    keySpec(pluginsSchema),
  );
  const heading = "The plugins, in the order they are called. For example:";
  return [text, ...[heading, ...example].map((line) => `# ${line}`), ""].join("\n");
}

function render(name: string, schemaCommand: string, value: object, spec: KeySpec): string {
  const notes: YamlNotes = {
    above: (_, below) => wrap(explain(below)),
    isComment: (_, below) => below.info.isNew === true,
  };
  const header = [
    `# yaml-language-server: $schema=${name}.schema.json`,
    `# (\`${schemaCommand} > ${name}.schema.json\` writes that file.)`,
    "# Every key is at its default and may be left out. Durations: 500ms, 1m30s.",
    "",
  ];
  const lines = Object.entries(value).flatMap(([key, child]) => {
    const section = writeYaml({ [key]: child }, spec, notes);
    return section.length === 0 ? [] : [...section, ""];
  });
  return [...header, ...lines].join("\n");
}

function explain(spec: KeySpec): string {
  const { choices } = spec.info;
  const choose =
    choices === undefined || choices.length < 2
      ? ""
      : ` One of ${choices.filter(Boolean).join(", ")}.`;
  return `${spec.description}${choose}`;
}

/** A text in lines of at most {@link WIDTH} characters; none for an empty text. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return text === "" ? [] : lines;
}
