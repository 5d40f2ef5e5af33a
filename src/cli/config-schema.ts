import { globalJsonSchema, pluginsJsonSchema } from "../config/index.ts";
import type { RunnableCommand, SwitchFlag } from "./command.ts";

const pluginsFlag: SwitchFlag = {
  type: "switch",
  name: "plugins",
  description: "The schema of the plugins configuration instead",
  isOnByDefault: false,
};

/** `gatewayd config schema`. */
export const configSchemaCommand: RunnableCommand = {
  kind: "runnable",
  name: "schema",
  summary: "Print the JSON Schema of the configuration",
  description: `Prints the JSON Schema of the global or of the plugins configuration file on stdout.

Editors complete and check a YAML file whose first line names its schema:
  # yaml-language-server: $schema=./gatewayd.schema.json`,
  flags: [pluginsFlag],
  async run({ arguments: given, terminal }) {
    const schema = given.isOn(pluginsFlag) ? pluginsJsonSchema() : globalJsonSchema();
    await terminal.out(`${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  },
};
