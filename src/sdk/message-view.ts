/** The messages in a piece of traffic, cut and decoded only when somebody looks. */
import { GatewayError } from "../errors.ts";
import { HEADER_BYTES, lengthAt } from "../postgres/index.ts";

/** One message, named as in the PostgreSQL manual, 54.7. */
export interface MessageView<Type extends string, Fields> {
  readonly type: Type;
  /** All of it, from its tag on: a part of the traffic, not a copy. */
  readonly bytes: Uint8Array;
  /**
   * What it says, decoded when first asked for.
   * @throws GatewayError when it is malformed
   */
  readonly fields: Fields;
}

/** Messages that are only a tag. */
export type NoFields = Readonly<Record<string, never>>;

const NO_FIELDS: NoFields = {};

class LazyMessage<Type extends string, Fields> implements MessageView<Type, Fields> {
  readonly type: Type;
  readonly bytes: Uint8Array;
  readonly #read: (bytes: Uint8Array) => Fields;
  #fields: Fields | undefined;

  constructor(type: Type, bytes: Uint8Array, read: (bytes: Uint8Array) => Fields) {
    this.type = type;
    this.bytes = bytes;
    this.#read = read;
  }

  get fields(): Fields {
    return (this.#fields ??= this.#read(this.bytes));
  }
}

/** How messages of one type are seen. */
export function viewOf<Type extends string, Fields>(
  type: Type,
  read: (bytes: Uint8Array) => Fields,
): (bytes: Uint8Array) => MessageView<Type, Fields> {
  return (bytes) => new LazyMessage(type, bytes, read);
}

/** How messages are seen that are only a tag. */
export function bareViewOf<Type extends string>(
  type: Type,
): (bytes: Uint8Array) => MessageView<Type, NoFields> {
  return (bytes) => new LazyMessage(type, bytes, () => NO_FIELDS);
}

/** The body of a message, where that is all there is to it. */
export function bodyOf(bytes: Uint8Array): { readonly data: Uint8Array } {
  return { data: bytes.subarray(HEADER_BYTES) };
}

/**
 * Cuts traffic into its messages.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION when it is not whole messages
 */
export function splitMessages<View>(
  traffic: Uint8Array,
  view: (tag: number, bytes: Uint8Array) => View,
): readonly View[] {
  const views: View[] = [];
  for (let at = 0; at < traffic.length;) {
    const length = at + HEADER_BYTES <= traffic.length ? lengthAt(traffic, at + 1) : -1;
    const next = at + 1 + length;
    if (length < HEADER_BYTES - 1 || next > traffic.length) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "the traffic is not whole messages");
    }
    views.push(view(traffic[at] ?? 0, traffic.subarray(at, next)));
    at = next;
  }
  return views;
}
