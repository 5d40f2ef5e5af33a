import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** What a message of proto/ is in JSON, with every field there: numbers of enums are their names, times are texts. */
export type JsonOf<T> = [T] extends [number]
  ? number extends T
    ? number
    : string
  : T extends bigint | Timestamp
    ? string
    : T extends string | boolean | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly JsonOf<Item>[]
        : { readonly [Key in keyof T as Key extends `$${string}` ? never : Key]: JsonOf<T[Key]> };
