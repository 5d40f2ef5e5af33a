import type { CommandGroup, RunnableCommand } from "../command.ts";
import { bashScript } from "./bash-script.ts";
import { fishScript } from "./fish-script.ts";
import { noDescriptionsFlag } from "./no-descriptions-flag.ts";
import { powershellScript } from "./powershell-script.ts";
import { zshScript } from "./zsh-script.ts";

/** `gatewayd completion`: a command for each shell, which prints that shell's script on stdout. */
export const completionCommand: CommandGroup = {
  kind: "group",
  name: "completion",
  summary: "Print the completion script of a shell",
  description: `Prints a script that makes a shell complete the commands, flags and files of gatewayd. The help of
each command says how to load it.`,
  subcommands: [
    scriptCommand(
      "bash",
      bashScript,
      `In the running shell:
  source <(gatewayd completion bash)

In every new shell (with the bash-completion package):
  mkdir -p ~/.local/share/bash-completion/completions
  gatewayd completion bash > ~/.local/share/bash-completion/completions/gatewayd`,
    ),
    scriptCommand(
      "zsh",
      zshScript,
      `In the running shell, after compinit:
  source <(gatewayd completion zsh)

In every new shell:
  gatewayd completion zsh > "\${fpath[1]}/_gatewayd"`,
    ),
    scriptCommand(
      "fish",
      fishScript,
      `In the running shell:
  gatewayd completion fish | source

In every new shell:
  mkdir -p ~/.config/fish/completions
  gatewayd completion fish > ~/.config/fish/completions/gatewayd.fish`,
    ),
    scriptCommand(
      "powershell",
      powershellScript,
      `In the running shell:
  gatewayd completion powershell | Out-String | Invoke-Expression

In every new shell: put that line into the file that $PROFILE names.`,
    ),
  ],
};

function scriptCommand(
  shell: string,
  script: (completeCommand: string) => string,
  loading: string,
): RunnableCommand {
  const summary = `Print the completion script of ${shell}`;
  return {
    kind: "runnable",
    name: shell,
    summary,
    description: `${summary}.\n\n${loading}`,
    flags: [noDescriptionsFlag],
    async run({ arguments: given, terminal }) {
      const isShort = given.isOn(noDescriptionsFlag);
      await terminal.out(script(`__complete${isShort ? ` --${noDescriptionsFlag.name}` : ""}`));
      return 0;
    },
  };
}
