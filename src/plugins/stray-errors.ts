/**
 * Errors that nothing caught, such as the rejection of a promise that nobody waits for, end the program. One of
 * a module inside it must not: it is logged as the module's own. Whose it is its stack says, by the files in it;
 * what Bun itself rejects, and what is no Error, has none, and is a module's as long as there are any.
 */
import { isAbsolute } from "node:path";
import type { Logger } from "../logging/index.ts";

/** Who answers for errors. */
export interface ErrorOwner {
  readonly name: string;
  /** Its file. Whatever lies in the folder of it is its own too, such as packages. */
  readonly path: string;
  /** Logs under the module's name. */
  readonly logger: Logger;
  /** Logs what may be another module's. */
  readonly commonLogger: Logger;
}

const MESSAGE = "An error of the plugin that nothing caught";
const COMMON_MESSAGE = "An error of one of the plugins that nothing caught";
/** The file of a line of a stack, unless it is inside Bun. */
const PLACE = /^\s+at (?:.*\()?(?:async )?(?!node:|bun:|internal:)([^()]*\/[^()]*):\d+:\d+\)?$/;
/** Where the files of this program are, as stacks name them. */
const OWN_DIRECTORY = ownDirectory();

const owners = new Set<ErrorOwner>();

/** Answers for the errors of a module from now on. Returns a function that ends that. */
export function answerForErrors(owner: ErrorOwner): () => void {
  // Each start of a module is one of its own.
  const own = { ...owner };
  owners.add(own);
  return () => owners.delete(own);
}

/** Logs an error that nothing caught if it comes from a module that runs here; answers whether it does. */
export function reportStrayError(error: unknown): boolean {
  if (owners.size === 0) return false;
  const files = filesIn(error);
  let suspects = suspectsFor(files);
  if (suspects.length === 0) {
    if (files.some(isOwn)) return false;
    suspects = [...owners];
  }
  const plugins = [...new Set(suspects.map(({ name }) => name))];
  const [suspect] = suspects;
  if (plugins.length === 1) suspect?.logger.error(MESSAGE, { error });
  else suspect?.commonLogger.error(COMMON_MESSAGE, { error, plugins });
  return true;
}

/** Whose file comes first. The program's own are never a module's, wherever that one lies. */
function suspectsFor(files: readonly string[]): readonly ErrorOwner[] {
  const all = [...owners];
  for (const file of files) {
    if (isOwn(file)) continue;
    const authors = all.filter(({ path }) => path === file);
    if (authors.length > 0) return authors;
    const neighbours = all.filter(({ path }) => file.startsWith(folderOf(path)));
    if (neighbours.length > 0) return neighbours;
  }
  return [];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function filesIn(error: unknown): readonly string[] {
  const stack: unknown = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== "string") return [];
  return stack.split("\n").flatMap((line) => PLACE.exec(line)?.[1] ?? []);
}

/** Stacks of an executable may name its sources by where they were from the top. */
function isOwn(file: string): boolean {
  return !isAbsolute(file) || (OWN_DIRECTORY !== "" && file.startsWith(OWN_DIRECTORY));
}

/** The top of the sources, two above this file; an executable may have all in one. */
function ownDirectory(): string {
  const [file = ""] = filesIn(new Error("where am I?"));
  return file.replace(/(?:plugins\/)?[^/]*$/, "");
}
