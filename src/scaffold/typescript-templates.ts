import bunfig from "./templates/typescript/bunfig.toml.tmpl" with { type: "text" };
import gitignore from "./templates/typescript/gitignore.tmpl" with { type: "text" };
import packageJson from "./templates/typescript/package.json.tmpl" with { type: "text" };
import plugin from "./templates/typescript/plugin.ts.tmpl" with { type: "text" };
import pluginTest from "./templates/typescript/plugin.test.ts.tmpl" with { type: "text" };
import pluginYaml from "./templates/typescript/gatewayd_plugin.yaml.tmpl" with { type: "text" };
import provide from "./templates/typescript/provide.js.tmpl" with { type: "text" };
import readme from "./templates/typescript/README.md.tmpl" with { type: "text" };
import tsconfig from "./templates/typescript/tsconfig.json.tmpl" with { type: "text" };

/** A plugin in TypeScript, a module that runs inside the gateway. */
export const typescriptTemplates = {
  "plugin.ts": plugin,
  "plugin.test.ts": pluginTest,
  "package.json": packageJson,
  "tsconfig.json": tsconfig,
  "bunfig.toml": bunfig,
  "sdk/provide.js": provide,
  "README.md": readme,
  "gatewayd_plugin.yaml": pluginYaml,
  ".gitignore": gitignore,
} as const;
