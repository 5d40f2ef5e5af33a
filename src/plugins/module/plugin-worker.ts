/** The program of a worker that runs one plugin. It says what it has to say to the thread that made it. */
import { WorkerSide } from "./worker-side.ts";
import type { ToWorker } from "./worker-messages.ts";

declare const self: Worker;

const side = new WorkerSide((message) => self.postMessage(message));
self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => side.hear(data));
