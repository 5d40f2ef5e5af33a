/** A YAML document whose values are as written, and which knows where everything stands. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLParseError,
} from "yaml";
import type { FileProblem } from "../file-problem.ts";

/** Aliases of YAML can make a small file huge. */
const MAX_ALIASES = 1_000;

/** From the top of the document: names of keys, and indices of lists from 0. */
export type Path = readonly PropertyKey[];

export class PlacedYaml {
  /** What is wrong with the notation. */
  readonly problems: readonly FileProblem[];
  /** Maps, lists and texts; undefined if the notation is wrong. */
  readonly content: unknown;

  readonly #document: Document;
  readonly #lines = new LineCounter();

  /** Never throws. Values are texts, whatever they look like (YAML's failsafe schema). */
  constructor(text: string) {
    this.#document = parseDocument(text, {
      schema: "failsafe",
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
    });
    const { errors, warnings } = this.#document;
    const problems = [...errors, ...warnings].map((error) =>
      this.#problem(error.pos[0], messageOf(error)),
    );
    const isReadable = errors.every(({ code }) => code === "DUPLICATE_KEY");
    this.content = isReadable ? this.#toValue(problems) : undefined;
    this.problems = problems;
  }

  /** A problem with what is at a path; where nothing is, with what lacks it. */
  problemAt(path: Path, message: string, part: "key" | "value" = "value"): FileProblem {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      const pair = isMap(node) ? node.items.find(({ key }) => valueOf(key) === step) : undefined;
      node = isSeq(node) ? node.items[Number(step)] : pair?.value;
      const isKeyMeant = part === "key" && index === path.length - 1;
      const hasText = valueOf(node) !== "" || pair === undefined;
      offset = startOf(isKeyMeant || !hasText ? pair?.key : node) ?? offset;
    }
    return this.#problem(offset, message);
  }

  #toValue(problems: FileProblem[]): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch {
      problems.push(this.#problem(0, "the aliases of the file make it too large"));
      return undefined;
    }
  }

  #problem(offset: number, message: string): FileProblem {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), message };
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function valueOf(node: unknown): unknown {
  return isScalar(node) ? node.value : undefined;
}

/** In our own words: the parser's may quote the file, and so a password. */
function messageOf(error: Pick<YAMLParseError, "code">): string {
  switch (error.code) {
    case "DUPLICATE_KEY":
      return "a key is given twice";
    case "BAD_ALIAS":
      return "a value that begins with * is an alias in YAML; put it in quotes";
    case "MULTIPLE_DOCS":
      return "the file holds more than one document";
    default:
      return `no YAML can be read here (${error.code})`;
  }
}
