/**
 * The file of a listening unix socket. One that may take over from another process is bound under another name of the
 * same folder first and then given its own in one step: whoever connects meanwhile finds either the socket that was
 * there before or this one, and never none.
 */
import { chmodSync, renameSync, statSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** Tells apart those that one process makes at the same time. */
let made = 0;

export class SocketFile {
  /** Where clients find it. */
  readonly path: string;
  /** Where it is bound. */
  readonly boundAs: string;
  #inode: number | undefined;

  private constructor(path: string, boundAs: string) {
    this.path = path;
    this.boundAs = boundAs;
  }

  /**
   * @param takesOver it may be that of another process, which then has no new clients any more
   * @throws Error when another process listens there, or the file is no socket
   */
  static async claim(path: string, takesOver: boolean): Promise<SocketFile> {
    const present = statSync(path, { throwIfNoEntry: false });
    if (present !== undefined) {
      if (!present.isSocket()) throw new Error("the file is there, and is no socket");
      if (!takesOver) {
        if (await answers(path)) throw new Error("another process listens on this socket");
        unlinkSync(path);
      }
    }
    if (!takesOver) return new SocketFile(path, path);
    made += 1;
    return new SocketFile(path, join(dirname(path), `.g${process.pid}-${made}`));
  }

  /** What was bound is found by clients from now on. @param mode its permissions; default as they are */
  place(mode?: number): void {
    if (mode !== undefined) chmodSync(this.boundAs, mode);
    this.#inode = statSync(this.boundAs).ino;
    if (this.boundAs !== this.path) renameSync(this.boundAs, this.path);
  }

  /** Another process has put its own in the place. */
  get isTakenOver(): boolean {
    const inode = inodeOfSocket(this.path);
    return inode !== undefined && inode !== this.#inode;
  }

  /** Unless it is another process' by now. */
  remove(): void {
    if (this.#inode !== undefined && inodeOfSocket(this.path) === this.#inode) {
      unlinkSync(this.path);
    }
    this.#inode = undefined;
  }
}

/** Undefined when there is none, or the place cannot be looked at any more. */
function inodeOfSocket(path: string): number | undefined {
  try {
    const present = statSync(path);
    return present.isSocket() ? present.ino : undefined;
  } catch {
    return undefined;
  }
}

async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}
