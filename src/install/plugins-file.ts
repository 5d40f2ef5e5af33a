/** The text of a gatewayd_plugins.yaml with another plugin in it. */
import { isMap, isSeq, parseDocument, stringify } from "yaml";
import type { Document, YAMLMap } from "yaml";
import { NOTATION, type PluginEntry } from "./plugin-entry.ts";

/** How entries are written: as the text already is, and never broken into lines. */
const FORMAT = { lineWidth: 0, flowCollectionPadding: false } as const;

/** Whether the text has an entry of that name. It must be YAML. */
export function hasPlugin(text: string, name: string): boolean {
  return entryNamed(parseDocument(text, NOTATION), name) !== undefined;
}

/**
 * Comments, and what else the file holds, stay. An entry that is there keeps its values but for those of `installed`;
 * of `suggested` it gets what it does not have. Otherwise a new one is made of both.
 */
export function withPlugin(
  text: string,
  name: string,
  installed: PluginEntry,
  suggested: PluginEntry,
): string {
  const document = parseDocument(text, NOTATION);
  const entry = entryNamed(document, name);
  if (entry === undefined) {
    const plugins = document.get("plugins");
    const added = document.createNode({ name, ...suggested, ...installed });
    if (isSeq(plugins)) {
      // `plugins: []` would have it inside its brackets.
      if (plugins.items.length === 0) plugins.flow = false;
      plugins.add(added);
    } else {
      document.set("plugins", document.createNode([added]));
    }
  } else {
    for (const [key, value] of Object.entries(installed)) entry.set(key, value);
    for (const [key, value] of Object.entries(suggested)) {
      if (!entry.has(key)) entry.set(key, document.createNode(value));
    }
  }
  const hasFlatLists = /^plugins:.*\n(?:[ \t]*(?:#.*)?\n)*- /m.test(text);
  return document.toString({ ...FORMAT, indentSeq: !hasFlatLists });
}

/** An entry by itself, as it would stand in the file. */
export function entryText(name: string, installed: PluginEntry, suggested: PluginEntry): string {
  return stringify({ plugins: [{ name, ...suggested, ...installed }] }, FORMAT);
}

function entryNamed(document: Document, name: string): YAMLMap | undefined {
  const plugins = document.get("plugins");
  return isSeq(plugins)
    ? plugins.items.filter(isMap).find((entry) => entry.get("name") === name)
    : undefined;
}
