/** Light or dark: as the system has it, or as the reader has chosen for this browser. */
import { part } from "./element.ts";

const KEY = "gatewayd.theme";
const THEMES = ["auto", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

/** The choice in the head of the page: a group of radio buttons. */
export function startTheme(): void {
  const choice = part("theme", HTMLFieldSetElement);
  const stored = localStorage.getItem(KEY);
  const theme = THEMES.find((one) => one === stored) ?? "auto";
  apply(theme);
  for (const radio of choice.querySelectorAll("input")) {
    radio.checked = radio.value === theme;
    radio.addEventListener("change", () => {
      const chosen = THEMES.find((one) => one === radio.value) ?? "auto";
      localStorage.setItem(KEY, chosen);
      apply(chosen);
    });
  }
}

/** The rest is a matter of the style sheet. */
function apply(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
