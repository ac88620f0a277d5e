// A field whose text becomes removable chips. With kinds, a chip is an intent and its kind can be changed.
//
// Enter makes a chip. With `commas` a comma does so too: a list may be pasted, and what finds no place stays in the
// field. In the empty field, Backspace or the left arrow goes to the last chip; there the arrows move on and Backspace
// or Delete removes.

import { element, hue, icon, plural } from "./dom.js";
import { cleaned, split, textOf } from "./intent.js";
import { say } from "./notice.js";

export const THING = "Scene object";
const NO = /^(no|not|without|never|avoid)\b/i;
const CLOSED = /\b(or|nor|and)\b/i;

export class Chips extends EventTarget {
  constructor(box, { noun, most = 16, longest = 120, kinds = null, commas = false }) {
    super();
    Object.assign(this, { box, noun, most, longest, kinds, commas, values: [] });
    this.input = box.querySelector("input");
    this.list = element("ul", { class: "chips", role: "list" });
    box.prepend(this.list);
    box.addEventListener("mousedown", (event) => {
      if (event.target !== box && event.target !== this.list) return;
      event.preventDefault();
      this.input.focus();
    });
    this.input.addEventListener("keydown", (event) => this.#onEntryKey(event));
    this.input.addEventListener("input", () => this.#onText());
    this.list.addEventListener("keydown", (event) => this.#onChipKey(event));
  }

  get full() {
    return this.values.length >= this.most;
  }

  set(values) {
    this.values = this.kinds ? values.map(({ kind, value }) => ({ kind, value: value.slice(0, this.longest) })) : [...values];
    this.#draw();
  }

  // Takes "Mood: serene" or plain text. Without a kind it is the topic, or a thing if there is one; the event "untyped"
  // then tells who may know better. Returns whether a chip has it.
  add(text, kind = null) {
    const read = this.kinds ? split(text, kind ? [] : this.kinds) : { value: cleaned(text) };
    const value = read.value.slice(0, this.longest);
    if (!value) return false;
    if (value !== read.value) say(`Cut to ${this.longest} characters, the most of one ${this.noun}`, { quiet: false });
    const told = kind ?? read.kind;
    const made = this.kinds ? { kind: told ?? this.usualKind(), value } : value;
    if (this.values.some((each) => this.#same(each, made, this.kinds && !told))) return true;
    if (this.full) return false;
    this.values.push(made);
    this.#draw();
    this.#changed(`Added ${this.#name(made)}`);
    if (this.kinds && !told) this.dispatchEvent(new CustomEvent("untyped", { detail: made }));
    return true;
  }

  // Turns what is still being written into a chip, or into several.
  commit() {
    const text = this.input.value;
    const left = this.#addAll(this.commas ? text.split(",") : [text]);
    if (left.length) this.#keepBack(left);
    else if (text) this.clear();
  }

  clear() {
    this.input.value = "";
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  remove(index) {
    const [removed] = this.values.splice(index, 1);
    this.#draw();
    const left = this.#removers();
    (left[Math.min(index, left.length - 1)] ?? this.input).focus();
    this.#changed(`Removed ${this.#name(removed)}`);
  }

  // Puts other values in the place of one; returns those of them that were not there already.
  replace(value, others) {
    const index = this.values.indexOf(value);
    const rest = this.values.filter((each) => each !== value);
    const put = others.filter((made) => !rest.some((each) => this.#same(each, made, false)));
    const focused = [...this.list.children].findIndex((each) => each.contains(document.activeElement));
    const tag = document.activeElement.tagName;
    this.values.splice(index, 1, ...put);
    this.#draw();
    const chip = this.list.children[focused > index ? focused + put.length - 1 : focused];
    if (focused >= 0) (chip?.querySelector(tag) ?? this.input).focus();
    this.#changed(put.length ? `Now ${put.map((each) => this.#name(each)).join(", ")}` : `Removed ${this.#name(value)}`);
    return put;
  }

  // Puts a value back that others took the place of.
  restore(value, others) {
    const index = others.length ? this.values.indexOf(others[0]) : this.values.length;
    this.values.splice(index, 0, value);
    this.values = this.values.filter((each) => !others.includes(each));
    value.kind = this.usualKind(value);
    this.#draw();
    this.#changed(`Added ${this.#name(value)}`);
  }

  #name(value) {
    return this.kinds ? textOf(value) : value;
  }

  #changed(said) {
    this.dispatchEvent(new CustomEvent("change", { detail: said }));
  }

  #removers() {
    return [...this.list.querySelectorAll(".remove")];
  }

  #draw() {
    this.list.replaceChildren(...this.values.map((value, index) => this.#chip(value, index)));
    const { placeholder, more = "" } = this.input.dataset;
    this.input.placeholder = this.full ? `That is all ${this.most}` : this.values.length ? more : placeholder;
    this.#lock();
  }

  // Nothing more can be written into a full field; what did not fit can be taken out of it.
  #lock() {
    this.input.readOnly = this.full && !this.input.value;
  }

  #chip(value, index) {
    const remove = element(
      "button",
      { type: "button", class: "remove", tabindex: "-1", "aria-label": `Remove ${this.#name(value)}`, click: () => this.remove(index) },
      icon("close"),
    );
    const shown = element("span", { class: "value" }, this.kinds ? value.value : value);
    const chip = element("li", { class: "chip" }, shown, remove);
    if (this.kinds) {
      chip.dataset.kind = hue(value.kind);
      chip.classList.toggle("odd", !this.kinds.includes(value.kind));
      chip.prepend(this.#kindChoice(value));
    }
    return chip;
  }

  #kindChoice(value) {
    const known = this.kinds.includes(value.kind) ? this.kinds : [value.kind, ...this.kinds];
    const choice = element(
      "select",
      { "aria-label": `Kind of ${value.value}`, change: () => this.#changeKind(value, choice) },
      ...known.map((kind) => element("option", { value: kind, selected: kind === value.kind }, kind)),
    );
    return element("span", { class: "kind" }, value.kind, icon("down"), choice);
  }

  #changeKind(value, choice) {
    this.setKind(value, choice.value);
  }

  // Gives a value another kind, unless it is gone meanwhile; only its own chip is drawn anew and has to get the focus back.
  setKind(value, kind) {
    const index = this.values.indexOf(value);
    if (index < 0) return;
    const old = this.list.children[index];
    const focused = old.contains(document.activeElement) ? document.activeElement.tagName : null;
    value.kind = kind;
    const chip = this.#chip(value, index);
    old.replaceWith(chip);
    if (focused) chip.querySelector(focused).focus();
    this.#changed(`Now ${textOf(value)}`);
  }

  // Whether two values are one; written without a kind, a value is the same in any.
  #same(one, other, untyped) {
    const name = (each) => (untyped ? each.value : this.#name(each)).toLowerCase();
    return name(one) === name(other);
  }

  // Whether another idea than this is the topic.
  hasTopic(idea = null) {
    return this.values.some((each) => each !== idea && each.kind === this.kinds[0]);
  }

  // The kind of an idea of which nothing is known.
  usualKind(idea = null) {
    return this.hasTopic(idea) && this.kinds.includes(THING) ? THING : this.kinds[0];
  }

  #onText() {
    if (this.commas && !this.full && this.input.value.includes(",")) {
      const parts = this.input.value.split(",");
      const no = this.kinds ? parts.findIndex((part) => NO.test(part.trim())) : -1; // Enter ends what may be a list
      const rest = parts.splice(no < 0 ? parts.length - 1 : no).join(",").trimStart();
      const left = this.#addAll(parts);
      if (parts.length) this.#keepBack(this.full ? [...left, rest].filter(Boolean) : [rest]);
    }
    this.#lock();
  }

  // Returns the texts that did not become chips.
  #addAll(texts) {
    const parts = texts.map(cleaned);
    return (this.kinds ? this.#listed(parts) : parts).filter((text) => text && !this.add(text));
  }

  // A list behind a "no" stays together: with "no windows, doors or lamps" nobody wishes for lamps.
  #listed(parts) {
    const begin = parts.findIndex((part) => NO.test(part));
    const size = begin < 0 ? -1 : parts.slice(begin).findIndex((part) => CLOSED.test(part)) + 1;
    const list = parts.slice(begin, begin + size);
    if (size < 2 || list.some((part) => split(part, this.kinds).kind) || list.join(", ").length > this.longest) return parts;
    return [...parts.slice(0, begin), list.join(", "), ...parts.slice(begin + size)];
  }

  #keepBack(texts) {
    this.input.value = texts.join(", ");
    if (this.full && texts.length) say(`${plural(this.most, this.noun)} are the most. Left in the field: ${texts.length}`, { quiet: false });
  }

  #onEntryKey(event) {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && cleaned(this.input.value)) {
      event.preventDefault();
      this.commit();
    } else if (!this.input.value && (event.key === "Backspace" || event.key === "ArrowLeft") && this.values.length) {
      event.preventDefault();
      this.#removers().at(-1).focus();
    }
  }

  #onChipKey(event) {
    const removers = this.#removers();
    const index = removers.indexOf(event.target);
    if (index < 0) return;
    if (event.key === "Backspace" || event.key === "Delete") this.remove(index);
    else if (event.key === "ArrowLeft") (removers[index - 1] ?? removers[0]).focus();
    else if (event.key === "ArrowRight") (removers[index + 1] ?? this.input).focus();
    else return;
    event.preventDefault();
  }
}
