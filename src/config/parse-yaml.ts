/** From YAML text to a {@link ConfigNode} tree, with line and column of everything. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLParseError,
  type YAMLWarning,
} from "yaml";
import type { ConfigIssue } from "./config-issue.ts";
import {
  type ConfigNode,
  emptyMap,
  type MapNode,
  NO_PLACE,
  type Path,
  type Place,
  placedIssue,
} from "./config-tree.ts";

/** Far beyond any real file; stops aliases that refer to each other from filling the memory. */
const MAX_NODES = 100_000;

export interface ParsedYaml {
  readonly root: ConfigNode;
  readonly issues: readonly ConfigIssue[];
  /** Whether `root` is what was written; false after errors of syntax. */
  readonly isComplete: boolean;
}

/** Parses YAML 1.2 with merge keys (`<<`). Duplicate keys, unknown tags and syntax are errors. */
export function parseYaml(text: string, file: string): ParsedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    stringKeys: true,
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { kind: "file", file, line, column: col };
  };
  const builder = new TreeBuilder(document, placeAt);
  const issues = [...document.errors, ...document.warnings].map((error) =>
    placedIssue(placeAt(error.pos[0]), [], "error", messageOf(error, text)),
  );
  const isComplete = document.errors.every((error) => error.code === "DUPLICATE_KEY");
  if (!isComplete) return { root: emptyMap(), issues, isComplete };
  const root = document.contents === null ? emptyMap() : builder.build(document.contents, []);
  return { root, issues: [...issues, ...builder.issues], isComplete };
}

/** Parses a value given as JSON in an environment variable; every node gets `place`. */
export function parseJsonValue(text: string, place: Place): ConfigNode | undefined {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0 || document.contents === null) return undefined;
  return new TreeBuilder(document, () => place).build(document.contents, []);
}

class TreeBuilder {
  readonly issues: ConfigIssue[] = [];
  readonly #document: Document;
  readonly #placeAt: (offset: number) => Place;
  #nodes = 0;

  constructor(document: Document, placeAt: (offset: number) => Place) {
    this.#document = document;
    this.#placeAt = placeAt;
  }

  build(node: unknown, path: Path): ConfigNode {
    this.#nodes += 1;
    const place = this.#placeOf(node);
    if (this.#nodes === MAX_NODES) {
      this.issues.push(placedIssue(place, path, "error", "the file is too large"));
    }
    if (this.#nodes < MAX_NODES) {
      if (isAlias(node)) return this.#buildAlias(node, path, place);
      if (isMap(node)) return this.#buildMap(node, path, place);
      if (isSeq(node)) {
        const items = node.items.map((item, index) => this.build(item, [...path, index]));
        return { kind: "list", items, place };
      }
      if (isScalar(node)) {
        // Numbers and booleans keep what was written: 0777 as a file mode, True as a name.
        const text = typeof node.value === "string" ? node.value : (node.source ?? "");
        return { kind: "scalar", text, value: node.value, place };
      }
    }
    return { kind: "scalar", text: "", value: null, place };
  }

  #buildAlias(alias: Alias, path: Path, place: Place): ConfigNode {
    const target = alias.resolve(this.#document);
    if (target !== undefined && !contains(target, alias)) return this.build(target, path);
    const problem = target === undefined ? "has no anchor before it" : "refers to itself";
    this.issues.push(placedIssue(place, path, "error", `*${alias.source} ${problem}`));
    return { kind: "scalar", text: "", value: null, place };
  }

  #buildMap(node: YAMLMap, path: Path, place: Place): MapNode {
    const map: MapNode = { kind: "map", entries: new Map(), place };
    const merged: MapNode[] = [];
    for (const pair of node.items) {
      const key = keyOf(pair);
      const keyPlace = this.#placeOf(pair.key);
      if (key === "<<") merged.push(...this.#merged(pair, path));
      else if (key === "__proto__") {
        this.issues.push(placedIssue(keyPlace, [...path, key], "error", "not a possible key"));
      } else {
        map.entries.set(key, { keyPlace, value: this.build(pair.value, [...path, key]) });
      }
    }
    for (const source of merged) {
      for (const [key, entry] of source.entries) {
        if (!map.entries.has(key)) map.entries.set(key, entry);
      }
    }
    return map;
  }

  #merged(pair: Pair, path: Path): MapNode[] {
    const value = this.build(pair.value, path);
    const sources = value.kind === "list" ? value.items : [value];
    const maps = sources.filter((source) => source.kind === "map");
    if (maps.length < sources.length) {
      this.issues.push(placedIssue(value.place, path, "error", "<< takes a map or a list of maps"));
    }
    return maps;
  }

  #placeOf(node: unknown): Place {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
    return range === null || range === undefined ? NO_PLACE : this.#placeAt(range[0]);
  }
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : String(pair.key);
}

function contains(outer: Node, inner: Node): boolean {
  const [outerRange, innerRange] = [outer.range, inner.range];
  if (!outerRange || !innerRange) return false;
  return outerRange[0] <= innerRange[0] && innerRange[1] <= outerRange[1];
}

function messageOf(error: YAMLParseError | YAMLWarning, text: string): string {
  if (error.code === "DUPLICATE_KEY") {
    const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? "";
    return `the key "${key}" is given twice`;
  }
  if (error.code === "MULTIPLE_DOCS") return "the file holds more than one document";
  return error.message;
}
