/**
 * pg_hba.conf: `local|host|hostssl|hostnossl  databases  users  [address [mask]]  method`
 * (PostgreSQL manual, 20.1). What the gateway cannot do is a problem that names its line, never ignored:
 * a rule left out would let another one admit its clients.
 */
import type { FileProblem } from "../file-problem.ts";
import { type HbaField, hbaFields, type HbaToken } from "./hba-tokens.ts";
import { parseMaskedNetwork, parseNetwork } from "./ip-address.ts";
import type { DatabasePattern, LoginRule, Origin, UserPattern } from "./login-rule.ts";

export interface HbaFile {
  /** Empty if there are problems. */
  readonly rules: readonly LoginRule[];
  readonly problems: readonly FileProblem[];
}

/** Types of lines and what they say of TLS. */
const TLS_BY_TYPE = new Map<string, LoginRule["tls"]>([
  ["local", "any"],
  ["host", "any"],
  ["hostssl", true],
  ["hostnossl", false],
]);

const METHODS: ReadonlyMap<string, LoginRule["method"]> = new Map([
  ["trust", "trust"],
  ["reject", "reject"],
  ["md5", "md5"],
  ["scram-sha-256", "scram-sha-256"],
  ["password", "cleartext"],
  ["cert", "cert"],
]);

const EVERY_IP: readonly Origin[] = ["0.0.0.0/0", "::/0"].map(parseNetwork).flatMap(toOrigins);

/** Reads the text of such a file. Says all that is wrong, one problem for a line. */
export function readHbaFile(text: string, fileName: string): HbaFile {
  const rules: LoginRule[] = [];
  const problems: FileProblem[] = [];
  for (const { line, number } of logicalLines(text)) {
    try {
      const fields = hbaFields(line);
      if (fields === undefined) throw new LineFault(1, "a quote is not closed");
      if (fields.length > 0) rules.push(readLine(fields, `${fileName}:${number}`));
    } catch (fault) {
      if (!(fault instanceof LineFault)) throw fault;
      problems.push({ line: number, column: fault.column, message: fault.message });
    }
  }
  return { rules: problems.length === 0 ? rules : [], problems };
}

/** Why a line is no rule for us; does not leave this file. */
class LineFault extends Error {
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

/** Lines, those that end with a backslash joined with the next; numbered by their first. */
function logicalLines(text: string): readonly { readonly line: string; readonly number: number }[] {
  const lines: { line: string; number: number }[] = [];
  let isContinued = false;
  text.split(/\r?\n/).forEach((written, index) => {
    const last = lines.at(-1);
    const part = written.replace(/\\$/, "");
    if (isContinued && last !== undefined) last.line += part;
    else lines.push({ line: part, number: index + 1 });
    isContinued = part !== written;
  });
  return lines;
}

function readLine(fields: readonly HbaField[], place: string): LoginRule {
  const [type, databases, users, ...rest] = fields;
  const typeWord = single(type, "the type of the connection");
  const tls = TLS_BY_TYPE.get(typeWord.text);
  if (tls === undefined) {
    throw new LineFault(
      columnOf(type),
      `${quote(typeWord)} lines are not supported: only local, host, hostssl and hostnossl`,
    );
  }
  const isLocal = typeWord.text === "local";
  const databasePatterns = patterns(databases, "a database", databaseOf);
  const userPatterns = patterns(users, "a user", userOf);
  const { from, used } = isLocal ? { from: [LOCAL], used: 0 } : readOrigin(rest);
  const [methodField, ...options] = rest.slice(used);
  const methodWord = single(methodField, "the method");
  const method = METHODS.get(methodWord.text);
  if (method === undefined) {
    throw new LineFault(
      columnOf(methodField),
      `the method ${quote(methodWord)} is not supported: only ${[...METHODS.keys()].join(", ")}`,
    );
  }
  const [option] = options;
  if (option !== undefined) {
    const [word] = option.tokens;
    throw new LineFault(option.column, `the option ${quote(word)} is not supported`);
  }
  if (method === "cert" && tls !== true) {
    throw new LineFault(columnOf(methodField), "the method cert is for hostssl lines only");
  }
  return { from, users: userPatterns, databases: databasePatterns, tls, method, place };
}

const LOCAL: Origin = { kind: "local" };

/** The address, and the mask if it is a field of its own; `used` counts the fields. */
function readOrigin(fields: readonly HbaField[]): { from: readonly Origin[]; used: number } {
  const [addressField, maskField] = fields;
  const address = single(addressField, "the address");
  if (address.text === "all" && !address.isQuoted) return { from: EVERY_IP, used: 1 };
  const fault = (message: string): LineFault => new LineFault(columnOf(addressField), message);
  if (address.text.includes("/")) {
    const network = parseNetwork(address.text);
    if (network === undefined) throw fault(`${quote(address)} is no network`);
    return { from: toOrigins(network), used: 1 };
  }
  if (parseNetwork(address.text) === undefined) {
    throw fault(`the address ${quote(address)} is not supported: only networks and all`);
  }
  const mask = single(maskField, "the mask of the address");
  const network = parseMaskedNetwork(address.text, mask.text);
  if (network === undefined) throw fault(`${quote(mask)} is no mask for ${quote(address)}`);
  return { from: toOrigins(network), used: 2 };
}

function toOrigins(network: ReturnType<typeof parseNetwork>): Origin[] {
  return network === undefined ? [] : [{ kind: "network", network }];
}

function databaseOf(token: HbaToken): DatabasePattern | string {
  const { text } = token;
  if (!token.isQuoted) {
    if (text === "all") return { kind: "anyDatabase" };
    if (text === "sameuser") return { kind: "sameUser" };
    if (text === "replication") return { kind: "replication" };
    if (text === "samerole" || text === "samegroup") return `${text} needs the database's roles`;
  }
  return unsupportedName(token) ?? { kind: "named", name: text };
}

function userOf(token: HbaToken): UserPattern | string {
  if (!token.isQuoted && token.text === "all") return { kind: "any" };
  if (!token.isQuoted && token.text.startsWith("+")) {
    return `members of a role (${quote(token)}) need the database's roles`;
  }
  return unsupportedName(token) ?? { kind: "named", name: token.text };
}

function unsupportedName(token: HbaToken): string | undefined {
  if (token.isQuoted) return undefined;
  if (token.text.startsWith("@")) return `names from a file (${quote(token)})`;
  return token.text.startsWith("/") ? `a regular expression (${quote(token)})` : undefined;
}

/** The patterns of a list; a text in place of one says why it is not supported. */
function patterns<P extends object>(
  field: HbaField | undefined,
  what: string,
  patternOf: (token: HbaToken) => P | string,
): readonly P[] {
  if (field === undefined) throw new LineFault(1, `the line ends before ${what}`);
  return field.tokens.map((token) => {
    const pattern = patternOf(token);
    if (typeof pattern === "string") {
      throw new LineFault(field.column, `${what} cannot be given so: ${pattern}`);
    }
    return pattern;
  });
}

function single(field: HbaField | undefined, what: string): HbaToken {
  const [token, ...more] = field?.tokens ?? [];
  if (token === undefined) throw new LineFault(1, `the line ends before ${what}`);
  if (more.length > 0) throw new LineFault(columnOf(field), `${what} cannot be a list`);
  return token;
}

function columnOf(field: HbaField | undefined): number {
  return field?.column ?? 1;
}

function quote(token: HbaToken | undefined): string {
  return JSON.stringify(token?.text ?? "");
}
