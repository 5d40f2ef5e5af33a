import type { Language, PluginProject } from "./plugin-project.ts";

/** What was said about a plugin, by flags or in a file. */
export interface ProjectWishes {
  readonly language?: Language | undefined;
  readonly name?: string | undefined;
  readonly remoteUrl?: string | undefined;
  readonly version?: string | undefined;
  readonly license?: string | undefined;
  readonly authors?: readonly string[] | undefined;
  readonly description?: string | undefined;
}

/**
 * Fills in what was not said. The name is the last part of the remote URL, unless it is said.
 * @throws Error when that is no plugin
 */
export function projectOf(wishes: ProjectWishes): PluginProject {
  const remoteUrl = (wishes.remoteUrl ?? "").replace(/(\.git)?\/*$/, "");
  if (remoteUrl !== "" && !(/^https?:\/\//.test(remoteUrl) && URL.canParse(remoteUrl))) {
    throw new Error(`the remote URL must be an http or https URL, not "${remoteUrl}"`);
  }
  const name = wishes.name ?? (remoteUrl === "" ? undefined : remoteUrl.split("/").at(-1));
  if (name === undefined) throw new Error("a plugin needs a name or a remote URL");
  // A directory, a program and a part of names in its code.
  if (!/^[a-z][a-z0-9._-]*$/i.test(name)) {
    throw new Error(`"${name}" cannot be the name of a plugin: letters, digits, ".", "_" and "-"`);
  }
  const language = wishes.language ?? "typescript";
  if (language === "go" && !/^[\w.~/-]*$/.test(remoteUrl.replace(/^https?:\/\//, ""))) {
    throw new Error(`"${remoteUrl}" cannot be the path of a Go module`);
  }
  return {
    language,
    name,
    remoteUrl,
    version: wishes.version ?? "0.1.0",
    license: wishes.license ?? "Apache-2.0",
    authors: wishes.authors ?? [],
    description: oneLine(wishes.description) || "A plugin of GatewayD.",
  };
}

function oneLine(text = ""): string {
  return text.trim().replaceAll(/\s+/g, " ");
}
