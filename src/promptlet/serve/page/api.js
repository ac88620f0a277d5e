// Talking to the server: tasks, suggestions, and prompts that come one by one.

import { eventsOf } from "./events.js";
import { session } from "./storage.js";

const KEY = "key";

// What the server, or the way to it, refused. `kind`: key, busy, wrong (the request), none (no prompt fits), lost.
export class Refused extends Error {
  constructor(kind, message, { param = null, wait = null } = {}) {
    super(message);
    this.kind = kind;
    this.param = param;
    this.wait = wait; // seconds after which another try may help
  }
}

export const rememberKey = (key) => session.set(KEY, key || null);

export const tasks = () => ask("v1/tasks").then((response) => response.json());

export async function suggestions({ prefix, task, kind, limit = 8 }, signal) {
  const query = new URLSearchParams({ prefix, limit });
  if (task) query.set("task", task);
  if (kind) query.set("kind", kind);
  const response = await ask(`v1/intents?${query}`, { signal });
  return (await response.json()).intents;
}

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
  const key = session.get(KEY);
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
  if (status === 401 || status === 403) return new Refused("key", message);
  if (status === 429 || status === 503) return new Refused("busy", message, { wait: wait ?? 3 });
  if (status >= 400 && status < 500) return new Refused("wrong", message, { param });
  if (status === 200 && code !== "timeout" && /^no prompt in/.test(message)) return new Refused("none", message);
  return new Refused("failed", message, { param });
}
