// The review page: shows a reviewer's prompts one by one and saves every answer at once.
// The access code is the fragment of the address; the prompt that is shown is kept in the history's state.

const RETRY_MS = 3000;
const TYPING_MS = 800;
const STATUS_MS = 2500;
const SHORTCUTS = "promptlet-shortcuts";
const UNSAVED = "promptlet-unsaved"; // of this tab, so that a reload loses nothing

const $ = (id) => document.getElementById(id);
const waiting = new Map(); // item -> answers that are not saved yet
let underway = null; // [item, answers] that the server has not confirmed yet
let review = null;
let code = location.hash.slice(1);
let place = 0; // of the prompt that is shown; behind the last one it is the end
let sending = false;
let typing = 0;
let hushing = 0;

// --- Talking to the server -------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${code}`, "Content-Type": "application/json" };
  const response = await fetch(path, { ...options, headers, keepalive: true });
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new Refused(response.status, typeof said.detail === "string" ? said.detail : `The server says ${response.status}.`);
}

async function load() {
  if (!code) return showLogin("");
  const shown = review?.items[place]?.id ?? history.state?.item;
  const before = review?.reviewer;
  try {
    review = await ask("api/review");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return showLogin(error.message);
    return alertWith(`The review can't be reached. ${error.message}`);
  }
  if (before && before !== review.reviewer) waiting.clear(); // another person's code was entered
  if (!before) recall();
  for (const item of review.items) Object.assign(item, waiting.get(item.id));
  const known = review.items.findIndex((item) => item.id === shown);
  const left = review.items.findIndex((item) => !complete(item));
  place = known >= 0 ? known : left >= 0 ? left : review.items.length;
  alertWith("");
  document.title = `${review.title} – review`;
  $("title").textContent = review.title;
  $("reviewer").textContent = review.reviewer;
  $("comment").maxLength = review.most_comment_characters;
  $("login").hidden = true;
  drawQuestions();
  show();
  send();
}

function save(item, answers) {
  Object.assign(item, answers);
  waiting.set(item.id, { ...waiting.get(item.id), ...answers });
  remember();
  showProgress();
  tell("");
  send();
}

async function send() {
  if (sending || !waiting.size) return;
  sending = true;
  while (waiting.size) {
    const [id, answers] = (underway = waiting.entries().next().value);
    waiting.delete(id);
    try {
      const saved = await ask(`api/items/${id}`, { method: "PATCH", body: JSON.stringify(answers) });
      const item = review.items.find((each) => each.id === id);
      if (item) Object.assign(item, saved, waiting.get(id));
      if (item === review.items[place]) showAnswers();
      alertWith("");
    } catch (error) {
      if (!keepTrying(error, id, answers)) break;
    } finally {
      underway = null;
      remember();
    }
  }
  sending = false;
  if (!waiting.size) tell("Saved");
  if (!$("end").hidden) showEnd();
}

function remember() {
  const [id, answers] = underway ?? [];
  const unsaved = new Map(underway ? [...waiting, [id, { ...answers, ...waiting.get(id) }]] : waiting);
  sessionStorage.setItem(UNSAVED, JSON.stringify({ code, items: [...unsaved] }));
}

function recall() {
  const kept = JSON.parse(sessionStorage.getItem(UNSAVED) ?? "{}");
  if (kept.code === code) for (const [id, answers] of kept.items) waiting.set(id, { ...answers, ...waiting.get(id) });
}

// Returns whether to go on with what else waits.
function keepTrying(error, id, answers) {
  const status = error instanceof Refused ? error.status : 0;
  if (status === 404 || status === 422) {
    load().then(() => alertWith(`One answer was not saved: ${error.message}`));
    return true;
  }
  waiting.set(id, { ...answers, ...waiting.get(id) });
  if (status === 401) {
    showLogin(`${error.message} Your last answers are kept here until you enter a valid one.`);
  } else {
    const reason = status ? error.message : "The server can't be reached.";
    alertWith(`Not saved yet. ${reason} Keep this page open; it tries again.`);
    setTimeout(send, RETRY_MS);
  }
  return false;
}

// --- Showing ---------------------------------------------------------------------------------------------------

const complete = (item) => review.questions.every((question) => item[question.name]);

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function drawQuestions() {
  if ($("questions").children.length) return;
  for (const question of review.questions) {
    const group = element("fieldset", "", { id: `question-${question.name}` });
    const legend = element("legend");
    legend.append(element("b", question.name), element("span", ` · ${question.text}`, { class: "muted" }));
    const answers = element("div", "", { class: "answers" });
    question.answers.forEach((answer, index) => {
      const label = element("label");
      const input = element("input", "", { type: "radio", name: question.name, value: index + 1 });
      input.addEventListener("change", () => rate(question.name, index + 1));
      label.append(input, element("span", answer), element("kbd", index + 1, { "aria-hidden": "true" }));
      answers.append(label);
    });
    group.append(legend, answers);
    $("questions").append(group);
  }
}

function rate(name, value) {
  const item = review.items[place];
  if (item[name] !== value) save(item, { [name]: value });
  showAnswers();
}

function show() {
  const item = review.items[place];
  history.replaceState({ item: item?.id }, "");
  $("item").hidden = $("help").hidden = !item;
  $("end").hidden = Boolean(item);
  showProgress();
  if (item) showItem(item);
  else showEnd();
}

function showItem(item) {
  $("place").textContent = `Prompt ${place + 1} of ${review.items.length}`;
  $("prompt-name").textContent = item.kind;
  $("prompt").textContent = item.prompt;
  $("intents").replaceChildren(
    ...item.intents.map((intent) => {
      const pair = element("div");
      const [kind, ...value] = intent.split(": ");
      pair.append(element("dt", kind), element("dd", value.join(": ")));
      return pair;
    }),
  );
  if (document.activeElement !== $("comment")) $("comment").value = item.comment;
  $("back").disabled = place === 0;
  showAnswers();
}

function showAnswers() {
  const item = review.items[place];
  if (!item) return;
  for (const input of $("questions").querySelectorAll("input")) input.checked = item[input.name] === Number(input.value);
  $("next").textContent = !complete(item) ? "Skip" : place + 1 < review.items.length ? "Next" : "Finish";
  $("next").classList.toggle("quiet", !complete(item));
}

function showEnd() {
  const left = review.items.filter((item) => !complete(item)).length;
  const done = sending || waiting.size ? "Saving the last answers" : "All done. Thank you!";
  $("end-title").textContent = left ? `${left} of ${review.items.length} still to rate` : done;
  $("end-text").textContent = left
    ? "You can leave now and come back with the same link."
    : "Every answer is saved. You can still go back and change them, or close this page.";
  $("unrated").hidden = !left;
  $("last").hidden = !review.items.length;
}

function showProgress() {
  const rated = review.items.filter(complete).length;
  $("progress-row").hidden = false;
  $("progress").max = review.items.length || 1;
  $("progress").value = rated;
  $("progress-text").textContent = `${rated} of ${review.items.length} rated`;
}

function showLogin(message) {
  for (const id of ["item", "end", "help", "progress-row"]) $(id).hidden = true;
  $("login").hidden = false;
  alertWith(message);
  $("token").focus();
}

function alertWith(message) {
  if ($("alert").textContent !== message) $("alert").textContent = message;
  $("alert").hidden = !message;
}

function tell(message) {
  $("status").textContent = message;
  clearTimeout(hushing);
  hushing = setTimeout(() => ($("status").textContent = ""), STATUS_MS);
}

// --- Moving and answering ---------------------------------------------------------------------------------------

function go(to) {
  saveComment();
  place = Math.max(0, Math.min(to, review.items.length));
  show();
  $(place < review.items.length ? "place" : "end-title").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function saveComment() {
  clearTimeout(typing);
  const item = review?.items[place];
  const comment = $("comment").value.trim();
  if (item && comment !== item.comment) save(item, { comment });
}

const groups = () => [...$("questions").children];
const mark = (group) => (group.querySelector(":checked") ?? group.querySelector("input")).focus();

function rateMarked(level) {
  const item = review.items[place];
  const marked = groups().findIndex((group) => group.contains(document.activeElement));
  const open = review.questions.findIndex((question) => !item[question.name]);
  const index = marked >= 0 ? marked : Math.max(open, 0);
  rate(review.questions[index].name, level);
  mark(groups()[Math.min(index + 1, review.questions.length - 1)]);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
  if ($("item").hidden || !$("shortcuts").checked) return;
  if (event.target === $("comment")) {
    if (event.key === "Escape") $("place").focus();
    return;
  }
  const level = /^(?:Digit|Numpad)([1-3])$/.exec(event.code);
  const chosen = groups().find((group) => group.id.startsWith(`question-${event.key.toLowerCase()}`));
  if (level) rateMarked(Number(level[1]));
  else if (event.key === "n" || (event.key === "Enter" && !event.target.closest("button, summary, a"))) go(place + 1);
  else if (event.key === "b") go(place - 1);
  else if (event.key === "m") $("comment").focus();
  else if (chosen) mark(chosen);
  else return;
  event.preventDefault();
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  code = encodeURIComponent($("token").value.trim().split("#").at(-1));
  $("token").value = "";
  history.replaceState(history.state, "", `#${code}`);
  load();
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // its fragment would take the place of the access code
  $("main").focus();
});
$("next").addEventListener("click", () => go(place + 1));
$("back").addEventListener("click", () => go(place - 1));
$("last").addEventListener("click", () => go(review.items.length - 1));
$("unrated").addEventListener("click", () => go(review.items.findIndex((item) => !complete(item))));
$("comment").addEventListener("change", saveComment);
$("comment").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(saveComment, TYPING_MS);
});
$("shortcuts").addEventListener("change", () => localStorage.setItem(SHORTCUTS, $("shortcuts").checked ? "on" : "off"));
$("shortcuts").checked = localStorage.getItem(SHORTCUTS) !== "off";
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) saveComment();
  else if (review && $("login").hidden) load(); // another tab may have rated meanwhile
});
window.addEventListener("hashchange", () => location.reload()); // another link was opened in this tab
window.addEventListener("beforeunload", (event) => {
  saveComment();
  if (sending || waiting.size) event.preventDefault();
});
load();
