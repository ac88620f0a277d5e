// What is asked for when a prompt is to be varied.

import { suggestions } from "./api.js";
import { otherLengths } from "./card.js";
import { drawSeed } from "./composer.js";
import { $ } from "./dom.js";
import { listed, parse } from "./intent.js";

export const MORE = 3;
const MOST_INTENTS = 8;
const NEW_IDEAS = 1;
const MOST_LOOKUPS = 6;

// Returns the request and what stands above its prompts; `again`, whether the same was asked for before.
export async function variation(how, request, prompt, range, again) {
  if (how === "more") {
    const ideas = await ideasIn(prompt, request);
    const said = ideas.map((each) => each.value);
    const words = prompt.target_words ?? request.words; // a shorter or a longer one has a length of its own
    return {
      request: { ...request, intents: joined(request.intents, ideas), words, n: MORE, seed: drawSeed() },
      label: said.length ? `More like this, asked for ${said.join(" and ")} too` : "More like this",
    };
  }
  const words = otherLengths(prompt.words, range)[how];
  return {
    request: { ...request, intents: asBefore(request.intents, prompt), words, n: 1, seed: again ? drawSeed() : prompt.seed },
    label: how === "shorter" ? "Shorter" : "Longer",
  };
}

// Free text stays free text, for it may say what is not wanted; ideas are added behind a comma while there is room.
function joined(intents, ideas) {
  if (typeof intents !== "string") return [...intents, ...ideas.map((each) => each.intent)];
  const text = [intents, ...ideas.map((each) => each.value)].join(", ");
  return text.length <= $("text").maxLength ? text : intents;
}

// What a prompt was asked for: the request's intents, and those that "more like this" had added.
function asBefore(intents, prompt) {
  if (typeof intents !== "string") return prompt.intents;
  const said = intents.toLowerCase();
  return joined(intents, prompt.intents.map(parse).filter(({ value }) => !said.includes(value.toLowerCase())));
}

// What else the prompt speaks of, as far as the server knows an idea of that name: so that others speak of it too.
async function ideasIn(prompt, request) {
  const room = Math.min(NEW_IDEAS, MOST_INTENTS - listed(request.intents, prompt).length);
  if (room <= 0) return [];
  const letters = [...prompt.prompt];
  for (const [start, end] of prompt.spans ?? []) letters.fill(" ", start, end);
  const words = [...new Set(letters.join("").toLowerCase().match(/\p{L}{4,}/gu) ?? [])].slice(0, MOST_LOOKUPS);
  const found = await Promise.all(words.map((word) => ideaNamed(word, request.task)));
  return found.filter(Boolean).slice(0, room);
}

async function ideaNamed(word, task) {
  const singular = word.replace(/s$/, "");
  const found = await suggestions({ prefix: singular, task, limit: 3 }).catch(() => []); // it is only a help
  return found.find(({ value }) => value === word || value === singular) ?? null;
}
