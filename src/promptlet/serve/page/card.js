// One prompt as a card: the text with its ideas marked, what it holds, and what can be done with it.

import { button, element, hue, plural } from "./dom.js";
import { keptSpans, marked } from "./highlight.js";
import { parse } from "./intent.js";

const COPIED_MS = 1800;

// How many words a shorter and a longer one has, or null at the end of the range and for a student that obeys no number.
export function otherLengths(words, range) {
  if (!range) return { shorter: null, longer: null };
  const { low, high } = range;
  const shorter = Math.max(low, Math.min(words - 2, Math.round(words * 0.7)));
  const longer = Math.min(high, Math.max(words + 2, Math.round(words * 1.4)));
  return { shorter: shorter < words ? shorter : null, longer: longer > words ? longer : null };
}

// `wanted` are the order's ideas; `act(how, card)` is called with "more", "shorter" or "longer"; `say` tells what happened to screen readers.
export function makeCard(prompt, { range, wanted, label, varied, act, say }) {
  const card = element("li", { class: varied ? "card varied" : "card" });
  const text = element("p", { class: "text", lang: "en" }, ...marked(prompt.prompt, [...prompt.spans, ...keptSpans(prompt.prompt, prompt.kept)]));
  if (label) card.append(element("p", { class: "label" }, label));
  const facts = element("p", { class: "facts" }, element("span", { class: "count" }, plural(prompt.words, "word")));
  const covered = prompt.intents.filter((intent) => wanted.includes(intent)).map((intent) => [intent, prompt.coverage[intent]]);
  card.append(text);
  card.append(...leftOut("It says nothing of", covered.filter(([, share]) => share === 0)));
  card.append(...leftOut("It says only a part of", covered.filter(([, share]) => share > 0 && share < 1)));
  card.append(element("div", { class: "foot" }, facts, actions(prompt, card, { range, act, say })));
  return card;
}

function leftOut(told, covered) {
  const names = covered.map(([intent]) => {
    const { kind, value } = parse(intent);
    const name = element("span", { class: "absent" }, value);
    name.dataset.kind = hue(kind);
    return name;
  });
  return names.length ? [element("p", { class: "left-out" }, `${told}: `, ...names.flatMap((name, at) => (at ? [", ", name] : [name])), ".")] : [];
}

function actions(prompt, card, { range, act, say }) {
  const { shorter, longer } = otherLengths(prompt.words, range);
  const length = (how, words) =>
    button(how === "shorter" ? "Shorter" : "Longer", how, () => act(how, card), {
      disabled: words === null,
      title: words === null ? `${prompt.words} words is as ${how === "shorter" ? "short" : "long"} as it gets` : `The same seed in ${words} words`,
    });
  const copy = button("Copy", "copy", () => copyText(prompt.prompt, copy, say), { class: "copy" });
  const more = button("More", "more", () => act("more", card), { title: "Three more of these ideas and this length" });
  more.querySelector("span").append(element("span", { class: "tail" }, " like this")); // a phone has no room for it
  const lengths = range ? [length("shorter", shorter), length("longer", longer)] : [];
  return element("div", { class: "actions" }, copy, more, ...lengths);
}

export async function copyText(text, from, say) {
  const done = await put(text);
  const shown = from.querySelector("span");
  const before = (from.dataset.name ??= shown.textContent);
  shown.textContent = done ? "Copied" : "Copy failed";
  from.classList.toggle("done", done);
  say(done ? "Copied" : "This browser did not let the page copy; select the text instead.");
  setTimeout(() => {
    shown.textContent = before;
    from.classList.remove("done");
  }, COPIED_MS);
}

// Pages that came over plain HTTP have no clipboard of their own; there the old way still works.
async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { class: "unseen", readonly: true });
    const focused = document.activeElement;
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}
