// A prompt's text with the words marked that express an intent. The server says where: [start, end, "Kind: value"].

import { element, hue } from "./dom.js";
import { parse } from "./intent.js";

// Returns text nodes and <mark>s. Where two intents share a word, the mark has the first one's hue and names both.
export function marked(text, spans = []) {
  const letters = [...text]; // the server counts code points, as Python does
  const owners = letters.map(() => []);
  for (const [start, end, intent] of spans) for (let at = start; at < Math.min(end, letters.length); at += 1) owners[at].push(intent);
  const nodes = [];
  for (let at = 0; at < letters.length; ) {
    const names = owners[at];
    let end = at + 1;
    while (end < letters.length && String(owners[end]) === String(names)) end += 1;
    const part = letters.slice(at, end).join("");
    nodes.push(names.length ? mark(part, [...new Set(names)]) : document.createTextNode(part));
    at = end;
  }
  return nodes;
}

// Returns where a text has the terms that were kept, as spans; not within other words.
export function keptSpans(text, terms = []) {
  const found = [];
  for (const term of terms) {
    const escaped = term.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    for (const match of text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "gu"))) {
      const start = [...text.slice(0, match.index)].length;
      found.push([start, start + [...term].length, `Kept: ${term}`]);
    }
  }
  return found;
}

function mark(text, names) {
  const made = element("mark", { title: names.join(" · ") }, text);
  made.dataset.kind = hue(parse(names[0]).kind);
  made.dataset.intents = JSON.stringify(names);
  return made;
}

// Lets the marks of one intent stand out; null ends that.
export function spotlight(root, intent) {
  root.classList.toggle("spotlit", intent !== null);
  for (const each of root.querySelectorAll("mark")) each.classList.toggle("lit", intent !== null && JSON.parse(each.dataset.intents).includes(intent));
}
