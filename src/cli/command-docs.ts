import {
  type Command,
  type CommandPath,
  commandAt,
  extendPath,
  type Flag,
  flagsOf,
  pathName,
  subcommandsOf,
  visiblePaths,
} from "./command.ts";
import { flagDescription, usageLine } from "./help-text.ts";

/** The command reference: Markdown by file name, one file for each command that is not hidden. */
export function commandDocs(root: Command): ReadonlyMap<string, string> {
  return new Map(visiblePaths([root]).map((path) => [fileName(path), page(path)]));
}

/** `gatewayd config init` is `gatewayd-config-init.md`. */
function fileName(path: CommandPath): string {
  return `${pathName(path).replaceAll(" ", "-")}.md`;
}

function page(path: CommandPath): string {
  const command = commandAt(path);
  const sections = [
    `# ${pathName(path)}`,
    fenceExamples(command.description ?? `${command.summary}.`),
    `\`\`\`text\n${usageLine(path)}\n\`\`\``,
  ];
  const subcommands = subcommandsOf(command).filter((subcommand) => subcommand.isHidden !== true);
  if (subcommands.length > 0) {
    const items = subcommands.map((subcommand) => {
      const below = extendPath(path, subcommand);
      return `- [${pathName(below)}](${fileName(below)}): ${subcommand.summary}`;
    });
    sections.push("## Commands", items.join("\n"));
  }
  sections.push("## Flags", flagsOf(command).map(flagItem).join("\n"));
  const parent = parentOf(path);
  if (parent !== undefined) sections.push(`Part of [${pathName(parent)}](${fileName(parent)}).`);
  return `${sections.join("\n\n")}\n`;
}

/** What a description indents is an example: a block of its own in Markdown. */
function fenceExamples(description: string): string {
  return description
    .replaceAll(/\n((?: {2}.*(?:\n|$))+)/g, (_, lines: string) => {
      const example = lines.trimEnd().replaceAll(/^ {2}/gm, "");
      return `\n\n\`\`\`text\n${example}\n\`\`\`\n`;
    })
    .trimEnd();
}

function flagItem(flag: Flag): string {
  const value = flag.type === "text" ? ` <${flag.valueKind}>` : "";
  const letter = flag.short === undefined ? "" : `\`-${flag.short}\`, `;
  return `- ${letter}\`--${flag.name}${value}\`: ${flagDescription(flag)}`;
}

function parentOf([root, ...rest]: CommandPath): CommandPath | undefined {
  return rest.length === 0 ? undefined : [root, ...rest.slice(0, -1)];
}
