/** What a client has sent before its session has anywhere to pass it on to. */
import { readStartupPacket } from "../postgres/index.ts";
import type { StartupPacket } from "../postgres/index.ts";

const NOTHING = new Uint8Array(0);

export class StartupBuffer {
  #bytes: Uint8Array = NOTHING;

  get byteLength(): number {
    return this.#bytes.length;
  }

  push(chunk: Uint8Array): void {
    // Most often there is one chunk, and the packet is all of it: it is passed on as it is.
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** Takes out the first `byteLength` bytes. */
  take(byteLength: number): Uint8Array {
    if (byteLength >= this.#bytes.length) return this.takeAll();
    const taken = this.#bytes.subarray(0, byteLength);
    this.#bytes = this.#bytes.subarray(byteLength);
    return taken;
  }

  takeAll(): Uint8Array {
    const taken = this.#bytes;
    this.#bytes = NOTHING;
    return taken;
  }

  /** @throws GatewayError when the bytes are no startup packet */
  peekPacket(): StartupPacket {
    return readStartupPacket(this.#bytes);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}
