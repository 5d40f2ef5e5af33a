/** Where commands print. */

/** The two output streams. Each call resolves once the text has left the process. */
export interface Terminal {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
}

/** The streams of this process. A reader that went away (`| head`) is not an error. */
export const processTerminal: Terminal = {
  out: (text) => writeFully(process.stdout, text),
  err: (text) => writeFully(process.stderr, text),
};

function writeFully(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error && !("code" in error && error.code === "EPIPE")) reject(error);
      else resolve();
    });
  });
}
