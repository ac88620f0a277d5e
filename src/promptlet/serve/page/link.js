// A request as the fragment of a link, readable and never sent to a server: #task=t2i&intent=Topic:+fox&words=19&seed=7
// The words may be a range: words=10-20.

const NUMBERS = ["relevance", "n", "seed"];
const LISTS = ["keep", "ban"];

export function toFragment(request) {
  const query = new URLSearchParams({ task: request.task });
  if (typeof request.intents === "string") query.set("text", request.intents);
  else for (const intent of request.intents) query.append("intent", intent);
  for (const name of ["words", ...NUMBERS]) if (request[name] !== undefined && request[name] !== null) query.set(name, request[name]);
  for (const name of LISTS) for (const term of request[name] ?? []) query.append(name, term);
  return `#${query}`;
}

// Returns null for a fragment without a wish. What a number may be, the server says.
export function fromFragment(fragment) {
  const query = new URLSearchParams(fragment.replace(/^#/, ""));
  const intents = query.get("text") ?? query.getAll("intent");
  if (!intents.length) return null;
  const request = { task: query.get("task"), intents };
  for (const name of NUMBERS) {
    const value = Number.parseInt(query.get(name), 10);
    if (value >= 0) request[name] = value;
  }
  const [length, low, high] = /^(\d+)(?:-(\d+))?$/.exec(query.get("words")?.trim() ?? "") ?? [];
  if (length) request.words = high ? length : Number(low);
  for (const name of LISTS) request[name] = query.getAll(name);
  return request;
}
