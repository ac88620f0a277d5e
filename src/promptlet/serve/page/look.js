// The button for light, dark, or whatever the system says; theme.js sets it before the page is drawn.

import { $ } from "./dom.js";
import { say } from "./notice.js";

const NAME = "promptlet.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const SAID = { auto: "as the system has it", light: "light", dark: "dark" };

export function offerLook() {
  name();
  $("theme").addEventListener("click", () => {
    const look = NEXT[document.documentElement.dataset.theme ?? "auto"];
    if (look === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = look;
    try {
      localStorage.setItem(NAME, look); // plain text, as theme.js reads it
    } catch {
      // storage is switched off: the look lasts as long as the page
    }
    name();
    say(`Look: ${SAID[look]}`, { quiet: false });
  });
}

function name() {
  const look = document.documentElement.dataset.theme ?? "auto";
  $("theme-name").textContent = `Look: ${SAID[look]}`;
  $("theme").title = $("theme-name").textContent;
}
