// @ts-check
// Finding elements, making them and changing their text. Text from outside becomes a text node, never markup.

import { headAndTail } from "./format.js";

/** @typedef {Node | string | null | undefined} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * The element of this id, which the page has; `kind` where more than an HTMLElement is needed of it.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function $(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof (kind ?? HTMLElement)))
    throw new Error(`The page has no ${kind?.name ?? "element"} #${id}.`);
  return /** @type {T} */ (found);
}

/**
 * A new element. What is null, undefined or false is left out, of the attributes and of the children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * A new button that does something.
 * @param {Attributes} attributes
 * @param {string} text
 * @param {() => void} act
 */
export function button(attributes, text, act) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

/**
 * A new element of SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
export function drawn(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/**
 * Set a text, unless it is that already.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Set a name whose middle is cut where it does not fit.
 * @param {Element} node
 * @param {string} text
 */
export function sayCut(node, text) {
  if (node.textContent === text) return;
  const [head = "", tail = ""] = headAndTail(text);
  node.replaceChildren(element("span", { class: "head" }, head), element("span", { class: "tail" }, tail));
}

/**
 * Say something for six seconds.
 * @param {string} text
 */
export function toast(text) {
  const note = element("p", {}, text);
  $("toasts").append(note);
  setTimeout(() => note.remove(), 6_000);
}

/** @param {string} state */
export const chip = (state) => element("span", { class: "chip", "data-state": state }, state);

/**
 * Offer these values in a select behind its first, which is none of them; remade only when they changed.
 * @param {HTMLSelectElement} select
 * @param {string[]} values
 * @param {string} chosen  offered too, whether it is among them or not
 * @param {(value: string) => string} wording
 */
export function offer(select, values, chosen, wording) {
  const wanted = [...new Set([...values, chosen])].filter((value) => value).sort();
  const present = [...select.options].slice(1).map((option) => option.value);
  if (JSON.stringify(wanted) !== JSON.stringify(present)) {
    const made = wanted.map((value) => element("option", { value }, wording(value)));
    select.replaceChildren(...[...select.options].slice(0, 1), ...made);
  }
  select.value = chosen;
}

/**
 * What tells a button of a list from its neighbours.
 * @param {Element} button
 */
const nameOf = (button) => button.getAttribute("aria-label") ?? button.getAttribute("title") ?? "";

/**
 * Fill a list, or say that there is nothing; remade only when it changed, so that focus and hover survive a refresh.
 * @template T
 * @param {HTMLElement} list
 * @param {T[]} items
 * @param {(item: T) => string} keyOf  all that shows of an item
 * @param {(item: T) => HTMLElement} make
 * @param {string} nothing
 */
export function keepList(list, items, keyOf, make, nothing) {
  const key = JSON.stringify(items.map(keyOf)) + nothing;
  if (list.dataset.key === key) return;
  const active = document.activeElement;
  const focused = active && list.contains(active) ? nameOf(active) : "";
  list.dataset.key = key;
  list.replaceChildren(...(items.length ? items.map(make) : [element("li", { class: "quietly" }, nothing)]));
  if (focused) [...list.querySelectorAll("button")].find((one) => nameOf(one) === focused)?.focus();
}
