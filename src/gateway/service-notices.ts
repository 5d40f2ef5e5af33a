/** What the service manager is told (sd_notify of systemd): when clients can connect, and when the gateway ends. */
import { GatewayError } from "../errors.ts";
import type { Logger } from "../logging/index.ts";
import { libc, openUnixDatagram } from "../libc/index.ts";

/** Time that stopping takes beside waiting for clients: sessions, pools and plugins, and some. */
const STOP_MARGIN_MS = 30_000;

const STATUS_MS = 5_000;

export class ServiceNotices {
  readonly #socket: string | undefined;
  readonly #logger: Logger;

  /** @param socket what NOTIFY_SOCKET says; undefined or empty: nobody is told */
  constructor(socket: string | undefined, logger: Logger) {
    this.#socket = socket === "" ? undefined : socket;
    this.#logger = logger;
    if (this.#socket === undefined) {
      logger.debug("There is no service manager to be notified: NOTIFY_SOCKET is not set");
    }
  }

  /**
   * Clients can connect.
   * @param refusal why the configuration that was read last is not in effect; undefined: it is
   */
  ready(refusal?: GatewayError): void {
    const [reason] = refusal?.message.split("\n") ?? [];
    const note = reason === undefined ? "" : `; the last reload was refused: ${reason}`;
    this.#tell(["READY=1", `STATUS=Running, process ${process.pid}${note}`]);
  }

  /** The configuration is being read again; {@link ready} tells that this is over. */
  reloading(): void {
    const now = libc()?.monotonicMicroseconds();
    this.#tell(["RELOADING=1", ...(now === undefined ? [] : [`MONOTONIC_USEC=${now}`])]);
  }

  /** Clients have so long to finish. The manager is asked to have patience for it, whatever its own limit is. */
  stopping(drainMs: number): void {
    const patienceUs = (drainMs + STOP_MARGIN_MS) * 1000;
    this.#tell([
      "STOPPING=1",
      "STATUS=Waiting for clients to finish",
      `EXTEND_TIMEOUT_USEC=${patienceUs}`,
    ]);
  }

  /** Tells from time to time how many clients are left with a gateway that another has taken over from. */
  tellingOf(clients: () => number): Disposable {
    const tell = (): void =>
      this.#tell([`STATUS=Another gateway has taken over; clients left here: ${clients()}`]);
    tell();
    const timer = setInterval(tell, STATUS_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #tell(lines: readonly string[]): void {
    if (this.#socket === undefined) return;
    try {
      tell(this.#socket, Buffer.from(`${lines.join("\n")}\n`));
    } catch (thrown) {
      const { message: reason } = GatewayError.from(thrown);
      this.#logger.warn("The service manager could not be notified", { reason });
    }
  }
}

/** @throws Error when nobody is there, or nothing is taken */
function tell(path: string, message: Uint8Array): void {
  const socket = openUnixDatagram(path);
  try {
    if (socket.send(message) !== "sent") throw new Error(`${path} takes nothing at the moment`);
  } finally {
    socket.close();
  }
}
