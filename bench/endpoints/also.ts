import { connect } from "node:net";
import { dirname } from "node:path";
import { freePort, startProcess, waitFor } from "../../tests/kit/index.ts";
import type { EndpointKind } from "./endpoint.ts";

/** A program given on the command line, such as a bare relay. */
export interface AlsoEndpoint {
  readonly name: string;
  /** With `{port}`, `{listen}`, `{serverPort}` and `{server}` in it. */
  readonly command: readonly [string, ...string[]];
}

/** Reads `name=program argument ...`. @throws when there is no name or no program. */
export function parseAlso(text: string): AlsoEndpoint {
  const [, name, command] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  const [program, ...args] = command?.trim().split(/\s+/) ?? [];
  if (name === undefined || program === undefined || program === "") {
    throw new Error(`--also: "${text}" is not name=program argument ...`);
  }
  return { name, command: [program, ...args] };
}

/** Runs it from the top of the repository until its port takes connections. */
export function alsoEndpoint({ name, command }: AlsoEndpoint): EndpointKind {
  return {
    name,
    isPooling: false,
    version: "",
    async start({ serverPort }) {
      const port = await freePort();
      const values: Readonly<Record<string, string>> = {
        port: String(port),
        listen: `127.0.0.1:${port}`,
        serverPort: String(serverPort),
        server: `127.0.0.1:${serverPort}`,
      };
      const fill = (word: string): string =>
        word.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
      const [program, ...args] = command;
      const child = await startProcess([fill(program), ...args.map(fill)], {
        cwd: dirname(dirname(import.meta.dir)),
      });
      try {
        await waitFor(`${name} to listen on port ${port}`, () => takesConnections(port));
      } catch (error) {
        const output = child.output(20);
        await child[Symbol.asyncDispose]();
        throw new Error(`${name} could not be started: ${output}`, { cause: error });
      }
      return {
        host: "127.0.0.1",
        port,
        pid: child.pid,
        [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
      };
    },
  };
}

async function takesConnections(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
