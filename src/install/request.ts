import { InstallError, reasonOf } from "./install-error.ts";

/** A server that is silent for so long is given up. */
const SILENCE_MS = 60_000;

/** @throws InstallError when nothing answers; the signal's reason when it is aborted */
export async function request(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  try {
    return await fetch(url, { headers: { "user-agent": "gatewayd", ...headers }, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new InstallError(`${url} cannot be reached: ${reasonOf(error)}`);
  }
}

/**
 * The body of a short answer.
 * @throws InstallError when it is longer than `maxBytes`, or cannot be read to its end
 */
export async function textOf(url: string, response: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of response.body ?? []) {
      bytes += part.byteLength;
      if (bytes > maxBytes) throw new InstallError(`${url} is longer than ${maxBytes} bytes`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof InstallError) throw error;
    throw new InstallError(`${url} cannot be read to its end: ${reasonOf(error)}`);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Hears of the bytes so far, and of all there will be where the server tells. */
export type OnProgress = (bytes: number, totalBytes: number | undefined) => void;

/**
 * Writes what a URL answers to a file.
 * @throws InstallError when it cannot be had to its end, or is longer than `maxBytes`
 */
export async function download(
  url: string,
  path: string,
  options: { readonly signal: AbortSignal; readonly maxBytes: number; onProgress?: OnProgress },
): Promise<void> {
  const { maxBytes, onProgress } = options;
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const file = Bun.file(path).writer();
  try {
    const response = await request(url, signal);
    if (!response.ok) throw new InstallError(`${url} answers ${response.status}`);
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const totalBytes = Number.isFinite(length) ? length : undefined;
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new InstallError(`${url} is longer than ${maxBytes} bytes`);
      void file.write(chunk);
      await file.flush();
      onProgress?.(bytes, totalBytes);
    }
    if (totalBytes !== undefined && bytes < totalBytes) {
      throw new InstallError(`${url} ended after ${bytes} of ${totalBytes} bytes`);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    if (silence.signal.aborted) {
      throw new InstallError(`${url} has been silent for ${SILENCE_MS / 1000} s`);
    }
    if (error instanceof InstallError) throw error;
    throw new InstallError(`${url} cannot be read to its end: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
    await file.end();
  }
}
