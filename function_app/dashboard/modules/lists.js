// @ts-check
// The lists beside the table: what was rejected or failed, by reason, and its replay; the devices; the health.

import { getHealth, messageOf, replayAll } from "./api.js";
import { $, button, element, keepList, say, toast } from "./elements.js";
import { count, seconds, visible, words } from "./format.js";
import { soon } from "./refresh.js";
import { ENDED } from "./run.js";
import { period } from "./state.js";

/** @import { Check, Counts, WindowView } from "./api.js" */
/** @import { EndedState } from "./run.js" */
/** @import { Filter } from "./state.js" */
/** @typedef {{ reason: string, runs: number, state: EndedState }} Reason */
/** @typedef {{ name: string, counts: Counts, total: number }} Device */
/** @typedef {(change: Partial<Filter>) => void} Pick  narrows the table to what was picked */

const HEALTH_MS = 30_000;
const MOST_DEVICES = 12;
const REPLAYED_AT_ONCE = 100;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let healthTimer;

/**
 * @param {WindowView} recent
 * @param {Pick} pick
 */
export function showReasons(recent, pick) {
  const found = [...reasonsOf(recent.rejections, "rejected"), ...reasonsOf(recent.failures, "failed")];
  found.sort((a, b) => b.runs - a.runs);
  const most = Math.max(1, ...found.map((one) => one.runs));
  const keyOf = (/** @type {Reason} */ one) => `${one.state}/${one.reason}/${one.runs}/${most}`;
  const make = (/** @type {Reason} */ one) => reasonItem(one, most, pick);
  keepList($("reasons"), found, keyOf, make, `Nothing was rejected and nothing failed in the ${period()}.`);
}

/**
 * @param {WindowView} recent
 * @param {Pick} pick
 */
export function showDevices(recent, pick) {
  const found = Object.entries(recent.devices)
    .map(([name, counts]) => ({ name, counts, total: counts.scored + counts.rejected + counts.failed }))
    .sort((a, b) => b.total - a.total)
    .slice(0, MOST_DEVICES);
  const most = Math.max(1, ...found.map((one) => one.total));
  const keyOf = (/** @type {Device} */ one) => JSON.stringify([one, most]);
  const make = (/** @type {Device} */ one) => deviceItem(one, most, pick);
  keepList($("devices"), found, keyOf, make, `No image came in the ${period()}.`);
}

/** Ask whether storage and database are well, and again in a while as long as somebody looks. */
export async function showHealth() {
  try {
    const { checks } = await getHealth();
    keepList($("health"), Object.entries(checks ?? {}), healthKey, healthItem, "Nothing is known.");
  } catch {
    // The banner says it.
  }
  clearTimeout(healthTimer);
  if (!document.hidden) healthTimer = setTimeout(showHealth, HEALTH_MS);
}

/**
 * @param {Record<string, number>} runs  by reason
 * @param {EndedState} state
 * @returns {Reason[]}
 */
const reasonsOf = (runs, state) => Object.entries(runs).map(([reason, n]) => ({ reason, runs: n, state }));

/**
 * @param {Reason} one
 * @param {number} most  of all reasons
 * @param {Pick} pick
 */
function reasonItem({ reason, runs, state }, most, pick) {
  const what = `${state} as ${words(reason)}`;
  const pickIt = { class: "pickit", title: `Show the images ${what}` };
  const replayIt = { class: "small", "aria-label": `Replay images ${what}` };
  return element(
    "li",
    {},
    element(
      "div",
      { class: "row" },
      button(pickIt, words(reason), () => pick({ state, reason })),
      element("span", { class: "count" }, count(runs)),
      button(replayIt, "Replay", () => replayReason(state, reason)),
    ),
    element("div", { class: "track", "aria-hidden": "true" }, bar(state, runs / most)),
  );
}

/**
 * @param {Device} one
 * @param {number} most  of all devices
 * @param {Pick} pick
 */
function deviceItem({ name, counts, total }, most, pick) {
  const label = name ? visible(name) : "(no device named)";
  const pickIt = { class: "pickit", title: `Show the images of ${label}` };
  const asideText = total > counts.scored ? `${count(total - counts.scored)} rejected or failed` : "";
  return element(
    "li",
    {},
    element(
      "div",
      { class: "row" },
      name
        ? button(pickIt, label, () => pick({ device: name }))
        : element("span", { class: "pickit" }, label),
      element("span", { class: "quietly" }, asideText),
      element("span", { class: "count" }, count(total)),
    ),
    element(
      "div",
      { class: "track", "aria-hidden": "true" },
      ...ENDED.map((state) => bar(state, counts[state] / most)),
    ),
  );
}

/**
 * @param {EndedState} state
 * @param {number} share  0 to 1
 */
function bar(state, share) {
  const made = element("i", { "data-state": state });
  made.style.width = `${100 * share}%`;
  return made;
}

/** @param {[string, Check]} check */
const healthKey = ([name, { ok, reason, milliseconds }]) =>
  `${name}${ok}${reason}${Math.round(milliseconds / 5)}`;

/** @param {[string, Check]} check */
function healthItem([name, { ok, reason, milliseconds }]) {
  const well = () =>
    element("span", { class: "quietly" }, `well, ${seconds(Math.max(milliseconds, 1) / 1000)}`);
  const unwell = { class: "chip", "data-state": "failed", title: visible(reason) };
  const found = ok ? well() : element("span", unwell, visible(reason ?? "unavailable"));
  return element("li", {}, element("span", {}, words(name)), found);
}

/**
 * Replay the newest that ended so, after asking.
 * @param {EndedState} state
 * @param {string} reason
 */
async function replayReason(state, reason) {
  const which = { state, reason, limit: REPLAYED_AT_ONCE };
  try {
    const { matched } = await replayAll({ ...which, dry_run: "true" });
    if (!matched) {
      toast("There is none left.");
      return;
    }
    const number = matched === REPLAYED_AT_ONCE ? `the ${matched} newest` : matched;
    const question = `Replay ${number} ${state} as ${words(reason)}?`;
    const consequence =
      "Each image is processed again from its blob. The earlier outcome stays in its history.";
    if (!(await confirmed(question, consequence))) return;
    const done = await replayAll(which);
    const already = done.already_running ? `, ${done.already_running} already under way` : "";
    toast(`${done.started} of ${done.matched} replayed${already}.`);
    soon();
  } catch (error) {
    toast(`Not replayed: ${visible(messageOf(error))}`);
  }
}

/**
 * Ask in a dialog; closing it is a no.
 * @param {string} question
 * @param {string} consequence
 * @returns {Promise<boolean>}
 */
function confirmed(question, consequence) {
  const dialog = $("confirm", HTMLDialogElement);
  say($("confirm-title"), question);
  say($("confirm-text"), consequence);
  return new Promise((answer) => {
    $("confirm-yes").onclick = () => dialog.close("yes");
    $("confirm-no").onclick = () => dialog.close("no");
    dialog.onclose = () => answer(dialog.returnValue === "yes");
    dialog.returnValue = "no";
    dialog.showModal();
  });
}
