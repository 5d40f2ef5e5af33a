/** Where the admin API is, whom to trust there, and who asks. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ConnectionOptions, PeerCertificate } from "node:tls";
import { formatIssue, loadGlobalConfig, splitHostPort } from "../../config/index.ts";
import type { ApiConfig } from "../../config/index.ts";
import type { Invocation, TextFlag } from "../command.ts";
import { configFlag } from "../flags.ts";
import { loadOptions } from "../load-options.ts";
import { ApiProblem } from "./api-problem.ts";

/** Where the gateway is asked. */
export const addressFlag: TextFlag = {
  type: "text",
  name: "address",
  description:
    "Address of the admin API, host:port or a URL; looked up in the global configuration file",
  defaultText: "localhost:18080",
  valueKind: "text",
};

const caFlag: TextFlag = {
  type: "text",
  name: "ca",
  description:
    "Authorities (PEM) that the certificate of the API is checked against, in place of the public ones",
  valueKind: "file",
};

const certFlag: TextFlag = {
  type: "text",
  name: "cert",
  description: "Certificate (PEM) that is shown to the API, in place of a token",
  valueKind: "file",
};

const keyFlag: TextFlag = {
  type: "text",
  name: "key",
  description: "Private key (PEM) of --cert",
  valueKind: "file",
};

/** What every command has that asks a gateway, and `--json` beside it. */
export const placeFlags = [addressFlag, caFlag, certFlag, keyFlag, configFlag] as const;

/** Bun takes what its types have, and this of Node's. */
type TlsTrust = BunFetchRequestInitTLS & Pick<ConnectionOptions, "allowPartialTrustChain">;

export interface ApiPlace {
  /** Without a path. */
  readonly url: string;
  /** Undefined: it is not encrypted. */
  readonly tls: TlsTrust | undefined;
}

const DEFAULT_ADDRESS = "localhost:18080";

/** @throws ApiProblem when that cannot be told, or a file cannot be read */
export function apiPlaceOf(invocation: Invocation): ApiPlace {
  const text = (flag: TextFlag): string | undefined => invocation.arguments.text(flag);
  const [ca, cert, key] = [text(caFlag), text(certFlag), text(keyFlag)];
  if ((cert === undefined) !== (key === undefined)) {
    throw new ApiProblem("--cert and --key go together");
  }
  const isEncrypted = ca !== undefined || cert !== undefined;
  const { url, trust } = whereIs(invocation, isEncrypted);
  if (!url.startsWith("https:")) {
    if (!isEncrypted) return { url, tls: undefined };
    throw new ApiProblem(`certificates need TLS, which the API at ${url} does not have`);
  }
  const trusted = ca === undefined ? trust : { ca: contentOf(ca) };
  const own = cert !== undefined &&
    key !== undefined && { cert: contentOf(cert), key: contentOf(key) };
  return { url, tls: { ...trusted, ...own } };
}

interface Found {
  readonly url: string;
  /** Whom to trust, where nothing else is said. */
  readonly trust: TlsTrust;
}

function whereIs(invocation: Invocation, isEncrypted: boolean): Found {
  const given = invocation.arguments.text(addressFlag);
  if (given !== undefined) {
    const isUrl = /^https?:\/\//.test(given);
    const url = isUrl ? given.replace(/\/+$/, "") : `${isEncrypted ? "https" : "http"}://${given}`;
    return { url, trust: {} };
  }
  const result = loadGlobalConfig(loadOptions(invocation));
  if (result.ok) return foundIn(result.config.value.api);
  const isNamed = invocation.arguments.isGiven(configFlag);
  if (result.notFound !== undefined && !isNamed) {
    return { url: `${isEncrypted ? "https" : "http"}://${DEFAULT_ADDRESS}`, trust: {} };
  }
  const errors = result.issues.filter(({ severity }) => severity === "error");
  const hint = "the configuration cannot be read; --address says where to ask without it";
  throw new ApiProblem([...errors.map(formatIssue), hint].join("\n"));
}

function foundIn({ httpAddress, certFile }: ApiConfig): Found {
  const { host, port } = splitHostPort(httpAddress) ?? { host: "localhost", port: 18_080 };
  // Listening everywhere, it listens here, too.
  const isEverywhere = host === "" || host === "0.0.0.0" || host === "::";
  const name = isEverywhere ? "localhost" : host.includes(":") ? `[${host}]` : host;
  if (certFile === "") return { url: `http://${name}:${port}`, trust: {} };
  return { url: `https://${name}:${port}`, trust: trustIn(certFile) };
}

/**
 * Whoever shows the very certificate of the file is trusted, and nobody else, whoever has signed it and whatever names are
 * in it: there may be none of this machine.
 */
function trustIn(certFile: string): TlsTrust {
  const pem = contentOf(certFile);
  const { raw } = certificateIn(certFile, pem);
  return {
    ca: pem,
    allowPartialTrustChain: true,
    checkServerIdentity: (_name: string, shown: PeerCertificate) =>
      raw.equals(shown.raw)
        ? undefined
        : new Error(`it shows another certificate than ${certFile}`),
  };
}

function certificateIn(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ApiProblem(`there is no certificate in ${file}: ${reason}`, undefined, {
      cause: thrown,
    });
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ApiProblem(`cannot read ${file}: ${reason}`, undefined, { cause: thrown });
  }
}
