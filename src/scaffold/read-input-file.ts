import { readFileSync } from "node:fs";
import * as z from "zod";
import { parseDocument } from "yaml";
import { LANGUAGES } from "./plugin-project.ts";
import type { ProjectWishes } from "./project-of.ts";

const inputSchema = z.strictObject({
  remote_url: z.string(),
  version: z.union([z.string(), z.number()]).transform(String),
  license: z.string(),
  authors: z.array(z.string()).min(1),
  description: z.string().nullish(),
  language: z.enum(LANGUAGES).optional(),
});

/**
 * Reads the original's description of a plugin, with `language` as one more key. Without it the plugin is
 * in Go, as there.
 * @throws Error that says what is wrong with the file
 */
export function readInputFile(path: string): ProjectWishes {
  const document = parseDocument(readFileSync(path, "utf8"), { prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  // What is written as a number keeps its digits: 1.10 is no 1.1.
  const version = document.get("version", true);
  const content: unknown = document.toJS();
  const read = inputSchema.safeParse(content);
  if (!read.success) throw new Error(`${path}: ${problemsOf(read.error)}`);
  const { remote_url: remoteUrl, license, authors, description, language = "go" } = read.data;
  const source = isWithSource(version) ? version.source : undefined;
  return {
    language,
    remoteUrl,
    version:
      typeof read.data.version === "string" && source !== undefined ? source : read.data.version,
    license,
    authors,
    description: description ?? undefined,
  };
}

function isWithSource(node: unknown): node is { readonly source: string } {
  return (
    typeof node === "object" && node !== null && "source" in node && typeof node.source === "string"
  );
}

function problemsOf({ issues }: z.core.$ZodError): string {
  return issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`))
    .join("; ");
}
