// The length of a prompt: a number of words or a range of them, by a field that takes "12" or "10-20" and a slider.
//
// A request holds it as the server takes it: 12 or "10-20". The slider moves a range as a whole.

import { $, plural } from "./dom.js";
import { say } from "./notice.js";

// On a phone a dash is far away, and who copies a range may bring another one along.
const FORM = /^(\d+)(?:\s*(?:[-–—\s]|to)\s*(\d+))?(?:\s*words?)?$/i;
const DASH = /-(?=\d)/;

// Returns how a request's length is called: "12 words", "10–20 words"; `dash` is what stands in a range.
export const lengthName = (words, dash = "–") => (DASH.test(words) ? `${words.replace(DASH, dash)} words` : plural(Number(words), "word"));

// Returns {low, high} of a text, or null if it is no length.
function read(text) {
  const [, low, high = low] = FORM.exec(String(text).trim()) ?? [];
  return low === undefined ? null : { low: Number(low), high: Number(high) };
}

const written = ({ low, high }) => (low === high ? `${low}` : `${low}-${high}`);

export class Length {
  #wanted;

  // `range` is what the student can be asked for.
  constructor(range) {
    this.range = range;
    this.field = $("words");
    this.slider = $("words-slider");
    Object.assign(this.slider, { min: range.low, max: range.high });
    [$("words-low").textContent, $("words-high").textContent] = [range.low, range.high];
    const part = (share) => Math.round(range.low + share * (range.high - range.low));
    this.example = written({ low: part(0.15), high: part(0.43) });
    $("words-help").textContent = `or a range: ${this.example}`;
    this.field.addEventListener("input", () => this.#onText());
    this.field.addEventListener("change", () => this.#settle());
    this.slider.addEventListener("input", () => this.#onSlider());
  }

  // What is asked for, as a request holds it; what is no length leaves it at the last one.
  get words() {
    const { low, high } = this.#wanted;
    return low === high ? low : written(this.#wanted);
  }

  // What is wrong with the text in the field, in a line; nothing if it is a length.
  get wrong() {
    const { low: lowest, high: highest } = this.range;
    const found = read(this.field.value);
    if (!found) return `A length is a number of words, or a range such as ${this.example}.`;
    if (found.low > found.high) return `This range runs backwards; did you mean ${found.high}-${found.low}?`;
    if (found.low < lowest || found.high > highest) return `This model writes ${lowest} to ${highest} words.`;
    return "";
  }

  // Takes a request's length, as far as the student's range goes.
  set(words) {
    const within = (count) => Math.min(this.range.high, Math.max(this.range.low, count));
    const { low, high } = read(words);
    this.#wanted = { low: within(Math.min(low, high)), high: within(Math.max(low, high)) };
    this.field.value = written(this.#wanted);
    this.#show();
    this.#tell("");
  }

  #onText() {
    if (this.wrong) return; // it may be on its way to a length: "4" before "40"
    this.#wanted = read(this.field.value);
    this.#show();
    this.#tell("");
  }

  #onSlider() {
    const { low, high } = this.#wanted;
    const by = Math.min(this.range.high - high, Math.max(this.range.low - low, Number(this.slider.value) - this.#middle));
    this.set(written({ low: low + by, high: high + by }));
  }

  #settle() {
    const wrong = this.wrong;
    if (!wrong) this.field.value = written(this.#wanted);
    this.#tell(wrong);
    if (wrong) say(wrong); // the focus is elsewhere by now
  }

  #tell(wrong) {
    $("words-error").textContent = wrong;
    $("words-error").hidden = !wrong;
    if (wrong) this.field.setAttribute("aria-invalid", "true");
    else this.field.removeAttribute("aria-invalid");
  }

  get #middle() {
    return Math.round((this.#wanted.low + this.#wanted.high) / 2);
  }

  #show() {
    const { low, high } = this.#wanted;
    const share = (count) => (count - this.range.low) / (this.range.high - this.range.low || 1);
    this.slider.value = this.#middle;
    this.slider.classList.toggle("ranged", low !== high);
    this.slider.style.setProperty("--from", share(low));
    this.slider.style.setProperty("--filled", share(high));
    this.slider.setAttribute("aria-valuetext", lengthName(this.words, " to "));
  }
}
