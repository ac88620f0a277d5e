// The form: from the controls to a request and back.

import { Chips } from "./chips.js";
import { $, button, element, hue, plural } from "./dom.js";
import { cleaned, parse, textOf } from "./intent.js";
import { Length, lengthName } from "./length.js";
import { say } from "./notice.js";
import { Reading } from "./reading.js";
import { Sentences } from "./sentences.js";
import { Suggest } from "./suggest.js";

// Short names of the tasks that Promptlet comes with; others go by their own title.
const NAMES = { t2i: "Picture", t2t: "Template", tags: "Tags" };
const CLOSENESS = ["Loosest", "Loose", "Balanced", "Close", "Closest"];
const MOST_SEED = 2 ** 32 - 1;
const MOST_PROMPTS = 16; // more are for programs
const USUAL = { words: 20, n: 4 };

// How what is set is called, where a link asks for something else.
const CALLED = {
  words: lengthName,
  relevance: (value) => `closeness ${value}`,
  n: (value) => plural(Number(value), "prompt"),
  seed: (value) => `seed ${value}`,
};

export const drawSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
export const taskName = (task) => NAMES[task.name] ?? task.title.charAt(0).toUpperCase() + task.title.slice(1);

export class Composer {
  #free = false;

  // `about` is what the server tells at v1/tasks.
  constructor(about) {
    const limits = about.limits ?? {};
    this.tasks = about.tasks;
    this.commands = about.commands;
    this.mostPrompts = Math.min(limits.prompts ?? USUAL.n, MOST_PROMPTS);
    this.ideas = new Chips($("ideas"), { noun: "idea", most: limits.intents ?? 8, kinds: this.tasks[0].kinds, commas: true });
    this.keep = new Chips($("keep"), { noun: "term", most: limits.kept ?? 16 });
    this.ban = new Chips($("ban"), { noun: "term", most: limits.banned ?? 64, commas: true });
    this.sentences = new Sentences(this.ideas, { keep: this.keep, ban: this.ban }, () => this.task.name);
    this.suggest = new Suggest(this.ideas, this.sentences, () => this.task.name);
    this.reading = new Reading($("text"), () => this.task.name);
    this.length = this.commands.words ? new Length(this.commands.words) : null;
    this.#drawTasks();
    this.#setRanges();
    this.#listen();
    this.fill({ task: this.tasks[0].name, intents: [] });
  }

  get task() {
    const chosen = document.querySelector("input[name=task]:checked")?.value;
    return this.tasks.find((task) => task.name === chosen) ?? this.tasks[0];
  }

  get empty() {
    return this.#free ? !cleaned($("text").value) : !this.ideas.values.length && !cleaned(this.ideas.input.value);
  }

  // Makes ideas of what is still being written, and returns when they have their kinds.
  async settled() {
    if (this.#free) return;
    this.ideas.commit();
    await this.suggest.settled();
  }

  // Returns the request that the controls ask for. A seed is drawn if none is set, so that it can be asked for again.
  request() {
    if (!this.#free) this.ideas.commit();
    this.keep.commit();
    this.ban.commit();
    this.#settleAll();
    const request = {
      task: this.task.name,
      intents: this.#free ? cleaned($("text").value) : this.ideas.values.map(textOf),
      n: this.#count(),
      seed: this.#seed() ?? drawSeed(),
    };
    if (this.length) request.words = this.length.words;
    if (this.commands.relevance) request.relevance = Number($("relevance").value);
    if (this.keep.values.length) request.keep = [...this.keep.values];
    if (this.ban.values.length) request.ban = [...this.ban.values];
    return request;
  }

  // Returns in words which numbers are not those of the request, since there are no such here.
  fill(request, { pinSeed = false } = {}) {
    const task = this.tasks.find((each) => each.name === request.task) ?? this.tasks[0];
    $(`task-${task.name}`).checked = true;
    this.#onTask();
    const free = typeof request.intents === "string";
    $("text").value = free ? request.intents : "";
    this.#setFree(free);
    this.ideas.input.value = "";
    const ideas = free ? [] : request.intents.map(parse);
    this.ideas.set(ideas.slice(0, this.ideas.most));
    this.length?.set(request.words ?? USUAL.words);
    $("relevance").value = request.relevance ?? $("relevance").max; // a slider keeps to its range
    this.keep.set(request.keep ?? []);
    this.ban.set(request.ban ?? []);
    $("n").value = request.n ?? USUAL.n;
    $("n").value = this.#count();
    $("seed").value = pinSeed ? (request.seed ?? "") : "";
    $("seed").value = this.#seed() ?? "";
    $("fine").open ||= Boolean(this.keep.values.length || this.ban.values.length);
    this.#show();
    this.problem(null);
    const { words, relevance, n, seed } = request;
    const wished = { words: this.commands.words ? words : null, relevance: this.commands.relevance ? relevance : null, n, seed: pinSeed ? seed : null };
    const others = Object.keys(wished).filter((name) => wished[name] !== undefined && wished[name] !== null && String(wished[name]) !== $(name).value);
    const changed = others.map((name) => `${CALLED[name]($(name).value)} instead of ${wished[name]}`);
    if (request.task && request.task !== task.name) changed.unshift(`${taskName(task)} instead of ${request.task}`);
    if (ideas.length > this.ideas.most) changed.push(`${this.ideas.most} ideas instead of ${ideas.length}`);
    return changed;
  }

  pin(seed) {
    $("seed").value = seed;
    this.#show();
  }

  // Says at the control what the server found wrong there; returns whether there is such a control.
  problem(name, message = "") {
    for (const told of document.querySelectorAll("#composer .problem")) told.hidden = true;
    for (const wrong of document.querySelectorAll("#composer [aria-invalid]")) wrong.removeAttribute("aria-invalid");
    const field = { intents: "ideas", task: "ideas" }[name] ?? name;
    const told = field && $(`${field}-error`);
    const control = told && [...document.querySelectorAll(`#composer [aria-describedby~="${told.id}"]`)].find((each) => !each.closest("[hidden]"));
    if (!control) return false;
    told.textContent = message;
    told.hidden = false;
    if (told.closest("details")) told.closest("details").open = true;
    control.setAttribute("aria-invalid", "true");
    control.focus();
    return true;
  }

  busy(running) {
    const hadFocus = document.activeElement === $(running ? "write" : "stop");
    $("write").hidden = running;
    $("stop").hidden = !running;
    if (hadFocus) $(running ? "stop" : "write").focus();
  }

  #drawTasks() {
    const choices = this.tasks.map((task) => {
      const input = element("input", { type: "radio", name: "task", value: task.name, id: `task-${task.name}`, change: () => this.#onTask() });
      return element("label", {}, input, element("span", {}, taskName(task)));
    });
    $("tasks").replaceChildren(...choices);
    $("task-field").hidden = this.tasks.length < 2;
  }

  #setRanges() {
    for (const name of ["words", "relevance"]) $(`${name}-field`).hidden = !this.commands[name];
    const { low, high } = this.commands.relevance ?? {};
    if (this.commands.relevance) Object.assign($("relevance"), { min: low, max: high });
  }

  #listen() {
    for (const name of ["relevance", "n", "seed"]) $(name).addEventListener("input", () => this.#show());
    for (const chips of [this.keep, this.ban]) chips.addEventListener("change", () => this.#show());
    this.ideas.addEventListener("change", () => this.#show());
    // A form that is taller than the window scrolls with the page until its end shows.
    new ResizeObserver(([{ target }]) => target.style.setProperty("--tall", `${target.offsetHeight}px`)).observe($("composer"));
    $("fewer").addEventListener("click", () => this.#step(-1));
    $("another").addEventListener("click", () => this.#step(1));
    for (const name of ["n", "seed"]) $(name).addEventListener("change", () => this.#settleAll());
    $("mode").addEventListener("click", () => this.#switchMode());
    $("dice").addEventListener("click", () => {
      $("seed").value = drawSeed();
      this.#show();
    });
  }

  #step(by) {
    $("n").value = Math.max(1, Math.min(this.mostPrompts, this.#count() + by));
    this.#show();
  }

  // Shows the numbers as they are sent, and says what is allowed where something else was entered.
  #settleAll() {
    this.#settle("n", this.#count(), `1 to ${this.mostPrompts} at a time.`);
    this.#settle("seed", this.#seed() ?? "", `A seed is a whole number up to ${MOST_SEED}.`);
    this.#show();
  }

  #settle(name, sent, allowed) {
    const told = $(`${name}-error`);
    told.hidden = Number($(name).value) === Number(sent);
    told.textContent = told.hidden ? "" : allowed;
    if (!told.hidden) say(allowed); // the focus is elsewhere by now
    $(name).value = sent;
  }

  #count() {
    const count = Number.parseInt($("n").value, 10);
    return count >= 1 ? Math.min(count, this.mostPrompts) : 1;
  }

  #seed() {
    const digits = $("seed").value.replaceAll(/\D/g, "");
    return digits ? Math.min(Number(digits), MOST_SEED) : null;
  }

  #onTask() {
    this.ideas.kinds = this.task.kinds;
    this.ideas.set(this.ideas.values);
    this.sentences.clear();
    this.#drawStarters();
    this.reading.later();
  }

  // A way to every kind for those who don't know yet which there are.
  #drawStarters() {
    const used = new Set(this.ideas.values.map((each) => each.kind));
    const starters = this.task.kinds
      .filter((kind) => !used.has(kind))
      .map((kind) => {
        const made = button(kind, "plus", () => this.#start(kind), { class: "starter", "aria-label": `Add an idea: ${kind}` });
        made.dataset.kind = hue(kind);
        return made;
      });
    $("starters").replaceChildren(...(this.ideas.full ? [] : starters));
  }

  #start(kind) {
    this.ideas.commit();
    if (this.ideas.full) return this.ideas.input.focus();
    this.ideas.input.value = `${kind}: `;
    this.ideas.input.focus();
    this.ideas.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async #switchMode() {
    if (!this.#free) {
      this.ideas.commit();
      $("text").value = this.#ideasAsText();
    } else if (cleaned($("text").value) !== this.#ideasAsText()) await this.#textAsIdeas();
    this.#setFree(!this.#free);
    (this.#free ? $("text") : this.ideas.input).focus();
    this.#show();
  }

  // What is read in the text becomes the ideas, and what stands in it to be kept or banned joins those terms.
  async #textAsIdeas() {
    const read = cleaned($("text").value) ? await this.reading.read() : null;
    this.ideas.set(read?.intents ?? []);
    if (!read) {
      this.ideas.input.value = $("text").value;
      return this.ideas.commit();
    }
    for (const name of ["keep", "ban"]) for (const term of read[name]) this[name].add(term);
    if (read.keep.length || read.ban.length) $("fine").open = true;
  }

  #ideasAsText() {
    return this.ideas.values.map((each) => each.value).join(", ").slice(0, $("text").maxLength);
  }

  #setFree(free) {
    this.#free = free;
    $("ideas-text").hidden = !free;
    if (free) this.reading.later();
    $("ideas-chips").hidden = free;
    $("mode").textContent = free ? "Use as ideas" : "Write freely";
    $("ideas-label").htmlFor = free ? "text" : "idea";
    $("ideas-label").textContent = free ? "In your own words" : "Your ideas";
  }

  #show() {
    const { min, max, value } = $("relevance");
    $("relevance").style.setProperty("--filled", (value - min) / (max - min));
    const closeness = CLOSENESS[value] ?? value;
    $("relevance-shown").textContent = closeness;
    $("relevance").setAttribute("aria-valuetext", closeness);
    $("write-text").textContent = `Write ${plural(this.#count(), "prompt")}`;
    $("fewer").disabled = this.#count() <= 1;
    $("another").disabled = this.#count() >= this.mostPrompts;
    const parts = [
      this.keep.values.length && `${this.keep.values.length} kept`,
      this.ban.values.length && `${this.ban.values.length} banned`,
      $("seed").value && "seed set",
    ];
    $("fine-shown").textContent = parts.filter(Boolean).join(" · ") || "kept and banned words, seed";
    this.#drawStarters();
  }
}
