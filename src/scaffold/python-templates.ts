import gitignore from "./templates/python/gitignore.tmpl" with { type: "text" };
import helper from "./templates/python/gatewayd_plugin.py" with { type: "text" };
import main from "./templates/python/main.py.tmpl" with { type: "text" };
import pluginYaml from "./templates/python/gatewayd_plugin.yaml.tmpl" with { type: "text" };
import readme from "./templates/python/README.md.tmpl" with { type: "text" };
import requirements from "./templates/python/requirements.txt.tmpl" with { type: "text" };
import testMain from "./templates/python/test_main.py.tmpl" with { type: "text" };

/** A plugin in Python, with the module that makes a plugin of a Python program. */
export const pythonTemplates = {
  "main.py": main,
  "gatewayd_plugin.py": helper,
  "test_main.py": testMain,
  "requirements.txt": requirements,
  "README.md": readme,
  "gatewayd_plugin.yaml": pluginYaml,
  ".gitignore": gitignore,
} as const;
