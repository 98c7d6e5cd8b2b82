// @ts-check
// What the page knows and what it was asked to show. The address holds the view and its filters, never a key.

import { query } from "./api.js";
import { ENDED, haystack, LIVE } from "./run.js";

/** @import { RunView, StatsView } from "./api.js" */
/**
 * @typedef {{ state: string, reason: string, device: string, window: string }} Filter  "" leaves all in
 * @typedef {{ runs: RunView[], extra: RunView[], next: string | null, pages: number }} List
 *   `extra` is what was looked up by name; `next` the cursor of the next page, if there is one
 */

/** @type {Record<string, string>} */
const WINDOWS = {
  "15m": "last 15 min",
  "1h": "last hour",
  "24h": "last 24 h",
  "7d": "last 7 days",
  "30d": "last 30 days",
};

export const state = {
  /** @type {Filter} */
  filter: { state: "", reason: "", device: "", window: "1h" },
  /** What was typed into the search: no part of the address. */
  text: "",
  /** @type {List} */
  list: { runs: [], extra: [], next: null, pages: 1 },
  /** @type {StatsView | null} */
  stats: null,
  /**
   * The run that is open instead of the overview.
   * @type {string | null}
   */
  openRun: null,
};

/** The time that the figures cover, in words. */
export const period = () => WINDOWS[state.filter.window] ?? "";

/**
 * What an address asks for: a run, or the overview and its filter.
 * @param {string} hash
 * @param {string} window  stays where the address names none
 * @returns {{ run: string } | { run: null, filter: Filter }}
 */
export function readAddress(hash, window) {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?");
  const run = /^runs\/([0-9a-f]{32})$/.exec(path)?.[1];
  if (run) return { run };
  const asked = new URLSearchParams(search);
  const wanted = asked.get("state") ?? "";
  const length = asked.get("window") ?? "";
  return {
    run: null,
    filter: {
      state: [...LIVE, ...ENDED].some((one) => one === wanted) ? wanted : "",
      reason: asked.get("reason") ?? "",
      device: asked.get("device") ?? "",
      window: Object.hasOwn(WINDOWS, length) ? length : window,
    },
  };
}

/**
 * The address of an overview; the usual hour needs no words.
 * @param {Filter} filter
 */
export const addressOf = (filter) =>
  `#/${query({ ...filter, window: filter.window === "1h" ? "" : filter.window })}`;

/**
 * The filter after a change.
 * @param {Filter} filter
 * @param {Partial<Filter>} change
 * @returns {Filter}
 */
export function changed(filter, change) {
  const after = { ...filter, ...change };
  if ("state" in change && !("reason" in change)) after.reason = "";
  // What has not ended has no reason yet.
  if (change.reason && LIVE.some((one) => one === after.state)) after.state = "";
  return after;
}

/**
 * The runs to show: all, or what matches the text, and below it what was looked up by that text.
 * @param {List} list
 * @param {string} text
 */
export function matching({ runs, extra }, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return runs;
  const further = extra.filter((run) => !runs.some((other) => other.run_id === run.run_id));
  return [...runs, ...further].filter((run) => extra.includes(run) || haystack(run).includes(wanted));
}

/**
 * A page of ended runs below the live ones. A replayed run is in both: its old row waits to be replaced.
 * @param {RunView[]} live
 * @param {RunView[]} ended
 */
export function withLive(live, ended) {
  const alive = new Set(live.map((run) => run.run_id));
  return [...live, ...ended.filter((run) => !alive.has(run.run_id))];
}
