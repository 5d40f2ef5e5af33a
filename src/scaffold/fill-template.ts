import type { PluginProject } from "./plugin-project.ts";

/**
 * Puts what is known of a plugin into a text, where it says `@@name@@` and the like; `@@quoted...@@` are literals,
 * good for Go, Python, JavaScript, JSON and YAML alike.
 * @throws Error for what is not known
 */
export function fillTemplate(template: string, project: PluginProject): string {
  const values = valuesOf(project);
  return template.replaceAll(/@@(\w+)@@/g, (_, key: string) => {
    const value = values.get(key);
    if (value === undefined) throw new Error(`a template asks for ${key}`);
    return value;
  });
}

function valuesOf(project: PluginProject): ReadonlyMap<string, string> {
  const { name, remoteUrl, version, license, authors, description } = project;
  const goModule = remoteUrl.replace(/^https?:\/\//, "") || name;
  const installUrl = /^github\.com\/[^/]+\/[^/]+$/.test(goModule) ? `${goModule}@latest` : '""';
  return new Map([
    ["name", name],
    ["version", version],
    ["license", license],
    ["description", description],
    ["authors", authors.join(", ") || `the authors of ${name}`],
    ["goModule", goModule],
    ["installUrl", installUrl],
    ["metricName", name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_")],
    ["year", String(new Date().getFullYear())],
    ["quotedName", quoted(name)],
    ["quotedVersion", quoted(version)],
    ["quotedLicense", quoted(license)],
    ["quotedDescription", quoted(description)],
    ["quotedRemoteUrl", quoted(remoteUrl)],
    ["quotedAuthors", authors.map(quoted).join(", ")],
  ]);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
