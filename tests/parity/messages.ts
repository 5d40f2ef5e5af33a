/** Messages of a client, in the few words that cases are written in. */
import { FrontendWriter } from "../../src/postgres/index.ts";
import { frontendMessage } from "../kit/index.ts";

/** How values of a Bind are written; by default everything is text. */
export interface BindOptions {
  readonly portal?: string;
  /** 0 is text, 1 binary; one for all, or one each. */
  readonly formats?: readonly number[];
  /** The same for the columns of the result. */
  readonly results?: readonly number[];
}

export type BoundValue = Uint8Array | string | null;

export const query = (text: string): Uint8Array => new FrontendWriter().query(text).take();

export const parse = (name: string, text: string, types: readonly number[] = []): Uint8Array =>
  new FrontendWriter().parse({ name, text, parameterTypes: types }).take();

export function bind(
  statement: string,
  values: readonly BoundValue[] = [],
  { portal = "", formats = [], results = [] }: BindOptions = {},
): Uint8Array {
  const fields = { portal, statement, parameterFormats: formats, values, resultFormats: results };
  return new FrontendWriter().bind(fields).take();
}

export const describeStatement = (name: string): Uint8Array =>
  new FrontendWriter().describe({ kind: "statement", name }).take();

export const describePortal = (name = ""): Uint8Array =>
  new FrontendWriter().describe({ kind: "portal", name }).take();

export const execute = (portal = "", maxRows = 0): Uint8Array =>
  new FrontendWriter().execute({ portal, maxRows }).take();

export const closeStatement = (name: string): Uint8Array =>
  new FrontendWriter().close({ kind: "statement", name }).take();

export const closePortal = (name: string): Uint8Array =>
  new FrontendWriter().close({ kind: "portal", name }).take();

export const sync = (): Uint8Array => new FrontendWriter().sync().take();

export const flush = (): Uint8Array => new FrontendWriter().flush().take();

export const terminate = (): Uint8Array => new FrontendWriter().terminate().take();

export const copyData = (data: Uint8Array | string): Uint8Array => frontendMessage("d", data);

export const copyDone = (): Uint8Array => new FrontendWriter().copyDone().take();

export const copyFail = (reason: string): Uint8Array => frontendMessage("f", `${reason}\0`);

/** Parse, Bind, Describe and Execute of the unnamed statement: what drivers send for a query with values. */
export function extended(
  text: string,
  values: readonly BoundValue[] = [],
  options: BindOptions & { readonly types?: readonly number[] } = {},
): readonly Uint8Array[] {
  return [
    parse("", text, options.types),
    bind("", values, options),
    describePortal(options.portal),
    execute(options.portal),
  ];
}

/** A FunctionCall: every argument in one format, the result in another. */
export function functionCall(
  functionOid: number,
  values: readonly BoundValue[],
  { format = 0, result = 0 }: { readonly format?: number; readonly result?: number } = {},
): Uint8Array {
  const parts = [uint32(functionOid), uint16(1), uint16(format), uint16(values.length)];
  for (const value of values) {
    if (value === null) {
      parts.push(uint32(0xffff_ffff));
    } else {
      const bytes = Buffer.from(value);
      parts.push(uint32(bytes.length), bytes);
    }
  }
  parts.push(uint16(result));
  return frontendMessage("F", Buffer.concat(parts));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
