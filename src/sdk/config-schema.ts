/** Checking a plugin's settings with a schema of its author's choice. */

/** An objection of a schema. */
interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type SchemaResult<Config> =
  | { readonly value: Config; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** Anything that speaks Standard Schema (zod, valibot, arktype), or has a `parse` that throws. */
export type ConfigSchema<Config> =
  | {
      readonly "~standard": {
        readonly validate: (value: unknown) => SchemaResult<Config> | Promise<SchemaResult<Config>>;
      };
    }
  | { readonly parse: (value: unknown) => Config };

/**
 * The settings, as the schema makes them.
 * @throws whatever `parse` throws, or a TypeError that lists the objections
 */
export async function parseConfig(
  schema: ConfigSchema<unknown> | undefined,
  config: unknown,
): Promise<unknown> {
  if (schema === undefined) return config;
  if (!("~standard" in schema)) return schema.parse(config);
  const result = await schema["~standard"].validate(config);
  if (result.issues === undefined) return result.value;
  throw new TypeError(result.issues.map(describe).join("; "));
}

function describe({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}
