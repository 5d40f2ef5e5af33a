import { fillTemplate } from "./fill-template.ts";
import { goTemplates } from "./go-templates.ts";
import { licenseTemplate } from "./license-template.ts";
import type { Language, PluginProject } from "./plugin-project.ts";
import { pythonTemplates } from "./python-templates.ts";

/** By their paths in the project. */
export type Templates = Readonly<Record<string, string>>;

const TEMPLATES: Readonly<Record<Language, Templates>> = {
  go: goTemplates,
  python: pythonTemplates,
};

/** All files of a project, by their paths in it. */
export function projectFiles(project: PluginProject): ReadonlyMap<string, string> {
  const templates = { ...TEMPLATES[project.language], LICENSE: licenseTemplate(project.license) };
  return new Map(
    Object.entries(templates).map(([path, text]) => [path, fillTemplate(text, project)]),
  );
}
