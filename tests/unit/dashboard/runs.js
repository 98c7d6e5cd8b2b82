// @ts-check
// A scored run as the API answers it, for tests to change.

/** @import { RunView } from "../../../function_app/dashboard/modules/api.js" */

/**
 * @param {Partial<RunView>} [change]
 * @returns {RunView}
 */
export const runWith = (change = {}) => ({
  run_id: "0".repeat(32),
  state: "scored",
  container: "images",
  blob_name: "cam-1/a.png",
  etag: '"0x8D"',
  device_id: "cam-1",
  source_name: null,
  sha256: null,
  size_bytes: 1234,
  captured_at: "2026-03-04T12:00:00Z",
  uploaded_at: "2026-03-04T12:00:01Z",
  started_at: "2026-03-04T12:00:02Z",
  finished_at: "2026-03-04T12:00:03Z",
  committed_at: "2026-03-04T12:00:04Z",
  reason: null,
  detail: null,
  attempt: 1,
  scores: [],
  earlier_attempts: [],
  step: null,
  failed_tries: [],
  failed_try_count: 0,
  cause: null,
  next_try_at: null,
  ...change,
});
