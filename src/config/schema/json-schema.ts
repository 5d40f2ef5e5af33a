/** The JSON Schemas that editors complete and check the configuration files with. */
import * as z from "zod";
import { globalSchema } from "./global-schema.ts";
import { keyInfo } from "./key-info.ts";
import { pluginsSchema } from "./plugins-schema.ts";

/** The JSON Schema (draft 2020-12) of gatewayd.yaml. */
export function globalJsonSchema(): object {
  return toJsonSchema(globalSchema, "gatewayd.yaml");
}

/** The JSON Schema (draft 2020-12) of gatewayd_plugins.yaml. */
export function pluginsJsonSchema(): object {
  return toJsonSchema(pluginsSchema, "gatewayd_plugins.yaml");
}

function toJsonSchema(schema: z.ZodType, title: string): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      Object.assign(jsonSchema, keyInfo(zodSchema).jsonSchema);
    },
  });
  return { $schema, title, ...rest };
}
