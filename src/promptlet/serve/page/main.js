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
import { MORE, variation } from "./variations.js";

const running = new Set(); // an AbortController per run
let composer = null;
let results = null;
let opened = null; // the order whose prompts are shown, as the history keeps it
let before = null; // the last other one that had prompts

// --- Runs -------------------------------------------------------------------------------------------------------

async function write() {
  if (composer.empty) return composer.problem("intents", "Add an idea first: what should it be about?");
  if (composer.length?.wrong) return composer.problem("words", composer.length.wrong);
  composer.problem(null);
  const latest = (write.latest = Symbol());
  await composer.settled();
  if (latest !== write.latest) return; // it was asked for again meanwhile
  leave();
  const request = composer.request();
  if (opened?.prompts.length) before = opened;
  opened = { at: Date.now(), request, prompts: [] };
  setFragment(request);
  const batch = results.open(request);
  bringIntoView();
  go(request, batch, write);
}

async function vary(how, prompt, card) {
  const order = opened;
  const batch = results.places(how === "more" ? MORE : 1, { after: card });
  const { request, label } = await variation(how, order.request, prompt, composer.commands.words, card.classList.contains(`made-${how}`));
  if (order !== opened) return; // another order took the page meanwhile
  batch.label = label;
  const again = () => vary(how, prompt, card);
  await go(request, batch, again, (made) => {
    card.classList.add(`made-${how}`); // its own seed has been written; the next one is another
    made.scrollIntoView({ block: "nearest", behavior: smooth() });
  });
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

// Stops an order that another takes the place of; what has come of it stays in the history.
function leave() {
  if (running.size) remember();
  stop();
}

function remember() {
  opened.prompts = results.kept();
  if (opened.prompts.length) keep(opened);
  else if (!running.size && $("notice").hidden) giveBack(); // stopped or refused before anything came
}

// Shows the prompts again that were there before an order of which nothing came.
function giveBack() {
  if (!before) return results.close();
  opened = before;
  setFragment(opened.request);
  draw(opened);
}

function draw(order) {
  results.open(order.request).end();
  for (const { prompt, ...how } of order.prompts) $("cards").append(results.show(prompt, how));
  results.recount();
}

async function explain(error, again) {
  if (!(error instanceof Refused)) {
    notice.show("Something went wrong on this page.", "Loading it anew may help.", { tone: "trouble" });
    throw error; // it is a fault of ours, for the console
  }
  const retry = { tone: "trouble", actions: [["Try again", again]] };
  if (error.kind === "key") {
    if (await askForKey(error.tried ? error.message : "")) return again();
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

async function takeFragment() {
  const request = fromFragment(location.hash);
  if (!request || !composer) return; // without a form yet, `begin` comes back to it
  const others = composer.fill(request, { pinSeed: true });
  await write();
  if (others.length && !composer.empty) results.remark(`Not all is as the link has it: ${others.join(", ")}.`);
}

function reopen(entry) {
  leave();
  notice.clear();
  opened = { ...(entry.at === opened?.at ? opened : entry) }; // the entry may be older than what has come of it since
  composer.fill(opened.request, { pinSeed: true });
  setFragment(opened.request);
  draw(opened);
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
    return explain(error, begin);
  }
  notice.clear();
  composer = new Composer(about);
  $("composer").hidden = false; // before, it knew neither tasks nor ranges
  const nameOf = (name) => taskName(about.tasks.find((task) => task.name === name) ?? { name, title: name });
  const share = (from) => copyText(location.href, from, notice.say);
  const pin = (seed) => {
    composer.pin(seed);
    notice.say(`The next order keeps the seed ${seed}`, { quiet: false });
  };
  results = new Results({ act: vary, share, pin, say: notice.say, nameOf, range: about.commands.words });
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
