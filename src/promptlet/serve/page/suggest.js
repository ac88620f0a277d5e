// Suggestions under the field of ideas: the combobox pattern of ARIA, filled by the server.

import { suggestions } from "./api.js";
import { $, element, hue } from "./dom.js";
import { cleaned, split } from "./intent.js";

const WAIT_MS = 250; // longer than between two letters
const MOST_ANSWERS = 60;
const PATIENCE_MS = 1000;
const LONGEST_LOOKUP_MS = 10_000;
// Kinds that say how a thing is shown: "cozy" is a mood, also where it is the first idea.
const HOW = ["Style", "Mood", "Color", "Lighting", "Composition", "Material", "Typography", "Tone", "Design type"];

const named = (each, value) => each.value.toLowerCase() === cleaned(value).toLowerCase();

export class Suggest {
  #asked = null; // the request on its way
  #timer = 0;
  #active = -1;
  #options = [];
  #answers = new Map(); // what was asked -> what was found, the oldest first
  #settling = Promise.resolve(); // until all ideas that were written have their kinds

  // `sentences` takes an idea that is more than one.
  constructor(chips, sentences, task) {
    Object.assign(this, { chips, sentences, task, input: chips.input, list: $("suggestions") });
    this.input.addEventListener("input", () => this.#later());
    this.input.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
    this.input.addEventListener("blur", () => this.close());
    chips.addEventListener("untyped", ({ detail: idea }) => {
      const given = idea.kind;
      const looking = this.#lookUp(idea.value); // one after the other they would take too long
      const reading = sentences.read(idea);
      this.#settling = this.#settling.then(async () => {
        if (!sentences.take(idea, given, await reading)) this.#settle(idea, given, await looking);
      });
    });
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#take(Number(option.dataset.index));
    });
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    this.#options = [];
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#mark(-1);
  }

  #later() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    if (!this.input.value.trim() || this.chips.full) return this.close();
    const { kind, value } = split(this.input.value, this.chips.kinds);
    const known = this.#known(value, kind);
    if (known) return this.#show(known, kind, value);
    // Until the server answers, what it said of another text must not be taken for this one by Enter.
    const still = ({ kind: its, value: name }) => (!kind || its === kind) && name.toLowerCase().includes(value.toLowerCase());
    this.#show(this.#options.filter(still), kind, value);
    this.#timer = setTimeout(() => this.#ask(value, kind), WAIT_MS);
  }

  // Returns when all ideas that were written have their kinds, or the server takes too long to tell them.
  settled() {
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    return Promise.race([this.#settling, patience]);
  }

  async #lookUp(value) {
    const signal = AbortSignal.timeout(LONGEST_LOOKUP_MS);
    return this.#answers.get(this.#question(value, null)) ?? (await suggestions({ prefix: value, task: this.task() }, signal).catch(() => []));
  }

  // Gives an idea that was written without a kind the one that it has in the graph, if its writer chose none meanwhile.
  // Ideas take turns in the order in which they were written: which is the topic depends on those before.
  #settle(idea, given, found) {
    const kind = this.#kindOf(idea.value, found, idea);
    if (idea.kind === given && kind !== given) this.chips.setKind(idea, kind);
  }

  // The kind of a text, beside the ideas that there are already.
  #kindOf(value, found, idea = null) {
    const kinds = found.filter((each) => named(each, value)).map((each) => each.kind);
    const usual = this.chips.usualKind(idea);
    const [topic] = this.chips.kinds;
    if (!this.chips.hasTopic(idea)) return kinds.includes(topic) ? topic : (kinds.find((kind) => HOW.includes(kind)) ?? topic);
    const others = kinds.filter((kind) => kind !== topic);
    return others.includes(usual) ? usual : (others[0] ?? usual);
  }

  // What the server said already: about this text, or that there is nothing that begins as it does.
  #known(value, kind) {
    const exact = this.#answers.get(this.#question(value, kind));
    if (exact) return exact;
    for (let end = 1; end < value.length; end += 1) {
      const found = this.#answers.get(this.#question(value.slice(0, end), kind));
      if (found?.length === 0) return found;
    }
    return null;
  }

  #question(value, kind) {
    return JSON.stringify([this.task(), kind, cleaned(value).toLowerCase()]);
  }

  async #ask(value, kind) {
    const asked = (this.#asked = new AbortController());
    const question = this.#question(value, kind);
    try {
      const found = await suggestions({ prefix: value, kind, task: this.task() }, asked.signal);
      this.#answers.set(question, found);
      if (this.#answers.size > MOST_ANSWERS) this.#answers.delete(this.#answers.keys().next().value);
      if (!asked.signal.aborted) this.#show(found, kind, value);
    } catch {
      if (!asked.signal.aborted) this.close(); // suggestions are a help; writing goes on without them
    }
  }

  #show(found, kind, value) {
    const taken = new Set(this.chips.values.map((each) => `${each.kind}: ${each.value}`.toLowerCase()));
    this.#options = found.filter((each) => !taken.has(each.intent.toLowerCase()));
    this.list.replaceChildren(...this.#options.map((each, index) => this.#option(each, index, value)));
    const nothing = !this.#options.length || this.chips.full;
    this.list.hidden = nothing;
    this.input.setAttribute("aria-expanded", String(!nothing));
    // Enter takes the option that has the kind which the idea would get without.
    const likely = kind ?? this.#kindOf(value, found);
    this.#mark(value ? this.#options.findIndex((each) => each.kind === likely && named(each, value)) : -1);
  }

  #option({ kind, value }, index, typed) {
    const at = value.toLowerCase().indexOf(typed.toLowerCase());
    const end = at + typed.length;
    const name = at < 0 || !typed ? [value] : [value.slice(0, at), element("b", {}, value.slice(at, end)), value.slice(end)];
    return element(
      "li",
      { id: `suggestion-${index}`, role: "option", "data-index": index, "data-kind": hue(kind), "aria-selected": "false" },
      element("span", { class: "value" }, ...name),
      element("span", { class: "kind" }, kind),
    );
  }

  #mark(index) {
    this.#active = index;
    for (const [at, option] of [...this.list.children].entries()) option.setAttribute("aria-selected", String(at === index));
    if (index < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `suggestion-${index}`);
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  #take(index) {
    const { kind, value } = this.#options[index];
    this.close();
    if (this.chips.add(value, kind)) this.chips.clear();
  }

  #onKey(event) {
    if (this.list.hidden || event.isComposing) return;
    const count = this.#options.length;
    if (event.key === "ArrowDown") this.#mark((this.#active + 1) % count);
    else if (event.key === "ArrowUp") this.#mark(this.#active <= 0 ? count - 1 : this.#active - 1);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && this.#active >= 0) this.#take(this.#active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
