// What the page says when something is slow, busy, wrong or missing: what happened, and what helps.

import { $, button, element } from "./dom.js";

export function clear() {
  $("notice").hidden = true;
  $("notice").replaceChildren();
}

// `actions` are [text, what it does] pairs. Only trouble interrupts a screen reader.
export function show(title, text, { actions = [], tone = "calm" } = {}) {
  const made = actions.map(([name, act]) => button(name, null, act));
  const notice = $("notice");
  notice.className = `notice ${tone}`;
  notice.replaceChildren(element("p", { role: tone === "trouble" ? "alert" : "status" }, element("strong", {}, title), " ", text), ...made);
  notice.hidden = false;
}

let hushing = 0;

// A few words for everyone, screen readers too.
export function say(text, { quiet = true } = {}) {
  clearTimeout(hushing);
  $("toast").textContent = text;
  $("toast").classList.toggle("shown", !quiet);
  hushing = setTimeout(() => $("toast").classList.remove("shown"), 2600);
}
