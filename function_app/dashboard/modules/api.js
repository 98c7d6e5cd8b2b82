// @ts-check
// The API: every question the page asks, what is answered, and the function key.
// The key lives in sessionStorage, so in this tab alone, and travels in a header, never in an address.

/**
 * The answers, under the names of their schemas in /api/openapi.json; a contract test compares them.
 * @typedef {"waiting" | "running" | "retrying" | "scored" | "rejected" | "failed"} State
 * @typedef {{ scorer: string, scorer_version: string, value: number }} Score
 * @typedef {{ step: string, number: number, at: string, error: string }} FailedTry
 * @typedef {{ attempt: number, outcome: State, finished_at: string, reason: string | null,
 *   detail: string | null }} EarlierAttempt
 * @typedef {{ run_id: string, state: State, container: string | null, blob_name: string | null,
 *   etag: string | null, device_id: string | null, source_name: string | null, sha256: string | null,
 *   size_bytes: number | null, captured_at: string | null, uploaded_at: string | null,
 *   started_at: string | null, finished_at: string | null, committed_at: string | null,
 *   reason: string | null, detail: string | null, attempt: number, scores: Score[],
 *   earlier_attempts: EarlierAttempt[], step: string | null, failed_tries: FailedTry[],
 *   failed_try_count: number, cause: string | null, next_try_at: string | null }} RunView
 * @typedef {{ runs: RunView[], next_cursor: string | null }} RunsPage
 * @typedef {{ runs: RunView[] }} ImageView
 *
 * @typedef {{ scored: number, rejected: number, failed: number }} Counts
 * @typedef {{ scored: number, rejected: number, failed: number, waiting: number | null,
 *   running: number | null, retrying: number | null }} StateCounts
 * @typedef {{ p50: number, p95: number, p99: number, runs: number }} Latency
 * @typedef {{ start: string, counts: Counts, latency: Latency | null }} Bucket
 * @typedef {{ scorer: string, scorer_version: string, lowest: number, highest: number,
 *   bins: number[] }} Histogram
 * @typedef {{ since: string, seconds: number, counts: Counts, bucket_seconds: number, timeline: Bucket[],
 *   rejections: Record<string, number>, failures: Record<string, number>, devices: Record<string, Counts>,
 *   latency: Latency | null, histograms: Histogram[] }} WindowView
 * @typedef {{ counts: StateCounts, window: WindowView | null }} StatsView
 *
 * @typedef {{ ok: boolean, milliseconds: number, reason: string | null }} Check
 * @typedef {{ checks: Record<string, Check> }} HealthView
 * @typedef {{ matched: number, started: number, already_running: number }} BulkReplay
 * @typedef {{ detail: string }} Problem
 */

/** @typedef {Record<string, string | number | null | undefined>} Values */

const API = "/api/";
const KEY = "function-key";

/** The API refused: its status, and its own words where it said any. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {Problem | null} problem
   */
  constructor(status, problem) {
    super(problem?.detail || `The API answered ${status}.`);
    this.status = status;
  }
}

/**
 * Is this the API refusing with that status?
 * @param {unknown} error
 * @param {number} status
 */
export const refusedWith = (error, status) => error instanceof Refused && error.status === status;

/**
 * What went wrong, in words.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @type {(wasWrong: boolean) => void} */
let askForKey = () => {};

/**
 * Name what to do when the API asks for a key.
 * @param {(wasWrong: boolean) => void} ask
 */
export function whenKeyIsWanted(ask) {
  askForKey = ask;
}

/** @param {string} key */
export const keepKey = (key) => sessionStorage.setItem(KEY, key);

export const forgetKey = () => sessionStorage.removeItem(KEY);

/**
 * The query of an address, without what is empty; "" if nothing is left.
 * @param {Values} values
 */
export function query(values) {
  const chosen = Object.entries(values).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return chosen.length ? `?${new URLSearchParams(chosen.map(([name, value]) => [name, String(value)]))}` : "";
}

/** @param {string} id */
export const getRun = (id) => /** @type {Promise<RunView>} */ (json(`runs/${id}`));

/** @param {{ state?: string, reason?: string, device?: string, limit: number }} which */
export const getRuns = (which) => /** @type {Promise<RunsPage>} */ (json(`runs${query(which)}`));

/**
 * All runs of one blob name, which keeps its slashes.
 * @param {string} blob
 */
export const getRunsOf = (blob) =>
  /** @type {Promise<ImageView>} */ (json(`images/${blob.split("/").map(encodeURIComponent).join("/")}`));

/** @param {string} window */
export const getStats = (window) => /** @type {Promise<StatsView>} */ (json(`stats${query({ window })}`));

/** What is not well is told with status 503: an answer all the same. */
export const getHealth = () => /** @type {Promise<HealthView>} */ (json("health", "GET", true));

/**
 * The bytes that a run processed, and what the API calls them.
 * @param {string} id
 */
export async function getPicture(id) {
  const answer = await ask(`runs/${id}/image`, "GET");
  if (!answer.ok) throw new Refused(answer.status, await bodyOf(answer));
  return { type: answer.headers.get("content-type"), bytes: await answer.arrayBuffer() };
}

/** @param {string} id */
export const replay = (id) => json(`runs/${id}/replay`, "POST");

/**
 * Replay all that match, or with `dry_run` only count them.
 * @param {{ state: State, reason: string, limit: number, dry_run?: "true" }} which
 */
export const replayAll = (which) =>
  /** @type {Promise<BulkReplay>} */ (json(`runs/replay${query(which)}`, "POST"));

/**
 * @param {string} path
 * @param {string} [method]
 * @param {boolean} [evenIfRefused] take the body of a refusal too
 */
async function json(path, method = "GET", evenIfRefused = false) {
  const answer = await ask(path, method);
  const body = await bodyOf(answer);
  if (!answer.ok && !(evenIfRefused && body)) throw new Refused(answer.status, body);
  return body;
}

/**
 * @param {string} path
 * @param {string} method
 */
async function ask(path, method) {
  const key = sessionStorage.getItem(KEY);
  const answer = await fetch(API + path, {
    method,
    headers: key ? { "x-functions-key": key } : {},
    credentials: "same-origin",
    redirect: "error",
  });
  if (answer.status === 401) {
    askForKey(Boolean(key));
    throw new Refused(401, { detail: "The API asks for a function key." });
  }
  return answer;
}

/** @param {Response} answer */
const bodyOf = (answer) => answer.json().catch(() => null);
