import { join } from "node:path";
import { root } from "../repository.ts";

/** The `install.sh` of one release: it knows the version, and where the files are unless `from` is empty. */
export async function installScript(release: {
  readonly version: string;
  readonly from: string;
}): Promise<string> {
  const template = await Bun.file(join(root, "packaging", "install.sh")).text();
  return template.replaceAll("@VERSION@", release.version).replaceAll("@FROM@", release.from);
}
