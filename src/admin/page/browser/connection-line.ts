/** Says whether what is shown is how things are now, and lets the reader hold it. */
import { part, setAttributes, setText } from "./element.ts";
import { clock } from "./format.ts";
import type { LiveState } from "./live.ts";

const WORDS: Readonly<Record<LiveState, string>> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost",
  locked: "Token needed",
  paused: "Paused",
  hidden: "Hidden",
};

export class ConnectionLine {
  readonly #line = part("live", HTMLElement);
  readonly #word = part("live-word", HTMLElement);
  readonly #time = part("live-time", HTMLElement);
  readonly #notice = part("notice", HTMLElement);
  readonly #pause = part("pause", HTMLButtonElement);
  #answeredMs: number | undefined;

  /** @param paused called when the reader wants it so, or not any more */
  constructor(paused: (isPaused: boolean) => void) {
    this.#pause.addEventListener("click", () => {
      const isPaused = this.#pause.getAttribute("aria-pressed") !== "true";
      this.#pause.setAttribute("aria-pressed", String(isPaused));
      paused(isPaused);
    });
  }

  /** @param nowMs on the wall clock */
  answered(nowMs: number): void {
    this.#answeredMs = nowMs;
    setText(this.#time, clock(nowMs));
  }

  show(state: LiveState, message: string): void {
    setText(this.#word, WORDS[state]);
    setAttributes(this.#line, { class: `live ${state}` });
    setAttributes(document.body, { "data-live": state });
    document.title = `${state === "lost" ? `${WORDS.lost}: ` : ""}gatewayd at ${location.host}`;
    setText(this.#notice, this.#noticeFor(state, message));
    this.#notice.hidden = this.#notice.textContent === "";
  }

  #noticeFor(state: LiveState, message: string): string {
    if (state !== "lost") return "";
    const since =
      this.#answeredMs === undefined
        ? "It has not answered yet"
        : `What is shown is from ${clock(this.#answeredMs)}`;
    return `${message}. ${since}; it is asked again every few seconds.`;
  }
}
