// Puts the page together: an order goes out, prompts come in, and what goes wrong is told.

import { Refused, tasks } from "./api.js";
import { copyText } from "./card.js";
import { Composer, taskName } from "./composer.js";
import { $ } from "./dom.js";
import { drawExamples } from "./examples.js";
import { History, keep } from "./history.js";
import { askForKey } from "./key.js";
import { fromFragment, toFragment } from "./link.js";
import { offerLook } from "./look.js";
import * as notice from "./notice.js";
import { Results } from "./results.js";
import { run } from "./run.js";
import { variation } from "./variations.js";

const running = new Set(); // an AbortController per run
let composer = null;
let results = null;
let opened = null; // the order whose prompts are shown, as the history keeps it

// --- Runs -------------------------------------------------------------------------------------------------------

function write() {
  if (composer.empty) return composer.problem("intents", "Add an idea first: what should it be about?");
  composer.problem(null);
  stop();
  const request = composer.request();
  opened = { at: Date.now(), request, prompts: [] };
  setFragment(request);
  const batch = results.open(request, typeof request.intents === "string");
  bringIntoView();
  go(request, batch, write);
}

async function vary(how, prompt, card) {
  const { request, label } = await variation(how, opened.request, prompt, composer.commands.words);
  const batch = results.places(request.n, { after: card, label });
  const again = () => vary(how, prompt, card);
  await go(request, batch, again, (made) => made.scrollIntoView({ block: "nearest", behavior: smooth() }));
}

// Runs a request into a batch of places; `again` is offered if that fails.
async function go(request, batch, again, onFirst = () => {}) {
  const control = new AbortController();
  const order = opened;
  running.add(control);
  composer.busy(true);
  notice.clear();
  notice.say("Writing");
  try {
    const end = await run(request, control.signal, {
      prompt(prompt) {
        const card = batch.add(prompt);
        if (batch.found === 1) onFirst(card);
        notice.say(`${batch.said(request.n)} written`);
      },
      slow: (very) => notice.show(...slow(very), { actions: [["Stop", stop]] }),
      busy: (left) => notice.show("The server is busy.", `Trying again in ${left} s.`, { actions: [["Stop", stop]] }),
      going: notice.clear,
    });
    if (end.found < end.asked && end.found > 0) notice.show(`${batch.said(end.asked)}.`, "The model had no more that differ enough from these.");
    if (!end.found) throw new Refused("none", "");
    notice.say(`Done: ${batch.said(request.n)}`);
  } catch (error) {
    if (!control.signal.aborted) await explain(error, again);
    else if (order === opened) notice.clear();
  } finally {
    batch.end();
    running.delete(control);
    if (!running.size) composer.busy(false);
    if (order === opened) remember();
  }
}

const slow = (very) =>
  very ? ["Still at it.", "This takes unusually long; the server may have much to do."] : ["One moment.", "The server takes a little longer than usual."];

function stop() {
  for (const control of running) control.abort();
}

function remember() {
  opened.prompts = results.kept();
  if (opened.prompts.length) keep(opened);
  else if (!running.size && $("notice").hidden) results.close(); // stopped before anything came
}

async function explain(error, again) {
  if (!(error instanceof Refused)) throw error;
  const retry = { tone: "trouble", actions: [["Try again", again]] };
  if (error.kind === "key") {
    if (await askForKey(error.message)) return again();
    return notice.show("No key, no prompts.", "This server asks for one.", { ...retry, actions: [["Enter a key", again]] });
  }
  if (error.kind === "wrong") {
    if (!composer.problem(error.param, error.message)) notice.show("The server does not take this order.", error.message, { tone: "trouble" });
  } else if (error.kind === "none") {
    notice.show("No prompt fits all of that.", "Fewer words to keep or to avoid may help, another length, or another seed.", { tone: "trouble", actions: [["Try another seed", () => anotherSeed(again)]] });
  } else if (error.kind === "busy") notice.show("The server is still busy.", "Please try again in a while.", retry);
  else if (error.kind === "lost") notice.show("The connection is gone.", error.message, retry);
  else notice.show("Something went wrong on the server.", error.message, retry);
}

function anotherSeed(again) {
  $("seed").value = "";
  again();
}

// --- Orders from elsewhere --------------------------------------------------------------------------------------

function setFragment(request) {
  history.replaceState(null, "", toFragment(request));
}

function takeFragment() {
  const request = fromFragment(location.hash);
  if (!request) return;
  composer.fill(request, { pinSeed: true });
  write();
}

function reopen(entry) {
  stop();
  notice.clear();
  opened = entry;
  composer.fill(entry.request, { pinSeed: true });
  setFragment(entry.request);
  results.open(entry.request, typeof entry.request.intents === "string").end();
  for (const { prompt, label } of entry.prompts) $("cards").append(results.show(prompt, label));
  results.recount();
  bringIntoView();
}

// On a phone the prompts stand below the form.
function bringIntoView() {
  const top = $("results").getBoundingClientRect().top;
  if (top > window.innerHeight * 0.6) $("results").scrollIntoView({ behavior: smooth() });
}

const smooth = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

// --- Beginning --------------------------------------------------------------------------------------------------

async function begin() {
  let about;
  try {
    about = await tasks();
  } catch (error) {
    $("composer").inert = true;
    return explain(error, begin);
  }
  $("composer").inert = false;
  notice.clear();
  composer = new Composer(about);
  const nameOf = (name) => taskName(about.tasks.find((task) => task.name === name) ?? { name, title: name });
  const share = (from) => copyText(location.href, from, notice.say);
  results = new Results({ act: vary, share, say: notice.say, nameOf, range: about.commands.words });
  new History({ open: reopen, nameOf });
  drawExamples({
    tasks: about.tasks,
    nameOf,
    take(example) {
      composer.fill(example);
      write();
    },
  });
  $("model").textContent = about.model?.name ?? "";
  $("empty").hidden = false;
  takeFragment();
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
$("stop").addEventListener("click", stop);
$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // its fragment would take the place of the order's
  $("results").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && composer && !document.querySelector("dialog[open]")) write();
  else if (event.key === "Escape" && running.size && !event.defaultPrevented && !document.querySelector("dialog[open]")) stop();
});
window.addEventListener("hashchange", takeFragment);
$("write-key").textContent = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘ ↵" : "Ctrl ↵";
offerLook();
begin();
