/**
 * What the server turns down though the client has done nothing for it, and would not without the gateway:
 *
 *   26000  a statement of ours is gone, by a DEALLOCATE ALL or DISCARD ALL that nobody saw: inside of a
 *          function, say. It is prepared anew.
 *   0A000  "cached plan must not change result type": the statement on this backend is older than the change
 *          of a table, but the client's own Parse is not; or the client asks for the description in the same
 *          batch, and so will see the change. It gets a new statement. Whoever else has the old one gets the
 *          error, as it would without the gateway.
 *
 * Then the unit is sent again, once, if nothing of its answer has reached the client.
 */
import type { StatementCatalog } from "../../backend/index.ts";
import {
  FrontendTag,
  HEADER_BYTES,
  lengthAt,
  readErrorResponse,
  statementName,
} from "../../postgres/index.ts";
import { OUR_NAME } from "./clients-names.ts";
import type { NamedStatement, NamedStatements } from "./named-statements.ts";
import { RESULT_CHANGED } from "./statement-preparation.ts";
import type { StatementPreparation } from "./statement-preparation.ts";

const IS_GONE = "C26000\0";
const IS_UNSUPPORTED = "C0A000\0";
/** Where PostgreSQL finds that a result would change: its words may be translated. */
const CHANGED_IN = "RevalidateCachedQuery";

export class StatementRepair {
  readonly #names: NamedStatements;
  readonly #catalog: StatementCatalog;
  readonly #preparation: StatementPreparation;

  constructor(
    names: NamedStatements,
    catalog: StatementCatalog,
    preparation: StatementPreparation,
  ) {
    this.#names = names;
    this.#catalog = catalog;
    this.#preparation = preparation;
  }

  /**
   * @param message an error of the server
   * @param answer what the client would get
   * @param unit that fails with it, as the client sent it; undefined when it cannot be sent again
   * @returns it would help to send the unit again
   */
  repair(message: Uint8Array, answer: Uint8Array, unit: Uint8Array | undefined): boolean {
    if (answer === RESULT_CHANGED) return unit !== undefined && this.#renew(unit);
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    if (bytes.includes(IS_GONE)) return this.#prepareAnew(message);
    if (unit === undefined || !bytes.includes(IS_UNSUPPORTED)) return false;
    const { fields } = readErrorResponse(message);
    return fields.get("R") === CHANGED_IN && this.#renew(unit);
  }

  /** Who has lost one has lost all of them, most often: none is taken for granted any more. */
  #prepareAnew(message: Uint8Array): boolean {
    const backend = this.#preparation.leased;
    const [ours] = OUR_NAME.exec(readErrorResponse(message).message) ?? [];
    if (ours === undefined || backend.named(ours) === undefined) return false;
    backend.lose();
    return true;
  }

  #renew(unit: Uint8Array): boolean {
    const { names, hasDescribe } = readUnit(unit);
    const changed = [...names]
      .map((name) => this.#names.find(name))
      .filter((named) => named !== undefined)
      .filter((named) => hasDescribe || this.#isNewerThanServers(named));
    for (const named of changed) {
      const { shared } = named;
      const { preparedAt = 0 } = this.#preparation.leased.find(shared) ?? {};
      shared.changedAt = Math.max(shared.changedAt ?? 0, preparedAt);
      this.#names.renew(named, this.#catalog.renew(shared));
    }
    return changed.length > 0;
  }

  #isNewerThanServers({ shared, parsedAt }: NamedStatement): boolean {
    const known = this.#preparation.leased.find(shared);
    return known !== undefined && parsedAt > known.preparedAt;
  }
}

/** The statements that a unit binds or describes, and whether it asks for a description. */
function readUnit(unit: Uint8Array) {
  const names = new Set<string>();
  let hasDescribe = false;
  for (let at = 0; at + HEADER_BYTES <= unit.length;) {
    const next = at + 1 + lengthAt(unit, at + 1);
    const tag = unit[at];
    if (tag === FrontendTag.Describe) hasDescribe = true;
    if (tag === FrontendTag.Describe || tag === FrontendTag.Bind) {
      const name = statementName(unit.subarray(at, next));
      if (name !== undefined) names.add(name);
    }
    at = next;
  }
  return { names, hasDescribe };
}
