import { readConfigFiles } from "../config/index.ts";
import type { ConfigFiles, FoundFile, LoadOptions } from "../config/index.ts";

/** How and from which files to load. */
export type ReadOptions = LoadOptions & { readonly files: ConfigFiles };

/**
 * The files that a gateway is configured by, found when they are read first, and read again at each reload: the same
 * ones, whatever else has come to have a usual name. One that is gone then, or has nothing in it any more, is an error:
 * what has emptied it (an editor on a full disk, a pipe that was read before) did not mean the defaults.
 */
export class GatewayFiles {
  readonly #options: LoadOptions;
  #first: ConfigFiles | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  read(step?: LoadOptions["step"]): ReadOptions {
    const first = this.#first;
    const options = {
      ...this.#options,
      ...(first?.global.kind === "found" && { configPath: first.global.path }),
      ...(first?.plugins.kind === "found" && { pluginConfigPath: first.plugins.path }),
    };
    const files = readConfigFiles({ ...options, step });
    this.#first ??= files;
    return {
      ...options,
      files: {
        global: expectText(files.global, first?.global),
        plugins: expectText(files.plugins, first?.plugins),
      },
    };
  }
}

function expectText(file: FoundFile, first: FoundFile | undefined): FoundFile {
  const wasEmpty = first?.kind !== "found" || isEmpty(first.text);
  if (wasEmpty || file.kind !== "found" || !isEmpty(file.text)) return file;
  const message = "is empty, and was not at the start";
  return {
    kind: "unreadable",
    issue: { severity: "error", file: file.path, path: "", message },
  };
}

function isEmpty(text: string): boolean {
  return text.trim() === "";
}
