/** Says which units of one session may share a backend with those of others, and which backends suit. */
import type { PooledBackend, SharedStatement } from "../../backend/index.ts";
import type { Settings } from "../../postgres/index.ts";
import type { StatementScope } from "./multiplexing.ts";
import type { UnitFacts } from "./unit-facts.ts";
import { UnitShapeReader } from "./unit-shape.ts";
import type { UnitShape } from "./unit-shape.ts";

/** The session, as far as this goes. */
export interface PassHolder {
  readonly settings: Settings;
  /** What the client was told of its session. */
  readonly told: ReadonlyMap<string, string>;
  /** The prepared statement that the client knows by this name. */
  named(name: string): SharedStatement | undefined;
}

/** In these a byte of a text that looks like a quote is one. */
const PLAIN_ENCODINGS: ReadonlySet<string> = new Set(["UTF8", "SQL_ASCII", "LATIN1"]);

const reader = new UnitShapeReader();

export class UnitPass {
  readonly #holder: PassHolder;
  readonly #scopeOf: (settings: Settings) => StatementScope;
  #scope: StatementScope | undefined;
  /** What the scope was chosen for. */
  #settings: Settings | undefined;
  #told: ReadonlyMap<string, string> | undefined;
  /** The prepared statement that the unit runs. */
  #statement: SharedStatement | undefined;
  /** The prepared statement that was shared last. */
  #known: { readonly statement: SharedStatement; readonly facts: UnitFacts } | undefined;
  /** Of the unit at hand. */
  facts: UnitFacts | undefined;

  constructor(holder: PassHolder, scopeOf: (settings: Settings) => StatementScope) {
    this.#holder = holder;
    this.#scopeOf = scopeOf;
  }

  /** Looks at a unit; answers whether it may share a backend. */
  admits(unit: Uint8Array): boolean {
    this.facts = this.#find(unit);
    return this.facts !== undefined;
  }

  /** The session has changed definitions of its database, and they are in force. */
  definitionsChanged(): void {
    this.#scopeOf(this.#holder.settings).definitionsChanged();
  }

  /** The unit at hand would run right on this backend as it is. */
  suits(backend: PooledBackend): boolean {
    const { settings } = this.#holder;
    if (backend.settings !== settings && backend.settings.resultKey !== settings.resultKey) {
      return false;
    }
    return this.#statement === undefined || backend.statements.serves(this.#statement);
  }

  #find(unit: Uint8Array): UnitFacts | undefined {
    const scope = this.#currentScope();
    if (scope === undefined) return undefined;
    const shape = reader.read(unit);
    if (shape === "other") return undefined;
    return this.#factsOf(shape, unit, scope);
  }

  #factsOf(
    shape: Exclude<UnitShape, "other">,
    unit: Uint8Array,
    scope: StatementScope,
  ): UnitFacts | undefined {
    this.#statement = undefined;
    const { from, to } = reader;
    switch (shape) {
      case "query":
        return scope.find(unit, from, to);
      case "parse":
        return scope.findParse(unit, from, to);
      case "prepared": {
        // Not by a view of the name: with the first view of a small piece the engine moves its bytes.
        const name = Buffer.prototype.toString.call(unit, "latin1", from, to);
        this.#statement = this.#holder.named(name);
        return this.#statement && this.#factsOfPrepared(this.#statement, scope);
      }
    }
  }

  /** Most often it is the one of before, whose text is not read again. */
  #factsOfPrepared(statement: SharedStatement, scope: StatementScope): UnitFacts | undefined {
    if (statement !== this.#known?.statement) {
      const { body } = statement;
      const facts = scope.findParse(body, 0, body.length);
      this.#known = facts && { statement, facts };
      return facts;
    }
    const { facts } = this.#known;
    return facts.isShared ? facts : undefined;
  }

  /** Undefined while the session's texts cannot be read as others are. */
  #currentScope(): StatementScope | undefined {
    const { settings, told } = this.#holder;
    if (settings !== this.#settings || told !== this.#told) {
      this.#settings = settings;
      this.#told = told;
      this.#scope = isPlain(told) ? this.#scopeOf(settings) : undefined;
      this.#known = undefined;
    }
    return this.#scope;
  }
}

function isPlain(told: ReadonlyMap<string, string>): boolean {
  return (
    told.get("standard_conforming_strings") === "on" &&
    PLAIN_ENCODINGS.has(told.get("client_encoding") ?? "")
  );
}
