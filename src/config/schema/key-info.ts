/** What the schemas say of a key beside its type: the notes that zod itself has no place for. */
import * as z from "zod";

/** How a single value is written; names the type in docs and errors. */
export type ScalarKind =
  "boolean" | "integer" | "number" | "text" | "duration" | "size" | "mode" | "choice";

/**
 * What becomes of a changed value when the configuration is read again: it is in effect at once (for whatever begins
 * from then on), or the gateway has to be started anew.
 */
export type ReloadEffect = "live" | "restart";

export interface KeyInfo {
  /** Set on a single value: how it is written. */
  readonly scalar?: ScalarKind;
  /** Set on a single value: its JSON Schema, as editors see it. */
  readonly jsonSchema?: Readonly<Record<string, unknown>>;
  /** The values a choice may have now. */
  readonly choices?: readonly string[];
  /** A key that the original does not have: left out of hook payloads while it has its default. */
  readonly isNew?: boolean;
  /** A list that is written as its only item when it has one. */
  readonly isSingleOrList?: boolean;
  /** A value that is never printed. */
  readonly isSecret?: boolean;
  /** Set on a key, or on the map or list that has it. */
  readonly reload?: ReloadEffect;
}

const registry = z.registry<KeyInfo>();

/** Adds notes to a schema and gives the same schema back. */
export function note<S extends z.ZodType>(schema: S, info: KeyInfo): S {
  registry.add(schema, { ...registry.get(schema), ...info });
  return schema;
}

/** Says of keys, and of all that is below them, what a reload makes of a changed value. */
export function onReload<S extends z.ZodType>(effect: ReloadEffect, schema: S): S {
  return note(schema, { reload: effect });
}

/** Marks keys of an object that the original does not have. */
export function newKeys<Shape extends Record<string, z.ZodType>>(shape: Shape): Shape {
  for (const schema of Object.values(shape)) note(schema, { isNew: true });
  return shape;
}

/** The notes of a schema, those of the schemas it wraps included; outer notes win. */
export function keyInfo(schema: z.core.$ZodType): KeyInfo {
  const own = registry.get(schema as z.ZodType) ?? {};
  const inner = wrapped(schema);
  return inner === undefined ? own : { ...keyInfo(inner), ...own };
}

/** The schema inside a default, an option or a transformation; undefined for any other. */
export function wrapped(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodOptional
  ) {
    return schema.def.innerType;
  }
  return schema instanceof z.ZodPipe ? schema.def.in : undefined;
}
