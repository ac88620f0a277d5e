// Making and finding elements. Text is only ever set as text, never as HTML.

export const $ = (id) => document.getElementById(id);

// Attributes that are null or false are left out; functions listen to the event that they are named after.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  drawn.append(use);
  return drawn;
}

export function button(text, iconName, click, attributes = {}) {
  return element("button", { type: "button", click, ...attributes }, iconName ? icon(iconName) : null, element("span", {}, text));
}

// A kind of intent as the style sheet names it: "Scene object" is scene-object.
export const hue = (kind) => kind.toLowerCase().replaceAll(" ", "-");

// Facts as the children of a "parted" element, which puts dots between those that stand in one line.
export const parted = (...facts) => facts.filter(Boolean).flatMap((fact, at) => [...(at ? [" "] : []), element("span", {}, fact)]);

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
