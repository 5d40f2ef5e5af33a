/** Which functions the configuration allows beside PostgreSQL's own. */
import { REVIEWED_FUNCTIONS } from "./reviewed-functions.ts";
import type { WrittenName } from "./collected-needs.ts";

/** What is known of the functions with a name, before the catalogue is asked. */
export interface FunctionRule {
  /** The one of PostgreSQL itself is harmless. */
  readonly isReviewed: boolean;
  /** It is allowed wherever it is. */
  readonly isAllowed: boolean;
  /** Where else it is allowed. */
  readonly allowedSchemas: readonly string[];
}

export class FunctionPolicy {
  readonly #everywhere = new Set<string>();
  readonly #schemas = new Map<string, string[]>();

  /** @param allowed `name` or `schema.name`, as the catalogue has them */
  constructor(allowed: readonly string[]) {
    for (const written of allowed) {
      const dot = written.indexOf(".");
      if (dot < 0) this.#everywhere.add(written);
      else {
        const name = written.slice(dot + 1);
        this.#schemas.set(name, [...(this.#schemas.get(name) ?? []), written.slice(0, dot)]);
      }
    }
  }

  about({ name }: WrittenName): FunctionRule {
    return {
      isReviewed: REVIEWED_FUNCTIONS.has(name),
      isAllowed: this.#everywhere.has(name),
      allowedSchemas: this.#schemas.get(name) ?? [],
    };
  }

  /** In words, the first of the functions that is shared in no database; undefined when there is none. */
  unknownOf(functions: readonly WrittenName[]): string | undefined {
    const unknown = functions.find((name) => !this.#knows(name));
    return unknown && `function ${unknown.name} is not known to be harmless`;
  }

  #knows(written: WrittenName): boolean {
    const { isReviewed, isAllowed, allowedSchemas } = this.about(written);
    if (isAllowed) return true;
    const { schema } = written;
    if (schema === undefined) return isReviewed || allowedSchemas.length > 0;
    return (isReviewed && schema === "pg_catalog") || allowedSchemas.includes(schema);
  }
}
