import { servePlugin } from "../gateway/index.ts";
import type { RunnableCommand } from "./command.ts";
import { reportUsageError } from "./report-usage-error.ts";

/** `gatewayd plugin serve`. */
export const pluginServeCommand: RunnableCommand = {
  kind: "runnable",
  name: "serve",
  summary: "Serve a plugin written in TypeScript to a gateway, as a process of its own",
  description: `Is what a gateway starts: this one, or GatewayD, in whose plugins configuration it is an executable like any
other. A gateway of this kind can also load the file itself, which is faster: see docs/plugins.md.
  plugins:
    - name: my-plugin
      localPath: /usr/local/bin/gatewayd
      args: ["plugin", "serve", "./my-plugin.ts"]
      env: ['PLUGIN_SETTINGS={"key": "value"}']
      checksum: <output of sha256sum /usr/local/bin/gatewayd>

PLUGIN_SETTINGS is what config is to a plugin inside the gateway.`,
  operands: "file",
  operandNames: ["FILE"],
  flags: [],
  async run({ arguments: { operands }, path, terminal, env }) {
    const [file, stray] = operands;
    if (file === undefined) return reportUsageError(terminal, path, "names no file");
    if (stray !== undefined) {
      return reportUsageError(terminal, path, `unexpected argument "${stray}"`);
    }
    await servePlugin({
      file,
      env,
      writeOut: (line) => void terminal.out(`${line}\n`),
      writeErr: (line) => void terminal.err(`${line}\n`),
    });
    return 0;
  },
};
