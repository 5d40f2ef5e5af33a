/** Counts what connections read and write: one meter for all connections of one side of a block. */
export class ByteMeter {
  /** Bytes that have come, and in how many pieces. */
  readBytes = 0;
  reads = 0;
  /** Bytes that were handed over to be sent, and in how many pieces. */
  writtenBytes = 0;
  writes = 0;

  read(byteLength: number): void {
    this.readBytes += byteLength;
    this.reads++;
  }

  wrote(byteLength: number): void {
    this.writtenBytes += byteLength;
    this.writes++;
  }
}
