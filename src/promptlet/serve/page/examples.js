// What an empty page offers to try: one order per card, with its ideas in their hues.

import { $, element, hue, parted } from "./dom.js";
import { parse } from "./intent.js";
import { lengthName } from "./length.js";

const EXAMPLES = [
  { task: "t2i", words: 19, intents: ["Topic: birthday", "Scene object: balloon"] },
  { task: "t2i", words: 16, intents: ["Topic: mountain lake", "Lighting: golden hour", "Mood: serene"] },
  { task: "t2t", words: 14, intents: ["Topic: birthday party", "Design type: invitation"] },
  { task: "t2t", words: 12, intents: ["Topic: coffee shop", "Design type: menu", "Style: vintage"] },
  { task: "tags", words: 15, intents: ["Topic: lighthouse", "Mood: nostalgic", "Color: navy"] },
];

export function drawExamples({ tasks, nameOf, take }) {
  const known = new Set(tasks.map((task) => task.name));
  const cards = EXAMPLES.filter((example) => known.has(example.task)).map((example) => {
    const wishes = example.intents.map((intent) => {
      const { kind, value } = parse(intent);
      return element("span", { class: "wish", "data-kind": hue(kind) }, value);
    });
    return element(
      "button",
      { type: "button", class: "example", click: () => take(example) },
      element("span", { class: "wishes" }, ...wishes),
      element("span", { class: "facts parted" }, ...parted(nameOf(example.task), lengthName(example.words))),
    );
  });
  $("examples").replaceChildren(...cards);
}
