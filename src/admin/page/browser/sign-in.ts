/** Asks for a token where the gateway wants one. */
import { part, setText } from "./element.ts";
import { forgetToken, storedToken, storeToken } from "./token.ts";

export class SignIn {
  readonly #dialog = part("sign-in", HTMLDialogElement);
  readonly #input = part("token", HTMLInputElement);
  readonly #error = part("sign-in-error", HTMLElement);
  readonly #button = part("token-button", HTMLButtonElement);
  readonly #changed: () => void;

  /** @param changed called when there is another token, or none any more */
  constructor(changed: () => void) {
    this.#changed = changed;
    part("sign-in-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#take(this.#input.value.trim());
    });
    this.#button.addEventListener("click", () => {
      // Who has closed the dialog may want it back.
      if (storedToken() === undefined) return this.#open();
      forgetToken();
      changed();
    });
    this.#update(false);
  }

  /** @param reason what the gateway has said */
  ask(reason: string): void {
    // Nothing was sent wrongly by somebody who has not been asked yet.
    this.#tell(storedToken() === undefined ? "" : `The gateway says: ${reason}`);
    forgetToken();
    this.#update(true);
    this.#open();
  }

  #open(): void {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  #take(token: string): void {
    if (!storeToken(token)) {
      this.#tell("A token is made of printable characters without spaces.");
      return;
    }
    this.#input.value = "";
    this.#dialog.close();
    this.#update(false);
    this.#changed();
  }

  #tell(error: string): void {
    setText(this.#error, error);
    this.#input.setAttribute("aria-invalid", String(error !== ""));
  }

  #update(isWanted: boolean): void {
    const isThere = storedToken() !== undefined;
    this.#button.hidden = !isThere && !isWanted;
    setText(this.#button, isThere ? "Forget token" : "Enter token");
  }
}
