// @ts-check
// The overview: asks for figures and images, and shows all that follows from them and from the filter.

import { getRuns, getStats } from "./api.js";
import { showLatency, showScores, showThroughput } from "./charts.js";
import { $, offer, say } from "./elements.js";
import { count, visible, words } from "./format.js";
import { showDevices, showReasons } from "./lists.js";
import { soon } from "./refresh.js";
import { ENDED, LIVE } from "./run.js";
import { addressOf, changed, period, state, withLive } from "./state.js";
import { MOST_ROWS, PAGE, showRuns } from "./table.js";

/** @import { Filter } from "./state.js" */

const LIVE_ROWS = 20; // of each live state, above what has ended

let seen = ""; // what was last told of the pipeline, to know whether anything moves

/** Ask and show. Answers whether anything moves: images under way, or another picture than the last one. */
export async function loadOverview() {
  const [stats, runs] = await Promise.all([getStats(state.filter.window), loadRuns()]);
  if (state.openRun) return true; // opened meanwhile: charts have no width while they are hidden
  state.stats = stats;
  state.list.runs = runs;
  showOverview();
  const before = seen;
  seen = JSON.stringify([stats.counts, runs.map((run) => [run.run_id, run.state, run.attempt])]);
  return moving().length > 0 || seen !== before;
}

/** Show what is known, as the filter has it. */
export function showOverview() {
  if (!state.stats) return;
  const { counts, window: recent } = state.stats;
  for (const one of [...LIVE, ...ENDED]) say($(`n-${one}`), count(counts[one]));
  const devices = Object.keys(recent?.devices ?? {}).filter((name) => name);
  say($("n-devices"), count(devices.length));
  say($("t-devices"), `seen in the ${period()}`);
  for (const one of ENDED) say($(`t-${one}`), `${count(recent?.counts[one])} in the ${period()}`);
  document.querySelector(".flow")?.classList.toggle("moving", moving().length > 0);
  press("#flow button, #states button", (dataset) => dataset.state === state.filter.state);
  press("#windows button", (dataset) => dataset.window === state.filter.window);
  if (recent) {
    showThroughput(recent);
    showLatency(recent);
    showScores(recent);
    showReasons(recent, setFilter);
    showDevices(recent, setFilter);
    const reasons = [...Object.keys(recent.rejections), ...Object.keys(recent.failures)];
    offer($("reason", HTMLSelectElement), reasons, state.filter.reason, words);
    offer($("device", HTMLSelectElement), devices, state.filter.device, visible);
  }
  showRuns();
}

/**
 * Change the filter, the address with it, and what is seen: at once what is known, soon what is new.
 * @param {Partial<Filter>} change
 */
export function setFilter(change) {
  state.filter = changed(state.filter, change);
  state.list.pages = 1;
  history.replaceState(null, "", addressOf(state.filter));
  $("back", HTMLAnchorElement).href = location.hash;
  showOverview();
  soon();
}

async function loadRuns() {
  const runs = await askForRuns();
  if (!state.stats) {
    state.list.runs = runs;
    showRuns(); // the first images need not wait for the figures
  }
  return runs;
}

async function askForRuns() {
  const { state: wanted, reason, device } = state.filter;
  const ofState = (/** @type {string} */ one, /** @type {number} */ limit) =>
    getRuns({ state: one, device, limit });
  if (LIVE.some((one) => one === wanted)) {
    state.list.next = null;
    const states = wanted === "running" ? LIVE : [wanted];
    const pages = await Promise.all(states.map((one) => ofState(one, PAGE)));
    return pages.flatMap((page) => page.runs);
  }
  const limit = Math.min(MOST_ROWS, PAGE * state.list.pages);
  const [page, ...others] = await Promise.all([
    getRuns({ state: wanted, reason, device, limit }),
    ...(wanted || reason ? [] : moving().map((one) => ofState(one, LIVE_ROWS))),
  ]);
  state.list.next = page.next_cursor;
  return withLive(
    others.flatMap((other) => other.runs),
    page.runs,
  );
}

/** The live states in which there are images, as far as is known. */
const moving = () => LIVE.filter((one) => (state.stats?.counts[one] ?? 0) > 0);

/**
 * Press those of these buttons whose data says that they are chosen.
 * @param {string} selector
 * @param {(dataset: DOMStringMap) => boolean} isChosen
 */
function press(selector, isChosen) {
  for (const one of document.querySelectorAll(selector)) {
    if (one instanceof HTMLElement) one.setAttribute("aria-pressed", String(isChosen(one.dataset)));
  }
}
