/** Field tags of the messages of proto/plugin/v1/struct.proto: field number << 3 | wire type. */

/** Struct.fields. */
export const FIELDS = 0x0a;
/** The key of an entry of Struct.fields. */
export const ENTRY_KEY = 0x0a;
/** The value of an entry of Struct.fields. */
export const ENTRY_VALUE = 0x12;
/** ListValue.values. */
export const VALUES = 0x0a;

/** The kinds of Value. */
export const NULL_VALUE = 0x08;
export const NUMBER_VALUE = 0x11;
export const STRING_VALUE = 0x1a;
export const BOOL_VALUE = 0x20;
export const STRUCT_VALUE = 0x2a;
export const LIST_VALUE = 0x32;
export const BYTES_VALUE = 0x3a;

/** How deep values may be nested, as protobuf's own libraries limit it. */
export const MAX_DEPTH = 100;
