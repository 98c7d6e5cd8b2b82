// @ts-check
// The three charts, drawn as SVG: throughput, latency, scores.

import { $, drawn, element, say } from "./elements.js";
import { count, seconds, tick, whole, words } from "./format.js";
import { ENDED } from "./run.js";
import {
  bucketWord,
  clock,
  edgesOf,
  lineOf,
  roundCount,
  roundUp,
  slotsOf,
  sumOf,
  timeLabels,
} from "./scales.js";
import { period } from "./state.js";

/** @import { Histogram, WindowView } from "./api.js" */

const MARGIN = { left: 40, right: 6, top: 8, bottom: 22 };
const MOST_DOTS = 40;

/** An empty chart as large as its box; `w` and `h` are what the margins leave of it. */
class Chart {
  /**
   * @param {HTMLElement} box
   * @param {string} label  what it says, for those who do not see it
   */
  constructor(box, label) {
    this.box = box;
    this.width = Math.max(220, box.clientWidth);
    this.height = Math.max(120, box.clientHeight);
    this.w = this.width - MARGIN.left - MARGIN.right;
    this.h = this.height - MARGIN.top - MARGIN.bottom;
    this.svg = drawn("svg", {
      viewBox: `0 0 ${this.width} ${this.height}`,
      role: "img",
      "aria-label": label,
      preserveAspectRatio: "none",
    });
  }

  /**
   * Where a share of the height is, from the top.
   * @param {number} share  0 to 1, from the bottom
   */
  y(share) {
    return MARGIN.top + this.h * (1 - share);
  }

  /**
   * @param {number} most  at the top
   * @param {(value: number) => string} wording
   */
  yAxis(most, wording) {
    for (const share of [0, 0.5, 1]) {
      const y = this.y(share);
      this.svg.append(
        drawn("line", { class: "grid", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: y, y2: y }),
      );
      this.svg.append(
        drawn("text", { x: MARGIN.left - 7, y: y + 4, "text-anchor": "end" }, wording(most * share)),
      );
    }
  }

  /** @param {string[]} texts */
  xLabels(texts) {
    texts.forEach((text, index) => {
      const share = texts.length === 1 ? 0 : index / (texts.length - 1);
      const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
      const x = MARGIN.left + this.w * share;
      this.svg.append(drawn("text", { x, y: this.height - 5, "text-anchor": anchor }, text));
    });
  }

  /**
   * Say more of a column while the pointer is on it.
   * @param {number} x
   * @param {number} width
   * @param {string} text
   */
  hoverable(x, width, text) {
    const hit = drawn("rect", { class: "hit", x, y: MARGIN.top, width, height: this.h });
    hit.addEventListener("pointerenter", () => {
      this.box.querySelector(".tip")?.remove();
      const tip = element("div", { class: "tip", "aria-hidden": "true" }, text);
      this.box.append(tip);
      const left = x + width / 2 - tip.offsetWidth / 2;
      tip.style.left = `${Math.max(0, Math.min(this.width - tip.offsetWidth, left))}px`;
    });
    hit.addEventListener("pointerleave", () => this.box.querySelector(".tip")?.remove());
    this.svg.append(hit);
  }

  /**
   * Put it into its box; what is said of the column under the pointer stays.
   * @param {string} nothing  said over an empty chart; "" for one that is not
   */
  place(nothing) {
    const tip = this.box.querySelector(".tip");
    this.box.replaceChildren(this.svg, ...(nothing ? [element("p", { class: "nothing" }, nothing)] : []));
    if (tip) this.box.append(tip);
  }
}

/** @param {WindowView} recent */
export function showThroughput(recent) {
  const slots = slotsOf(recent);
  const totals = slots.map(({ counts: n }) => n.scored + n.rejected + n.failed);
  const sum = sumOf(totals);
  const per = bucketWord(recent);
  const highest = Math.max(0, ...totals);
  const most = roundCount(highest);
  const label = `Images per ${per} in the ${period()}: ${sum} in all, at most ${highest} in one ${per}.`;
  const chart = new Chart($("throughput"), label);
  chart.yAxis(most, tick);
  const width = chart.w / slots.length;
  const bar = Math.max(1, Math.min(28, width * 0.72));
  slots.forEach((slot, index) => {
    const x = MARGIN.left + width * index;
    let y = chart.y(0);
    for (const state of ENDED) {
      const height = (chart.h * slot.counts[state]) / most;
      if (height <= 0) continue;
      y -= height;
      const place = { x: x + (width - bar) / 2, y, width: bar, height, rx: Math.min(2, bar / 3) };
      chart.svg.append(drawn("rect", { class: `bar-${state}`, ...place }));
    }
    const parts = ENDED.map((state) => `${whole.format(slot.counts[state])} ${state}`).join(" · ");
    const total = `${whole.format(totals[index] ?? 0)} images`;
    chart.hoverable(x, width, `${clock(recent, slot.start, true)}  ${total}\n${parts}`);
  });
  chart.xLabels(timeLabels(recent, slots));
  chart.place(sum ? "" : "No image ended in this time.");
  $("throughput-figure").replaceChildren(
    element("b", {}, count(sum)),
    ` images in the ${period()}, per ${per}`,
  );
}

/** @param {WindowView} recent */
export function showLatency(recent) {
  const all = recent.latency;
  const figure = $("latency-figure");
  if (all) {
    const rest = ` · p95 ${seconds(all.p95)} · p99 ${seconds(all.p99)}`;
    figure.replaceChildren("median ", element("b", {}, seconds(all.p50)), rest);
  } else say(figure, "");
  const slots = slotsOf(recent);
  const known = slots.flatMap((slot) => (slot.latency ? [slot.latency.p95] : []));
  const most = roundUp(Math.max(0.1, ...(known.length ? known : [all?.p99 ?? 0])));
  const label = all
    ? `Seconds from the file to its row: median ${all.p50.toFixed(2)}, 95 of 100 under ${all.p95.toFixed(2)}.`
    : "No latency is known.";
  const chart = new Chart($("latency"), label);
  chart.yAxis(most, (value) => (value === 0 ? "0" : seconds(value)));
  const width = chart.w / slots.length;
  /** @type {(index: number, value: number) => [number, number]} */
  const at = (index, value) => [MARGIN.left + width * (index + 0.5), chart.y(Math.min(1, value / most))];
  for (const rank of /** @type {const} */ (["p95", "p50"])) {
    const { points, path } = lineOf(slots, rank, at);
    chart.svg.append(drawn("path", { class: `line ${rank}`, d: path }));
    if (points.length >= MOST_DOTS) continue;
    for (const [cx, cy] of points) chart.svg.append(drawn("circle", { class: rank, cx, cy, r: 2.6 }));
  }
  slots.forEach(({ start, latency }, index) => {
    if (!latency) return;
    const more = `p95 ${seconds(latency.p95)} of ${whole.format(latency.runs)} images`;
    const text = `${clock(recent, start, true)}  median ${seconds(latency.p50)}\n${more}`;
    chart.hoverable(MARGIN.left + width * index, width, text);
  });
  chart.xLabels(timeLabels(recent, slots));
  chart.place(all ? "" : "No scored image of this time tells when it was captured.");
  const legend = $("latency-legend");
  if (!legend.childElementCount) {
    legend.append(element("span", {}, "median"), element("span", { class: "l95" }, "95th percentile"));
  }
}

/** @param {WindowView} recent */
export function showScores(recent) {
  const chosen = chosenHistogram(recent.histograms);
  const bins = chosen?.bins ?? [];
  const sum = sumOf(bins);
  const most = roundCount(Math.max(0, ...bins));
  const label = chosen
    ? `Histogram of ${sum} scores from ${chosen.lowest} to ${chosen.highest}.`
    : "No scores.";
  const chart = new Chart($("scores"), label);
  chart.yAxis(most, tick);
  if (chosen) drawBins(chart, chosen, most);
  chart.place(chosen ? "" : "No image was scored in this time.");
  $("scores-figure").replaceChildren(...(chosen ? [element("b", {}, count(sum)), " newest scores"] : [""]));
}

/**
 * @param {Chart} chart
 * @param {Histogram} histogram
 * @param {number} most  at the top
 */
function drawBins(chart, histogram, most) {
  const { lowest, highest, bins } = histogram;
  const width = chart.w / Math.max(1, bins.length);
  bins.forEach((n, index) => {
    const x = MARGIN.left + width * index;
    if (n) {
      const height = (chart.h * n) / most;
      const place = {
        x: x + width * 0.08,
        y: chart.y(0) - height,
        width: Math.max(1, width * 0.84),
        height,
        rx: 1.5,
      };
      chart.svg.append(drawn("rect", { class: "bar-score", ...place }));
    }
    const [first, last] = edgesOf(histogram, index);
    chart.hoverable(x, width, `${whole.format(first)} to ${whole.format(last)}\n${whole.format(n)} images`);
  });
  chart.xLabels([lowest, Math.round((lowest + highest) / 2), highest].map((score) => whole.format(score)));
}

/**
 * The histogram of the scorer that is chosen beside the chart; there is a choice only among several.
 * @param {Histogram[]} found
 */
function chosenHistogram(found) {
  const select = $("scorer", HTMLSelectElement);
  const names = found.map((one) => `${one.scorer} ${one.scorer_version}`);
  if (JSON.stringify(names) !== select.dataset.names) {
    select.dataset.names = JSON.stringify(names);
    const before = select.value;
    select.replaceChildren(...names.map((name) => element("option", { value: name }, words(name))));
    if (names.includes(before)) select.value = before;
    select.hidden = names.length < 2;
  }
  const chosen = found[Math.max(0, names.indexOf(select.value))];
  const alone = chosen && names.length < 2;
  say($("scorer-name"), alone ? `by ${words(chosen.scorer)}, version ${chosen.scorer_version}` : "");
  return chosen;
}
