// Ideas that are sentences: "a red fox in the snow" is two ideas, and "no people" is something that is never said.
//
// What the server reads in such an idea takes its place, and a line says so, with a way back. A short noun phrase stays
// one idea, and so does what was given a kind.

import { reading } from "./api.js";
import { THING } from "./chips.js";
import { $, button, element, plural } from "./dom.js";
import { say } from "./notice.js";

const PATIENCE_MS = 10_000;
const SHORT = 3; // words of a noun phrase, such as "cup of tea"

const words = (text) => text.replace(/^(an?|the)\s+/i, "").split(/\s+/);

export class Sentences {
  #lines = []; // {idea, put, added, found}, the newest last

  // `terms` are the chips by what they are for: {keep, ban}; `task()` names the task.
  constructor(ideas, terms, task) {
    Object.assign(this, { ideas, terms, task });
    for (const chips of [ideas, ...Object.values(terms)]) chips.addEventListener("change", () => this.#forgetChanged());
  }

  // Returns what the server reads in an idea, or null: it is short, or the server does not tell.
  async read(idea) {
    const text = idea.value;
    if (!/\s/.test(text)) return null;
    const ask = (wish) => reading(wish, this.task(), AbortSignal.timeout(PATIENCE_MS));
    if (!this.ideas.hasTopic(idea)) {
      try {
        return await ask(text);
      } catch (error) {
        if (error.kind !== "wrong") return null;
      }
    }
    // Beside a topic it may only say what shall not be there, which is no wish alone.
    const found = await ask(`Topic: it, ${text}`).catch(() => null);
    return found && { ...found, intents: found.intents.slice(1) };
  }

  // Puts what was read in the place of an idea, unless it is one idea anyway, was changed meanwhile, or there is no room.
  take(idea, kind, found) {
    if (!found || idea.kind !== kind || !this.ideas.values.includes(idea) || !this.#says(idea.value, found)) return false;
    const made = this.#made(found.intents, idea);
    const added = Object.keys(this.terms).flatMap((name) => found[name].map((term) => [this.terms[name], term])).filter(([chips, term]) => !chips.values.includes(term));
    const fits = Object.values(this.terms).every((chips) => chips.values.length + added.filter(([its]) => its === chips).length <= chips.most);
    if (!fits || this.ideas.values.length - 1 + made.length > this.ideas.most) return false;
    const put = this.ideas.replace(idea, made);
    for (const [chips, term] of added) chips.add(term);
    this.#lines.push({ idea, put, added, found });
    this.#draw();
    return true;
  }

  clear() {
    this.#lines = [];
    this.#draw();
  }

  // Whether more was read in a text than one idea.
  #says(text, { intents, keep, ban }) {
    return keep.length + ban.length > 0 || (words(text).length > SHORT && (intents.length > 1 || words(intents[0]?.value ?? "").length + 1 < words(text).length));
  }

  // There is one topic: one of the other ideas, or else the first thing that was read.
  #made(intents, idea) {
    const [topic] = this.ideas.kinds;
    const made = intents.map(({ kind, value }) => ({ kind: kind === topic ? this.ideas.usualKind(idea) : kind, value }));
    if (made.length && !this.ideas.hasTopic(idea) && !made.some(({ kind }) => kind === topic)) (made.find(({ kind }) => kind === THING) ?? made[0]).kind = topic;
    return made;
  }

  #undo(line) {
    const { full, most, noun } = this.ideas;
    if (full && !line.put.length) return say(`${plural(most, noun)} are the most: remove one to have this one back`, { quiet: false });
    this.#lines = this.#lines.filter((each) => each !== line);
    for (const [chips, term] of line.added) chips.set(chips.values.filter((each) => each !== term));
    this.ideas.restore(line.idea, line.put);
    this.#draw();
    this.ideas.input.focus();
  }

  // A line whose ideas or terms were changed by hand has no way back.
  #forgetChanged() {
    const stands = ({ put, added }) => put.every((each) => this.ideas.values.includes(each)) && added.every(([chips, term]) => chips.values.includes(term));
    this.#lines = this.#lines.filter(stands);
    this.#draw();
  }

  #draw() {
    $("sentences").replaceChildren(...this.#lines.map((line) => this.#line(line)));
  }

  #line(line) {
    const { idea, put, found } = line;
    const parts = [put.length && `read as ${plural(put.length, "idea")}`, found.ban.length && `never said: ${found.ban.join(", ")}`, found.keep.length && `kept as it is: ${found.keep.join(", ")}`];
    const told = parts.filter(Boolean).join("; ");
    return element("p", {}, "“", element("span", { class: "told" }, idea.value), `” – ${told}. `, button("Undo", null, () => this.#undo(line), { class: "switch", "aria-label": `Undo: ${idea.value} as one idea` }));
  }
}
