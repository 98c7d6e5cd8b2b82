// @ts-check
// The table of images: its rows, the search, and looking up one image by its exact name.

import { getRun, getRunsOf, messageOf, refusedWith } from "./api.js";
import { $, chip, element, say, sayCut, toast } from "./elements.js";
import { age, count, moment, ms, visible, whole, words } from "./format.js";
import { watchPicture } from "./pictures.js";
import { latencyOf, noteOf, subtitle, title, whenOf } from "./run.js";
import { matching, state } from "./state.js";

/** @import { RunView } from "./api.js" */
/**
 * The elements of a row that its run fills.
 * @typedef {{ row: HTMLTableRowElement, name: HTMLElement, under: HTMLElement, state: HTMLElement, score: HTMLElement,
 *   attempt: HTMLElement, latency: HTMLElement, when: HTMLElement, age: HTMLElement }} Row
 */

export const PAGE = 50;
export const MOST_ROWS = 1_000;

/** @type {Map<string, Row>} */
const rows = new Map(); // by run id; kept, so that pictures and focus survive

/** Show the list as it is, narrowed by the search. */
export function showRuns() {
  const { filter, list, text } = state;
  const chosen = matching(list, text);
  const firstTime = rows.size === 0;
  const wanted = chosen.map((run) => {
    let row = rows.get(run.run_id);
    if (!row) {
      row = makeRow(run);
      rows.set(run.run_id, row);
      if (!firstTime) row.row.classList.add("fresh");
    }
    fillRow(row, run);
    return row.row;
  });
  const ids = new Set(chosen.map((run) => run.run_id));
  for (const [id, { row }] of rows) {
    if (ids.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  const body = $("rows");
  wanted.forEach((row, index) => {
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
  const isSearched = text.trim() !== "";
  const isFiltered = Boolean(filter.state || filter.reason || filter.device);
  $("empty").hidden = chosen.length > 0;
  say($("empty"), whyEmpty(isSearched, isFiltered));
  $("more").hidden = !list.next || isSearched || list.pages * PAGE >= MOST_ROWS;
  $("clear").hidden = !(isFiltered || text);
  say(
    $("runs-figure"),
    chosen.length ? `${count(chosen.length)} newest${list.next ? ", and more" : ""}` : "",
  );
}

/**
 * Look through all images for this exact blob name or run id, and show what is found below the list.
 * @param {string} text
 */
export async function lookUp(text) {
  state.list.extra = [];
  /** @type {RunView[]} */
  let found = [];
  const id = text.trim().toLowerCase();
  try {
    found = /^[0-9a-f]{32}$/.test(id) ? [await getRun(id)] : (await getRunsOf(text)).runs;
  } catch (error) {
    if (!refusedWith(error, 404)) toast(visible(messageOf(error)));
  }
  if (state.text !== text) return;
  state.list.extra = found;
  showRuns();
  if (!found.length && !$("rows").childElementCount) toast("No image has exactly this blob name or run id.");
}

/**
 * @param {boolean} isSearched
 * @param {boolean} isFiltered
 */
function whyEmpty(isSearched, isFiltered) {
  if (isSearched) {
    return "No image in this list matches. Enter looks through all images for this exact blob name or run id.";
  }
  return isFiltered
    ? "No image matches these filters."
    : "No image yet. The first one shows here as soon as it arrives.";
}

/**
 * @param {RunView} run
 * @returns {Row}
 */
function makeRow(run) {
  const thumb = element("div", { class: "thumb", "data-picture": run.run_id, "aria-hidden": "true" });
  const name = element("a", { class: "name", href: `#/runs/${run.run_id}` });
  const under = element("span", { class: "under" });
  const standing = element("td", { class: "c-state" });
  const score = element("td", { class: "c-score num" });
  const attempt = element("td", { class: "c-attempt num" });
  const latency = element("td", { class: "c-latency num" });
  const age = element("span");
  const when = element("td", { class: "c-age num" }, age);
  const row = element(
    "tr",
    { "data-run": run.run_id },
    element("td", { class: "c-image" }, thumb),
    element("td", { class: "c-name" }, name, under),
    standing,
    score,
    attempt,
    latency,
    when,
  );
  row.addEventListener("click", (event) => {
    if (event.target instanceof Element && !event.target.closest("a")) location.hash = `#/runs/${run.run_id}`;
  });
  watchPicture(thumb);
  return { row, name, under, state: standing, score, attempt, latency, when, age };
}

/**
 * @param {Row} row
 * @param {RunView} run
 */
function fillRow(row, run) {
  const key = JSON.stringify([
    run.state,
    run.reason,
    run.attempt,
    run.scores,
    run.committed_at,
    run.cause,
    run.step,
  ]);
  if (row.row.dataset.key === key) return;
  row.row.dataset.key = key;
  sayCut(row.name, title(run));
  row.name.title = visible(run.blob_name);
  say(row.under, subtitle(run));
  const note = noteOf(run);
  const why = note
    ? element("span", { class: "under", title: visible(run.detail ?? note) }, visible(words(note)))
    : null;
  row.state.replaceChildren(chip(run.state), ...(why ? [why] : []));
  say(row.score, run.scores?.[0] ? whole.format(run.scores[0].value) : "");
  say(row.attempt, String(run.attempt ?? 1));
  say(row.latency, latencyOf(run));
  const when = whenOf(run);
  if (when) row.age.dataset.age = when;
  row.when.title = when ? moment.format(ms(when)) : "";
  say(row.age, age(when));
}
