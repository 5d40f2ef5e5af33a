/**
 * Calls about traffic as one text, one byte a character. A text goes to another thread as it is; copying lists of
 * arrays takes both sides as long as all the rest of a call.
 */
import { HOOK_NUMBERS } from "../../hooks/index.ts";
import type { HookName } from "../../hooks/index.ts";
import type { TrafficCall } from "./worker-messages.ts";

/** Ahead of the bytes of a call: its hook, flags, its id and session, and the lengths of request and response. */
const HEADER_BYTES = 26;
const HAS_RESPONSE = 1;
const IS_PARTIAL = 2;

const HOOKS: readonly HookName[] = hooksByNumber();

/** Undefined when one of the calls has what has no place there: a trace that it is a part of. */
export function packCalls(calls: readonly TrafficCall[]): string | undefined {
  let byteLength = 0;
  for (const [, , , request, response, , trace] of calls) {
    if (trace !== undefined) return undefined;
    byteLength += HEADER_BYTES + request.length + (response?.length ?? 0);
  }
  const packed = Buffer.allocUnsafe(byteLength);
  const view = new DataView(packed.buffer, packed.byteOffset, byteLength);
  let at = 0;
  for (const [id, hook, session, request, response, isPartial] of calls) {
    packed[at] = HOOK_NUMBERS[hook];
    packed[at + 1] = (response === undefined ? 0 : HAS_RESPONSE) | (isPartial ? IS_PARTIAL : 0);
    // Numbers that no gateway lives to see the end of.
    view.setFloat64(at + 2, id);
    view.setFloat64(at + 10, session);
    view.setUint32(at + 18, request.length);
    view.setUint32(at + 22, response?.length ?? 0);
    at += HEADER_BYTES;
    packed.set(request, at);
    at += request.length;
    if (response === undefined) continue;
    packed.set(response, at);
    at += response.length;
  }
  return packed.toString("latin1");
}

/** The calls in their order; their bytes are parts of one piece. */
export function unpackCalls(text: string): readonly TrafficCall[] {
  const packed = Buffer.from(text, "latin1");
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const calls: TrafficCall[] = [];
  for (let at = 0; at < packed.length;) {
    const flags = packed[at + 1] ?? 0;
    const hook = HOOKS[packed[at] ?? 0];
    if (hook === undefined) throw new RangeError("there is no such hook"); // packCalls has written it.
    const requestAt = at + HEADER_BYTES;
    const responseAt = requestAt + view.getUint32(at + 18);
    const end = responseAt + view.getUint32(at + 22);
    calls.push([
      view.getFloat64(at + 2),
      hook,
      view.getFloat64(at + 10),
      packed.subarray(requestAt, responseAt),
      (flags & HAS_RESPONSE) === 0 ? undefined : packed.subarray(responseAt, end),
      (flags & IS_PARTIAL) !== 0,
      undefined,
    ]);
    at = end;
  }
  return calls;
}

function hooksByNumber(): readonly HookName[] {
  const hooks: HookName[] = [];
  for (const [name, number] of Object.entries(HOOK_NUMBERS)) hooks[number] = name as HookName; // Its own keys.
  return hooks;
}
