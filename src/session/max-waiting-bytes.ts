/** A client that waits may have sent this much; then it is not read from any more. */
export const MAX_WAITING_BYTES = 64 * 1024;
