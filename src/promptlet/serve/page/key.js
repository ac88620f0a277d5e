// Asks for the server's API key; it is kept for this tab only.

import { rememberKey } from "./api.js";
import { $ } from "./dom.js";

// Returns whether a key was entered. `problem` is what was wrong with the last one.
export function askForKey(problem = "") {
  const dialog = $("key");
  tell(problem);
  $("key-entry").value = "";
  if (!dialog.open) dialog.showModal();
  $("key-entry").focus();
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = (entered) => {
      done.abort();
      dialog.close();
      resolve(entered);
    };
    const listen = (id, event, act) => $(id).addEventListener(event, act, { signal: done.signal });
    listen("key-form", "submit", (event) => {
      event.preventDefault();
      const wrong = rememberKey($("key-entry").value.trim());
      if (!wrong) return end(true);
      tell(wrong);
      $("key-entry").select();
    });
    listen("key-cancel", "click", () => end(false));
    listen("key", "cancel", () => end(false));
  });
}

function tell(problem) {
  $("key-problem").textContent = problem;
  $("key-problem").hidden = !problem;
}
