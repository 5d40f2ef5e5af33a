import { frontendMessage, type ServerMessage } from "../kit/index.ts";
import { describeRequest } from "./describe-message.ts";

/** What one connection received, in order. */
export type TranscriptEntry =
  | { readonly kind: "message"; readonly bytes: Buffer; readonly after: string }
  /** The other side closed the connection. */
  | { readonly kind: "closed"; readonly after: string };

/** The first object id that PostgreSQL gives to things that users make. */
const FIRST_NORMAL_OID = 16_384;

/** What one connection of a case received, with what cannot be the same twice masked. */
export class Transcript {
  readonly name: string;
  readonly entries: TranscriptEntry[] = [];
  /** Object ids of new tables, in the order they were met. */
  readonly #tables = new Map<number, number>();
  #sent = "connecting";

  constructor(name: string) {
    this.name = name;
  }

  /** Takes down what the client sends, for whoever reads a difference. */
  sent(messages: readonly Uint8Array[]): void {
    const [first, ...more] = messages;
    if (first === undefined) return;
    this.#sent = describeRequest(first) + (more.length > 0 ? ` and ${more.length} more` : "");
  }

  received(message: ServerMessage): void {
    const bytes = frontendMessage(message.type, message.body);
    this.#mask(bytes);
    this.entries.push({ kind: "message", bytes, after: this.#sent });
  }

  /** Takes down bytes that are no message. */
  receivedBytes(bytes: Buffer): void {
    this.entries.push({ kind: "message", bytes, after: this.#sent });
  }

  closed(): void {
    this.entries.push({ kind: "closed", after: this.#sent });
  }

  #mask(bytes: Buffer): void {
    const tag = bytes.toString("latin1", 0, 1);
    if (tag === "K") bytes.fill(0, 5);
    // Who notified, by its process id.
    else if (tag === "A") bytes.fill(0, 5, 9);
    else if (tag === "T") this.#maskTables(bytes);
  }

  /** The n-th table that was met gets the n-th normal object id. */
  #maskTables(bytes: Buffer): void {
    let at = 7;
    for (let columns = bytes.readUInt16BE(5); columns > 0; columns--) {
      at = bytes.indexOf(0, at) + 1;
      const oid = bytes.readUInt32BE(at);
      if (oid >= FIRST_NORMAL_OID) {
        const masked = this.#tables.get(oid) ?? FIRST_NORMAL_OID + this.#tables.size;
        this.#tables.set(oid, masked);
        bytes.writeUInt32BE(masked, at);
      }
      at += 18;
    }
  }
}
