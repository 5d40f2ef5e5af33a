import { fillTemplate } from "./fill-template.ts";
import { goTemplates } from "./go-templates.ts";
import { licenseTemplate } from "./license-template.ts";
import type { Language, PluginProject } from "./plugin-project.ts";
import { pythonTemplates } from "./python-templates.ts";
import { sdkFiles } from "./sdk-files.ts";
import { typescriptTemplates } from "./typescript-templates.ts";

/** Texts and other contents, by their paths in the project. */
export type ProjectFiles = ReadonlyMap<string, string | Uint8Array>;

const TEMPLATES: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  typescript: typescriptTemplates,
  go: goTemplates,
  python: pythonTemplates,
};

/** All files of a project. */
export async function projectFiles(project: PluginProject): Promise<ProjectFiles> {
  const templates = { ...TEMPLATES[project.language], LICENSE: licenseTemplate(project.license) };
  const filled = Object.entries(templates).map(
    ([path, text]) => [path, fillTemplate(text, project)] as const,
  );
  const ready = project.language === "typescript" ? await sdkFiles() : {};
  return new Map<string, string | Uint8Array>([...filled, ...Object.entries(ready)]);
}
