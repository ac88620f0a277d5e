// The list of prompts: empty places while they are written, cards as they come, and a legend of the ideas.

import { makeCard } from "./card.js";
import { $, button, element, hue, plural } from "./dom.js";
import { spotlight } from "./highlight.js";
import { parse } from "./intent.js";

export class Results {
  #lit = null;

  // `act(how, prompt, card)` varies a prompt; `share(button)` copies the link.
  constructor({ act, share, say, nameOf, range }) {
    Object.assign(this, { act, share, say, nameOf, range });
    this.request = null;
    this.prompts = new Map(); // card -> its prompt, and the label above it
  }

  // Shows an order and as many empty places as it has prompts.
  open(request, free) {
    this.request = request;
    this.prompts.clear();
    this.#lit = null;
    spotlight($("cards"), null);
    $("empty").hidden = true;
    $("cards").replaceChildren();
    this.#drawOrder(free);
    return this.places(request.n);
  }

  close() {
    this.prompts.clear();
    $("cards").replaceChildren();
    $("order").hidden = true;
    $("empty").hidden = false;
  }

  // Returns a batch of empty places, at the end or behind a card.
  places(count, { after = null, label = null } = {}) {
    const waiting = Array.from({ length: count }, (_, index) =>
      element("li", { class: "card place", "aria-hidden": "true", "data-index": index }, ...[96, 88, 54].map((width) => element("span", { class: `line w${width}` }))),
    );
    if (after) after.after(...waiting);
    else $("cards").append(...waiting);
    return new Batch(this, waiting, label);
  }

  // Returns the prompts in the order in which they stand, as the history keeps them.
  kept() {
    return [...$("cards").children].map((card) => this.prompts.get(card)).filter(Boolean);
  }

  has(text) {
    return this.kept().some(({ prompt }) => prompt.prompt === text);
  }

  show(prompt, label) {
    const card = makeCard(prompt, {
      range: this.range,
      label,
      say: this.say,
      act: (how, from) => this.act(how, prompt, from),
    });
    this.prompts.set(card, { prompt, label });
    return card;
  }

  recount() {
    const all = this.kept();
    for (const item of $("order").querySelectorAll(".legend button")) {
      const said = all.filter(({ prompt }) => prompt.coverage?.[item.dataset.intent] > 0).length;
      item.querySelector(".share").textContent = all.length ? `${said}/${all.length}` : "";
      item.title = all.length ? `${item.dataset.intent}: in ${said} of ${all.length}` : item.dataset.intent;
    }
    if (this.#lit) spotlight($("cards"), this.#lit);
  }

  #drawOrder(free) {
    const { task, words, seed, intents } = this.request;
    const facts = [this.nameOf(task), `${words} words`, `seed ${seed}`];
    const share = button("Copy link", "link", () => this.share(share), { class: "quiet", title: "A link that brings these prompts back" });
    const line = element("div", { class: "line-up" }, element("p", { class: "facts" }, facts.join(" · ")), share);
    const legend = element("div", { class: "legend", role: "group", "aria-label": "Show where an idea is said" });
    const names = typeof intents === "string" ? [] : intents;
    legend.append(...names.map((intent) => this.#legendItem(intent)));
    if (free) legend.append(element("p", { class: "words" }, `“${intents}”`));
    $("order").replaceChildren(legend, line);
    $("order").hidden = false;
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
  constructor(results, waiting, label) {
    Object.assign(this, { results, waiting, label, found: 0 });
  }

  add(prompt) {
    const card = this.results.show(prompt, this.label);
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
