// An intent is {kind, value}; its text is "Kind: value". The kinds are the task's, as the server tells them.

export const textOf = ({ kind, value }) => `${kind}: ${value}`;

export const cleaned = (text) => text.trim().replace(/\s+/g, " ");

// Splits "mood: serene" into a known kind and a value; without a known kind all of it is the value.
export function split(text, kinds) {
  const [, name, value] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  const kind = name === undefined ? undefined : kinds.find((each) => each.toLowerCase() === cleaned(name).toLowerCase());
  return kind ? { kind, value: cleaned(value) } : { kind: null, value: cleaned(text) };
}

// Reads an intent that a link or the history holds; its kind may be one that this student lacks.
export function parse(text) {
  const at = text.indexOf(":");
  return at < 0 ? { kind: "Topic", value: cleaned(text) } : { kind: cleaned(text.slice(0, at)), value: cleaned(text.slice(at + 1)) };
}

// The intents of a request as a list. What the server read in free text stands with the prompt that came of it.
export const listed = (intents, prompt) => (typeof intents === "string" ? (prompt?.intents ?? [`Topic: ${intents}`]) : intents);
