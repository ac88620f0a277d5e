// What was asked for before, in this browser only: a list that brings an order and its prompts back.

import { $, button, element, hue, parted, plural } from "./dom.js";
import { listed, parse } from "./intent.js";
import { lengthName } from "./length.js";
import { lasting } from "./storage.js";

const NAME = "history";
const MOST = 40;

const entries = () => lasting.get(NAME) ?? [];

// Writes an entry {at, request, prompts}, in place of one with the same time; the newest stands first.
export function keep(entry) {
  const others = entries().filter((each) => each.at !== entry.at);
  let all = [entry, ...others].slice(0, MOST);
  while (!lasting.set(NAME, all) && all.length > 1) all = all.slice(0, Math.ceil(all.length / 2)); // the storage is full
}

export class History {
  constructor({ open, nameOf }) {
    Object.assign(this, { open, nameOf, sheet: $("history") });
    $("open-history").addEventListener("click", () => this.show());
    $("close-history").addEventListener("click", () => this.sheet.close());
    $("clear-history").addEventListener("click", () => this.#forget(() => false));
    this.sheet.addEventListener("click", (event) => {
      if (event.target === this.sheet) this.sheet.close(); // beside the sheet
    });
  }

  show() {
    this.#draw();
    this.sheet.showModal();
  }

  #forget(stays) {
    lasting.set(NAME, entries().filter(stays));
    this.#draw();
  }

  #draw() {
    const all = entries();
    $("entries").replaceChildren(...all.map((entry) => this.#row(entry)));
    $("clear-history").hidden = !all.length;
    $("history-note").textContent = all.length ? "Kept in this browser only." : "Nothing yet. What you ask for is kept here, in this browser only.";
  }

  #row(entry) {
    const { request, prompts, at } = entry;
    const wishes = listed(request.intents).map((wish) => {
      const { kind, value } = parse(wish);
      return element("span", { class: "wish", "data-kind": hue(kind) }, value);
    });
    const take = () => {
      this.sheet.close();
      this.open(entry);
    };
    const facts = parted(when(at), this.nameOf(request.task), request.words && lengthName(request.words), plural(prompts.length, "prompt"));
    const open = element(
      "button",
      { type: "button", class: "entry", click: take },
      element("span", { class: "wishes" }, ...wishes),
      element("span", { class: "first" }, prompts[0]?.prompt.prompt ?? ""),
      element("span", { class: "facts parted" }, ...facts),
    );
    const forget = button("", "close", () => this.#forget((each) => each.at !== at), { class: "quiet bare", "aria-label": "Forget this one" });
    return element("li", {}, open, forget);
  }
}

function when(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}
