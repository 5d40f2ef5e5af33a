/**
 * The schemas as a tree of keys: what reading environment variables, suggesting names, writing docs
 * and showing values need to know, and zod keeps inside.
 */
import * as z from "zod";
import { type KeyInfo, keyInfo, wrapped } from "./key-info.ts";

interface SpecBase {
  readonly info: KeyInfo;
  /** Empty for the items of lists and groups. */
  readonly description: string;
  /** In the notation of the files; undefined if there is none. */
  readonly defaultValue: unknown;
  /** Whether the key may be absent. */
  readonly isOptional: boolean;
}

/** A map with known keys. */
export interface ObjectSpec extends SpecBase {
  readonly kind: "object";
  readonly keys: ReadonlyMap<string, KeySpec>;
  /** Of keys beside those; undefined if there may be none. */
  readonly others: KeySpec | undefined;
}

/** A map whose keys are names: of groups, of blocks. */
export interface NamedSpec extends SpecBase {
  readonly kind: "named";
  readonly value: KeySpec;
}

export interface ListSpec extends SpecBase {
  readonly kind: "list";
  readonly item: KeySpec;
}

/** A single value. */
export interface ScalarSpec extends SpecBase {
  readonly kind: "scalar";
}

/** Anything at all, passed on as it is written. */
export interface AnySpec extends SpecBase {
  readonly kind: "any";
}

export type KeySpec = ObjectSpec | NamedSpec | ListSpec | ScalarSpec | AnySpec;

/** The tree of keys of a schema. */
export function keySpec(schema: z.core.$ZodType): KeySpec {
  const base = {
    info: keyInfo(schema),
    description: descriptionOf(schema),
    defaultValue: defaultOf(schema),
    isOptional: schema instanceof z.ZodType && schema._zod.optin === "optional",
  };
  const core = innermost(schema);
  if (base.info.scalar !== undefined) return { ...base, kind: "scalar" };
  if (core instanceof z.ZodObject) {
    const shape: Record<string, z.core.$ZodType> = core.def.shape;
    const keys = Object.entries(shape).map(([key, value]) => [key, keySpec(value)] as const);
    const { catchall } = core.def;
    const isClosed = catchall === undefined || catchall instanceof z.ZodNever;
    const others = isClosed ? undefined : keySpec(catchall);
    return { ...base, kind: "object", keys: new Map(keys), others };
  }
  if (core instanceof z.ZodArray) return { ...base, kind: "list", item: keySpec(core.def.element) };
  if (core instanceof z.ZodRecord && !isUnknown(core.def.valueType)) {
    return { ...base, kind: "named", value: keySpec(core.def.valueType) };
  }
  return { ...base, kind: "any" };
}

function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = wrapped(schema);
  return inner === undefined ? schema : innermost(inner);
}

function isUnknown(schema: z.core.$ZodType): boolean {
  return schema instanceof z.ZodUnknown;
}

function descriptionOf(schema: z.core.$ZodType): string {
  const inner = wrapped(schema);
  const own = z.globalRegistry.get(schema)?.description;
  return own ?? (inner === undefined ? "" : descriptionOf(inner));
}

function defaultOf(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodPrefault) return schema.def.defaultValue;
  const inner = wrapped(schema);
  return inner === undefined ? undefined : defaultOf(inner);
}
