// @ts-check
// From figures to what charts draw: round axes, whole series of buckets, labels of time. Pure.

import { ms } from "./format.js";

/** @import { Counts, Histogram, Latency, WindowView } from "./api.js" */
/** @typedef {{ start: number, counts: Counts, latency: Latency | null }} Slot  one bucket; `start` in milliseconds */
/** @typedef {"p50" | "p95"} Rank */

const DAY_MS = 86_400_000;
const MOST_SLOTS = 800;
const LONG_S = 172_800; // a window from here on needs days in its labels

/**
 * The next round number.
 * @param {number} value
 * @param {number[]} steps
 */
export function roundUp(value, steps = [1, 2, 2.5, 5, 10]) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  const rounded = steps.map((step) => step * power);
  return rounded.find((step) => step >= value * 0.999) ?? value;
}

/**
 * The next round number of things: even, so that the middle of the axis is a whole number too.
 * @param {number} value
 */
export const roundCount = (value) => roundUp(Math.max(4, value), [2, 4, 6, 8, 10]);

/** @param {number[]} values */
export const sumOf = (values) => values.reduce((a, b) => a + b, 0);

/**
 * Every bucket of a window until now: the API leaves out the empty ones.
 * @param {WindowView} recent
 * @param {number} [now]
 */
export function slotsOf(recent, now = Date.now()) {
  const step = recent.bucket_seconds * 1000;
  const known = new Map(recent.timeline.map((bucket) => [ms(bucket.start), bucket]));
  /** @type {Slot[]} */
  const slots = [];
  for (
    let start = Math.floor(ms(recent.since) / step) * step;
    start <= now && slots.length < MOST_SLOTS;
    start += step
  ) {
    const bucket = known.get(start);
    slots.push({
      start,
      counts: bucket?.counts ?? { scored: 0, rejected: 0, failed: 0 },
      latency: bucket?.latency ?? null,
    });
  }
  return slots;
}

/**
 * A moment of a chart: a day where buckets are days (of UTC, as the API makes them), else a time, with its
 * day in a long window.
 * @param {WindowView} recent
 * @param {number} time  milliseconds
 * @param {boolean} [precise]  the time too where the day alone would do for an axis
 */
export function clock(recent, time, precise = false) {
  const daily = recent.bucket_seconds * 1000 >= DAY_MS;
  const long = recent.seconds > LONG_S;
  const utc = daily ? { timeZone: "UTC" } : {};
  const day = new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", ...utc });
  const hour = new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (daily || (long && !precise)) return day;
  return long ? `${day} ${hour}` : hour;
}

/**
 * What a bucket is.
 * @param {WindowView} recent
 */
export function bucketWord(recent) {
  if (recent.bucket_seconds === 60) return "minute";
  return recent.bucket_seconds === 3600 ? "hour" : "day";
}

/**
 * The labels below a chart of time: its begin, its middle, now.
 * @param {WindowView} recent
 * @param {Slot[]} slots
 */
export function timeLabels(recent, slots) {
  const middle = slots[Math.floor(slots.length / 2)];
  return [clock(recent, slots[0]?.start ?? 0), clock(recent, middle?.start ?? 0), "now"];
}

/**
 * The points of a percentile, and a path through them that breaks where a bucket has none.
 * @param {Slot[]} slots
 * @param {Rank} rank
 * @param {(index: number, seconds: number) => [number, number]} at  where on the chart
 */
export function lineOf(slots, rank, at) {
  /** @type {[number, number][]} */
  const points = [];
  let path = "";
  let last = -2;
  slots.forEach((slot, index) => {
    if (!slot.latency) return;
    const [x, y] = at(index, slot.latency[rank]);
    points.push([x, y]);
    path += `${index === last + 1 ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    last = index;
  });
  return { points, path: path || "M0 0" };
}

/**
 * The first and last score of a histogram's bin.
 * @param {Histogram} histogram
 * @param {number} index
 * @returns {[number, number]}
 */
export function edgesOf({ lowest, highest, bins }, index) {
  const edge = (/** @type {number} */ n) => Math.round(lowest + ((highest - lowest + 1) * n) / bins.length);
  return [edge(index), Math.max(edge(index), edge(index + 1) - 1)];
}
