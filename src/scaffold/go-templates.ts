import gitignore from "./templates/go/gitignore.tmpl" with { type: "text" };
import goMod from "./templates/go/go.mod.tmpl" with { type: "text" };
import goSum from "./templates/go/go.sum.tmpl" with { type: "text" };
import main from "./templates/go/main.go.tmpl" with { type: "text" };
import makefile from "./templates/go/Makefile.tmpl" with { type: "text" };
import metrics from "./templates/go/metrics.go.tmpl" with { type: "text" };
import module from "./templates/go/module.go.tmpl" with { type: "text" };
import pluginTest from "./templates/go/plugin_test.go.tmpl" with { type: "text" };
import plugin from "./templates/go/plugin.go.tmpl" with { type: "text" };
import pluginYaml from "./templates/go/gatewayd_plugin.yaml.tmpl" with { type: "text" };
import readme from "./templates/go/README.md.tmpl" with { type: "text" };
import release from "./templates/go/release.yaml.tmpl" with { type: "text" };

/** A plugin in Go, on the public SDK for Go. */
export const goTemplates = {
  "main.go": main,
  "plugin/module.go": module,
  "plugin/plugin.go": plugin,
  "plugin/plugin_test.go": pluginTest,
  "plugin/metrics.go": metrics,
  "go.mod": goMod,
  "go.sum": goSum,
  Makefile: makefile,
  "README.md": readme,
  "gatewayd_plugin.yaml": pluginYaml,
  ".gitignore": gitignore,
  ".github/workflows/release.yaml": release,
} as const;
