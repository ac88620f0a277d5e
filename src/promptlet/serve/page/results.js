// The list of prompts: empty places while they are written, cards as they come, and a legend of the ideas.

import { makeCard } from "./card.js";
import { $, button, element, hue, parted, plural } from "./dom.js";
import { spotlight } from "./highlight.js";
import { listed, parse } from "./intent.js";
import { lengthName } from "./length.js";
import { lines } from "./reading.js";

export class Results {
  #lit = null;

  // `act(how, prompt, card)` varies a prompt; `share(button)` copies the link, `pin(seed)` keeps a seed.
  constructor({ act, share, pin, say, nameOf, range }) {
    Object.assign(this, { act, share, pin, say, nameOf, range });
    this.request = null;
    this.prompts = new Map(); // card -> {prompt, label above it, whether it was varied from another}
  }

  // Shows an order and as many empty places as it has prompts.
  open(request) {
    this.request = request;
    this.prompts.clear();
    this.#lit = null;
    spotlight($("cards"), null);
    $("empty").hidden = true;
    $("cards").replaceChildren();
    this.#drawOrder();
    return this.places(request.n);
  }

  close() {
    this.prompts.clear();
    $("cards").replaceChildren();
    $("order").hidden = true;
    $("empty").hidden = false;
  }

  // Returns a batch of empty places, at the end or behind the card that its prompts are made of.
  places(count, { after = null } = {}) {
    const waiting = Array.from({ length: count }, (_, index) =>
      element("li", { class: after ? "card varied place" : "card place", "aria-hidden": "true", "data-index": index }, ...[96, 88, 54].map((width) => element("span", { class: `line w${width}` }))),
    );
    if (after) after.after(...waiting);
    else $("cards").append(...waiting);
    return new Batch(this, waiting, Boolean(after));
  }

  // Returns the prompts in the order in which they stand, as the history keeps them.
  kept() {
    return [...$("cards").children].map((card) => this.prompts.get(card)).filter(Boolean);
  }

  show(prompt, { label = null, varied = false } = {}) {
    const card = makeCard(prompt, {
      range: this.range,
      wanted: listed(this.request.intents, prompt),
      label,
      varied,
      say: this.say,
      act: (how, from) => this.act(how, prompt, from),
    });
    this.prompts.set(card, { prompt, label, varied });
    return card;
  }

  recount() {
    const all = this.kept();
    if (all.length) this.#drawRead((all.find(({ varied }) => !varied) ?? all[0]).prompt);
    for (const item of $("order").querySelectorAll(".legend button")) {
      const said = all.filter(({ prompt }) => prompt.coverage?.[item.dataset.intent] === 1).length; // a part of it is told at the prompt
      item.querySelector(".share").textContent = all.length ? `${said}/${all.length}` : "";
      item.title = all.length ? `${item.dataset.intent}: in ${said} of ${all.length}` : item.dataset.intent;
    }
    if (this.#lit) spotlight($("cards"), this.#lit);
  }

  // Says something of the order that is shown.
  remark(text) {
    $("order").append(element("p", { class: "facts", role: "status" }, text));
  }

  #drawOrder() {
    const { task, words, seed, intents } = this.request;
    const pin = element("button", { type: "button", class: "pin", title: "Keep this seed for the next order", click: () => this.pin(seed) }, `seed ${seed}`);
    const share = button("Copy link", "link", () => this.share(share), { class: "quiet", title: "A link that brings these prompts back" });
    const facts = element("p", { class: "facts parted" }, ...parted(this.nameOf(task), words && lengthName(words), pin));
    const line = element("div", { class: "line-up" }, facts, share);
    const legend = element("div", { class: "legend", role: "group", "aria-label": "Show where an idea is said" });
    if (this.#free) legend.append(element("p", { class: "words" }, `“${intents}”`));
    else legend.append(...intents.map((intent) => this.#legendItem(intent)));
    $("order").replaceChildren(legend, line);
    $("order").hidden = false;
  }

  // What free words were taken for stands with the prompts that came of them, and so do words that are not understood.
  #drawRead({ intents, kept = [], banned = [], untaught }) {
    const order = $("order");
    const legend = order.querySelector(".legend");
    if (order.querySelector(".read") || (this.#free && legend.querySelector("button"))) return;
    const { keep = [], ban = [] } = this.request;
    const own = { keep: kept.filter((term) => !keep.includes(term)), ban: banned.filter((term) => !ban.includes(term)) };
    if (this.#free) legend.append(...intents.map((intent) => this.#legendItem(intent)));
    legend.after(...lines({ ...(this.#free ? own : {}), untaught }));
  }

  get #free() {
    return typeof this.request.intents === "string";
  }

  #legendItem(intent) {
    const { kind, value } = parse(intent);
    const item = element(
      "button",
      { type: "button", class: "chip", "aria-pressed": "false", "data-kind": hue(kind), "data-intent": intent, click: () => this.#light(intent) },
      element("span", { class: "kind" }, kind),
      element("span", { class: "value" }, value),
      element("span", { class: "share" }),
    );
    item.addEventListener("mouseenter", () => spotlight($("cards"), intent));
    item.addEventListener("mouseleave", () => spotlight($("cards"), this.#lit));
    return item;
  }

  #light(intent) {
    this.#lit = this.#lit === intent ? null : intent;
    for (const item of $("order").querySelectorAll("[data-intent]")) item.setAttribute("aria-pressed", String(item.dataset.intent === this.#lit));
    spotlight($("cards"), this.#lit);
  }
}

// The places of one request that are still empty.
class Batch {
  constructor(results, waiting, varied) {
    Object.assign(this, { results, waiting, varied, label: null, found: 0 }); // the label stands above its first prompt
  }

  add(prompt) {
    const card = this.results.show(prompt, { label: this.found ? null : this.label, varied: this.varied });
    card.classList.add("fresh");
    const place = this.waiting.shift();
    place.replaceWith(card);
    this.found += 1;
    this.results.recount();
    return card;
  }

  // Nothing more will come.
  end() {
    for (const place of this.waiting.splice(0)) place.remove();
  }

  said(asked) {
    return this.found < asked ? `${this.found} of ${plural(asked, "prompt")}` : plural(this.found, "prompt");
  }
}
