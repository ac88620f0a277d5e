// Under free words: what the server takes them for, so that it can be mended before anything is written.

import { reading } from "./api.js";
import { $, element, hue } from "./dom.js";
import { cleaned } from "./intent.js";

const WAIT_MS = 400; // longer than between two letters
const MOST_ANSWERS = 30;

// Returns lines about free words that were no ideas; they stand above the prompts too.
export function lines({ keep = [], ban = [], unread = [], untaught = [] }) {
  return [
    ["Never said", ban],
    ["Kept as it is", keep],
    ["Has no effect", unread],
    ["Not known to the model, which knows plain English; it only puts in", untaught],
  ]
    .filter(([, words]) => words.length)
    .map(([name, words]) => element("p", { class: "read" }, `${name}: `, element("span", { class: "told" }, words.join(", "))));
}

export class Reading {
  #timer = 0;
  #asked = null; // the request on its way
  #answers = new Map(); // task and text -> what was read, the oldest first

  // `task()` names the task.
  constructor(field, task) {
    Object.assign(this, { field, task });
    field.addEventListener("input", () => this.later());
  }

  // Shows what is read in the words as soon as their writer pauses.
  later() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    if (!this.#text) return this.#show();
    const known = this.#answers.get(this.#question);
    if (known) this.#show(known);
    else this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
  }

  // Returns what is read in the words, or null if the server does not tell.
  async read() {
    return this.#answers.get(this.#question) ?? (await this.#ask());
  }

  get #text() {
    return cleaned(this.field.value);
  }

  get #question() {
    return JSON.stringify([this.task(), this.#text]);
  }

  async #ask() {
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    const question = this.#question;
    try {
      const found = await reading(this.#text, this.task(), asked.signal);
      this.#answers.set(question, found);
      if (this.#answers.size > MOST_ANSWERS) this.#answers.delete(this.#answers.keys().next().value);
      if (!asked.signal.aborted) this.#show(found);
      return found;
    } catch (error) {
      // It is a help; writing goes on without it, and tells what else is wrong.
      if (!asked.signal.aborted) this.#show(null, error.kind === "wrong" ? error.message : "");
      return null;
    }
  }

  #show(found = null, message = "") {
    const shown = found ? this.#lines(found) : [];
    if (message) shown.push(element("p", {}, message));
    $("reading").replaceChildren(...shown);
  }

  #lines(found) {
    const wishes = found.intents.map(({ kind, value }) =>
      element("li", { class: "wish", "data-kind": hue(kind) }, element("span", { class: "kind" }, kind), " ", value),
    );
    return [element("ul", { class: "wishes", role: "list", "aria-label": "Read as" }, ...wishes), ...lines(found)];
  }
}
