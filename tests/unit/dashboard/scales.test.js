// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bucketWord,
  clock,
  edgesOf,
  lineOf,
  roundCount,
  roundUp,
  slotsOf,
  timeLabels,
} from "../../../function_app/dashboard/modules/scales.js";

/** @import { WindowView } from "../../../function_app/dashboard/modules/api.js" */

const NOW = Date.parse("2026-03-04T12:34:56Z");
const NONE = { scored: 0, rejected: 0, failed: 0 };

/**
 * @param {number} seconds
 * @param {number} bucket
 * @param {WindowView["timeline"]} [timeline]
 * @returns {WindowView}
 */
const windowOf = (seconds, bucket, timeline = []) => ({
  since: new Date(NOW - seconds * 1000).toISOString(),
  seconds,
  counts: NONE,
  bucket_seconds: bucket,
  timeline,
  rejections: {},
  failures: {},
  devices: {},
  latency: null,
  histograms: [],
});

test("an axis ends at the next round number", () => {
  assert.equal(roundUp(0.13), 0.2);
  assert.equal(roundUp(1), 1);
  assert.equal(roundUp(2.1), 2.5);
  assert.equal(roundUp(6), 10);
  assert.equal(roundUp(1_001), 1_000); // a thousandth over is drawn to the top
});

test("an axis of things has a whole number in its middle, however few there are", () => {
  for (let most = 0; most < 500; most += 1) {
    const top = roundCount(most);
    assert.ok(top >= most * 0.999 && top >= 4, `${most}: ${top}`);
    assert.equal((top / 2) % 1, 0, `${most}: ${top}`);
  }
});

test("buckets that the API leaves out are drawn as empty, to this very moment", () => {
  const counts = { scored: 3, rejected: 1, failed: 0 };
  const slots = slotsOf(
    windowOf(900, 60, [{ start: "2026-03-04T12:30:00+00:00", counts, latency: null }]),
    NOW,
  );
  assert.equal(slots.length, 16);
  assert.equal(slots[0]?.start, Date.parse("2026-03-04T12:19:00Z"));
  assert.equal(slots.at(-1)?.start, Date.parse("2026-03-04T12:34:00Z"));
  assert.deepEqual(
    slots.filter((slot) => slot.counts !== counts).map((slot) => slot.counts),
    Array(15).fill(NONE),
  );
});

test("a wrong clock cannot make a chart of endless buckets", () => {
  assert.equal(slotsOf(windowOf(900, 60), NOW + 1e12).length, 800);
});

test("labels are times in a short window, days in a long one, and the last is now", () => {
  assert.match(clock(windowOf(3_600, 60), NOW), /^\d\d:\d\d$/);
  assert.equal(clock(windowOf(2_592_000, 86_400), NOW), "4 Mar");
  assert.match(clock(windowOf(604_800, 3_600), NOW), /^\d Mar$/);
  assert.match(clock(windowOf(604_800, 3_600), NOW, true), /^\d Mar \d\d:\d\d$/);
  const recent = windowOf(2_592_000, 86_400);
  assert.deepEqual(timeLabels(recent, slotsOf(recent, NOW)), ["2 Feb", "17 Feb", "now"]);
});

test("a bucket is called after its length", () => {
  assert.deepEqual(
    [60, 3_600, 86_400].map((length) => bucketWord(windowOf(1, length))),
    ["minute", "hour", "day"],
  );
});

test("the line of a percentile breaks where nothing was measured", () => {
  const of = (/** @type {number | null} */ p50) => ({
    start: 0,
    counts: NONE,
    latency: p50 === null ? null : { p50, p95: 9, p99: 9, runs: 1 },
  });
  const { points, path } = lineOf([of(1), of(2), of(null), of(3)], "p50", (index, value) => [index, value]);
  assert.equal(path, "M0.0 1.0L1.0 2.0M3.0 3.0");
  assert.deepEqual(points, [
    [0, 1],
    [1, 2],
    [3, 3],
  ]);
  assert.equal(lineOf([of(null)], "p95", () => [0, 0]).path, "M0 0");
});

test("the bins of a histogram meet without gap or overlap, from the lowest score to the highest", () => {
  const histogram = {
    scorer: "s",
    scorer_version: "1",
    lowest: 10,
    highest: 109,
    bins: [1, 2, 3, 4, 5, 6, 7],
  };
  const edges = histogram.bins.map((_, index) => edgesOf(histogram, index));
  assert.equal(edges[0]?.[0], 10);
  assert.equal(edges.at(-1)?.[1], 109);
  for (const [index, [first]] of edges.entries())
    if (index) assert.equal(first, (edges[index - 1]?.[1] ?? 0) + 1);
});

test("a bin narrower than one score names that one", () => {
  assert.deepEqual(
    edgesOf({ scorer: "s", scorer_version: "1", lowest: 5, highest: 5, bins: [1, 0, 0] }, 0),
    [5, 5],
  );
});
