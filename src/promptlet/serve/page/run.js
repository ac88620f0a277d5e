// One request, until it is done, stopped or failed; a busy server is asked again when it says that it may help.

import { prompts, Refused } from "./api.js";

const SLOW_MS = 4000;
const VERY_SLOW_MS = 15_000;
const MOST_TRIES = 6;
const LONGEST_WAIT = 30; // seconds

// `told` has `prompt(prompt)`, `slow(very)`, `busy(seconds left)` and `going()` (it no longer is slow or busy).
// Returns {found, asked, seed}; throws `Refused`, or an AbortError once `signal` is aborted.
export async function run(request, signal, told) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(request, signal, told);
    } catch (error) {
      if (signal.aborted || !(error instanceof Refused) || error.kind !== "busy" || tries === MOST_TRIES) throw error;
      await countdown(Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(error.wait))), signal, told);
    }
  }
}

async function attempt(request, signal, told) {
  let timers = [];
  const quiet = () => timers.forEach(clearTimeout);
  const listen = () => {
    timers = [setTimeout(() => told.slow(false), SLOW_MS), setTimeout(() => told.slow(true), VERY_SLOW_MS)];
  };
  listen();
  try {
    const coming = prompts(request, signal);
    for (let next = await coming.next(); ; next = await coming.next()) {
      quiet();
      told.going();
      if (next.done) return next.value;
      told.prompt(next.value);
      listen();
    }
  } finally {
    quiet();
  }
}

async function countdown(seconds, signal, told) {
  for (let left = seconds; left > 0; left -= 1) {
    told.busy(left);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
    signal.throwIfAborted();
  }
  told.going();
}
