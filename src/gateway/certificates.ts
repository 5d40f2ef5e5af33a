/** Certificates of a listener: read at start, and again when the files change. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import type { ServerTlsOptions } from "../net/index.ts";

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | undefined;
  readonly minVersion: "1.2" | "1.3";
}

/** How often the files are looked at. A renewed certificate is used within this time. */
const CHECK_MS = 2_000;

export class Certificates {
  readonly #files: CertificateFiles;
  readonly #logger: Logger;
  #current: ServerTlsOptions;
  #stamp: string;
  /** Why the files as they are now cannot be used; said once. */
  #failure: string | undefined;
  #timer: Timer | undefined;

  /** @throws GatewayError ERR_CONFIG_INVALID naming the file that cannot be used, and why */
  constructor(files: CertificateFiles, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    this.#stamp = stampOf(files);
    this.#current = readCertificates(files);
  }

  /** From now on files that change are noticed, until `close`. */
  watch(): void {
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  get current(): ServerTlsOptions {
    return this.#current;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Files that changed are used if they are good; bad ones are reported once and left alone. */
  #check(): void {
    try {
      const stamp = stampOf(this.#files);
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      this.#current = readCertificates(this.#files);
      this.#failure = undefined;
      this.#logger.info("TLS certificates are reloaded", { certFile: this.#files.certFile });
    } catch (thrown) {
      this.#stamp = "";
      const error = GatewayError.from(thrown);
      if (error.message === this.#failure) return;
      this.#failure = error.message;
      this.#logger.error("Failed to reload the TLS certificates, keeping the old ones", { error });
    }
  }
}

/** Changes when any of the files does. */
function stampOf({ certFile, keyFile, clientCaFile }: CertificateFiles): string {
  return [certFile, keyFile, clientCaFile]
    .filter((file) => file !== undefined)
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? "missing" : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    })
    .join(" ");
}

function readCertificates(files: CertificateFiles): ServerTlsOptions {
  const cert = readPem(files.certFile, (pem) => new X509Certificate(pem));
  const key = readPem(files.keyFile, (pem) => createPrivateKey(pem));
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    throw new GatewayError(
      "ERR_CONFIG_INVALID",
      `${files.keyFile} is not the private key of the certificate in ${files.certFile}`,
    );
  }
  const options = { cert: cert.pem, key: key.pem, minVersion: files.minVersion };
  if (files.clientCaFile === undefined) return options;
  return {
    ...options,
    clientCa: readPem(files.clientCaFile, (pem) => new X509Certificate(pem)).pem,
  };
}

function readPem<T>(file: string, parse: (pem: string) => T): { pem: string; parsed: T } {
  try {
    const pem = readFileSync(file, "utf8");
    return { pem, parsed: parse(pem) };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GatewayError("ERR_CONFIG_INVALID", `cannot use ${file}: ${reason}`, {
      cause: thrown,
    });
  }
}
