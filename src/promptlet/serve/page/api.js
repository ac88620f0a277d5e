// Talking to the server: tasks, suggestions, and prompts that come one by one.

import { eventsOf } from "./events.js";
import { session } from "./storage.js";

const KEY = "key";
const FORM = /^[!-~]{16,200}$/; // of every key that a server accepts
const BEYOND = /[^!-~]/u; // other characters than these; a header can't hold them all

// What the server, or the way to it, refused. `kind`: key, busy, wrong (the request), none (no prompt fits), lost.
export class Refused extends Error {
  constructor(kind, message, { param = null, wait = null, tried = false } = {}) {
    super(sentence(message));
    this.kind = kind;
    this.param = param;
    this.wait = wait; // seconds after which another try may help
    this.tried = tried; // whether a key was sent
  }
}

// The server's messages begin small and end open, to stand behind a name.
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// Returns what is wrong with a key that no server accepts; any other is remembered.
export function rememberKey(key) {
  const [beyond] = BEYOND.exec(key) ?? [];
  if (beyond) return `A key is of plain letters, digits and marks, without spaces. This has ${called(beyond)}; it may have come along in copying.`;
  if (!FORM.test(key)) return `A key has 16 to 200 characters. This has ${key.length}.`;
  session.set(KEY, key);
  return "";
}

function called(character) {
  if (/\s/.test(character)) return "a space";
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return /[\p{C}\p{M}]/u.test(character) ? `a character that does not show (U+${code})` : `“${character}”`;
}

// Forgets what is no key: no header could hold it, neither here nor at /docs.
export function knownKey() {
  const key = session.get(KEY);
  if (typeof key === "string" && FORM.test(key)) return key;
  session.set(KEY, null);
  return null;
}

export const tasks = () => ask("v1/tasks").then((response) => response.json());

export async function suggestions({ prefix, task, kind, limit = 8 }, signal) {
  const query = new URLSearchParams({ prefix, limit });
  if (task) query.set("task", task);
  if (kind) query.set("kind", kind);
  const response = await ask(`v1/intents?${query}`, { signal });
  return (await response.json()).intents;
}

// Returns what the server takes free words for: {intents, keep, ban, unread, untaught}.
export const reading = (text, task, signal) => ask(`v1/reading?${new URLSearchParams({ text, task })}`, { signal }).then((response) => response.json());

// Yields prompts as they are found; returns what the server says at the end: {found, asked, seed}.
export async function* prompts(request, signal) {
  const body = JSON.stringify({ ...request, stream: true });
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  const response = await ask("v1/prompts", { method: "POST", body, headers, signal });
  try {
    for await (const { event, data } of eventsOf(response.body)) {
      if (event === "error") throw refusal(200, JSON.parse(data));
      if (event === "done") return JSON.parse(data);
      yield JSON.parse(data);
    }
  } catch (error) {
    throw error instanceof Refused || signal.aborted ? error : lost();
  }
  throw lost();
}

async function ask(path, options = {}) {
  const key = knownKey();
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    throw options.signal?.aborted ? error : lost();
  }
  if (response.ok) return response;
  const wait = Number.parseFloat(response.headers.get("Retry-After"));
  throw refusal(response.status, await response.json().catch(() => ({})), Number.isFinite(wait) ? wait : null);
}

const lost = () => new Refused("lost", "The server can’t be reached, or it stopped in the middle.");

function refusal(status, body, wait = null) {
  const { message = `The server answered with the status ${status}.`, param = null, code = null } = body?.error ?? {};
  if (status === 401 || status === 403) return new Refused("key", message, { tried: Boolean(knownKey()) });
  if (code === "no_prompt") return new Refused("none", message);
  if (status === 429 || status === 503) return new Refused("busy", message, { wait: wait ?? 3 });
  if (status >= 400 && status < 500) return new Refused("wrong", message, { param });
  return new Refused("failed", message, { param });
}
