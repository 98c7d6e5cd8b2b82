// @ts-check
// One run in words: its name, its moments, its way from the file to the row, its facts. Pure.

import { ms, seconds, visible, whole, words } from "./format.js";

/** @import { RunView, State } from "./api.js" */
/** @typedef {"scored" | "rejected" | "failed"} EndedState */
/** @typedef {{ when: string, what: string, state: State, why: string | null }} Moment */

/** @type {readonly ("waiting" | "running" | "retrying")[]} */
export const LIVE = ["running", "retrying", "waiting"];
/** @type {readonly EndedState[]} */
export const ENDED = ["scored", "rejected", "failed"];

/** @param {RunView} run */
export const isLive = (run) => LIVE.some((state) => state === run.state);

/**
 * The newest moment that is known of a run.
 * @param {RunView} run
 */
export const whenOf = (run) => run.committed_at ?? run.finished_at ?? run.started_at ?? run.uploaded_at;

/**
 * From the file to its row: "1.2 s", or "" while that is not known.
 * @param {RunView} run
 */
export function latencyOf(run) {
  const took = (ms(run.committed_at) - ms(run.captured_at)) / 1000;
  return Number.isFinite(took) ? seconds(took) : "";
}

/**
 * The name of the file on the device: percent-encoded in the blob's metadata.
 * @param {RunView} run
 */
export function sourceName(run) {
  if (!run.source_name) return null;
  try {
    return decodeURIComponent(run.source_name);
  } catch {
    return run.source_name;
  }
}

/** @param {RunView} run */
export const title = (run) => visible(sourceName(run) ?? run.blob_name ?? run.run_id);

/**
 * What stands below the title: the device and, where the title is another name, the blob's.
 * @param {RunView} run
 */
export function subtitle(run) {
  const blob = sourceName(run) ? visible(run.blob_name) : "";
  return blob.startsWith(`${run.device_id}/`) ? blob : [run.device_id, blob].filter(Boolean).join(" · ");
}

/**
 * Why it is in its state, or where.
 * @param {RunView} run
 */
export function noteOf(run) {
  if (run.state === "retrying") return run.cause;
  return run.state === "running" ? run.step : run.reason;
}

/**
 * All that a search of the list looks through, in lower case.
 * @param {RunView} run
 */
export function haystack(run) {
  const parts = [
    title(run),
    run.blob_name,
    run.run_id,
    run.reason,
    words(run.reason),
    run.device_id,
    run.state,
  ];
  return parts.join("\n").toLowerCase();
}

/**
 * What happened to a run, in order.
 * @param {RunView} run
 * @returns {Moment[]}
 */
export function momentsOf(run) {
  /** @type {Moment[]} */
  const moments = [];
  /** @type {(when: string | null, what: string, state: State, why?: string | null) => void} */
  const add = (when, what, state, why = null) => {
    if (when && Number.isFinite(ms(when))) moments.push({ when, what, state, why });
  };
  add(run.captured_at, "File complete on the device", "waiting", sourceName(run));
  // Storage tells whole seconds, cut off: a blob can seem older than its file by a part of one.
  const cutOff = ms(run.captured_at) - ms(run.uploaded_at);
  add(
    cutOff > 0 && cutOff < 1000 ? run.captured_at : run.uploaded_at,
    "Blob stored",
    "waiting",
    run.blob_name,
  );
  for (const past of run.earlier_attempts ?? []) {
    add(past.finished_at, `Attempt ${past.attempt}: ${past.outcome}`, past.outcome, reasonAndDetail(past));
  }
  add(run.started_at, run.attempt > 1 ? `Attempt ${run.attempt} began` : "Run began", "running");
  for (const failure of run.failed_tries ?? []) {
    add(failure.at, `Try ${failure.number} of ${words(failure.step)} failed`, "retrying", failure.error);
  }
  if (!isLive(run)) {
    const ending = run.attempt > 1 ? `Attempt ${run.attempt}: ${run.state}` : capital(run.state);
    add(run.finished_at, ending, run.state, run.reason ? reasonAndDetail(run) : null);
    add(run.committed_at, "Row committed", run.state);
  } else if (run.next_try_at) add(run.next_try_at, "Next try", "retrying");
  return moments.sort((a, b) => ms(a.when) - ms(b.when)); // stable: of the same moment in the order above
}

/**
 * What a live run does now, or null if it has ended or waits for its next try.
 * @param {RunView} run
 */
export function presentOf(run) {
  if (!isLive(run) || run.next_try_at) return null;
  return run.step ? `Now: ${words(run.step)}` : "Now: waiting for its turn";
}

/**
 * Name, value and whether the value is one for machines; without what is not known.
 * @param {RunView} run
 * @returns {{ name: string, value: string, mono: boolean }[]}
 */
export function factsOf(run) {
  /** @type {[string, string | null, boolean?][]} */
  const facts = [
    ["Run id", run.run_id, true],
    ["Device", run.device_id],
    ["Source name", sourceName(run)],
    ["Container", run.container],
    ["Blob", run.blob_name, true],
    ["ETag", run.etag, true],
    ["SHA-256", run.sha256, true],
    ["Size", run.size_bytes === null ? null : `${whole.format(run.size_bytes)} bytes`],
    ["Attempt", String(run.attempt ?? 1)],
    ["Failed tries", run.failed_try_count ? String(run.failed_try_count) : null],
    ["File to row", latencyOf(run)],
  ];
  return facts.flatMap(([name, value, mono = false]) =>
    value ? [{ name, value: visible(value), mono }] : [],
  );
}

/** @param {{ reason: string | null, detail: string | null }} ending */
const reasonAndDetail = (ending) => [words(ending.reason), ending.detail].filter(Boolean).join(": ");

/** @param {string} word */
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
