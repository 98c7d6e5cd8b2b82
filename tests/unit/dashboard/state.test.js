// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressOf,
  changed,
  matching,
  readAddress,
  withLive,
} from "../../../function_app/dashboard/modules/state.js";
import { runWith } from "./runs.js";

const ALL = { state: "", reason: "", device: "", window: "1h" };
const ID = "0123456789abcdef".repeat(2);

test("an address leads back to the filter that it was made of", () => {
  for (const filter of [ALL, { state: "rejected", reason: "not_png", device: "cam 1/é&=", window: "7d" }]) {
    assert.deepEqual(readAddress(addressOf(filter), "1h"), { run: null, filter });
  }
  assert.equal(addressOf(ALL), "#/");
});

test("an address of a run opens that run", () => {
  assert.deepEqual(readAddress(`#/runs/${ID}`, "1h"), { run: ID });
});

test("an address of no run id is the overview", () => {
  for (const hash of ["#/runs/1", `#/runs/${ID}0`, `#/runs/${ID.toUpperCase()}`, "#/other", ""]) {
    assert.deepEqual(readAddress(hash, "1h"), { run: null, filter: ALL });
  }
});

test("states and windows that there are not are passed over, names of JavaScript's own included", () => {
  assert.deepEqual(readAddress("#/?state=toString&window=constructor", "24h"), {
    run: null,
    filter: { ...ALL, window: "24h" },
  });
});

test("another state forgets the reason, which is one of the former state", () => {
  const filter = { ...ALL, state: "rejected", reason: "not_png" };
  assert.equal(changed(filter, { state: "failed" }).reason, "");
  assert.equal(changed(filter, { device: "cam-1" }).reason, "not_png");
  assert.equal(changed(filter, { state: "failed", reason: "store_unavailable" }).reason, "store_unavailable");
});

test("a reason takes the filter away from live states: what has not ended has none", () => {
  assert.equal(changed({ ...ALL, state: "running" }, { reason: "not_png" }).state, "");
  assert.equal(changed({ ...ALL, state: "rejected" }, { reason: "not_png" }).state, "rejected");
});

test("a search narrows the list, and shows what was looked up whether it matches or not", () => {
  const runs = [
    runWith({ run_id: "a", blob_name: "Front.png" }),
    runWith({ run_id: "b", blob_name: "back.png" }),
  ];
  const extra = [
    runWith({ run_id: "c", blob_name: "other.png" }),
    runWith({ run_id: "a", blob_name: "Front.png" }),
  ];
  const ids = (/** @type {string} */ text) =>
    matching({ runs, extra, next: null, pages: 1 }, text).map((run) => run.run_id);
  assert.deepEqual(ids("  "), ["a", "b"]);
  assert.deepEqual(ids("FRONT"), ["a", "c"]);
  assert.deepEqual(ids("back"), ["b", "c"]);
});

test("a run that is replayed is listed once, as the live one", () => {
  const live = [runWith({ run_id: "a", state: "running" })];
  const listed = withLive(live, [runWith({ run_id: "b" }), runWith({ run_id: "a", state: "rejected" })]);
  assert.deepEqual(
    listed.map((run) => [run.run_id, run.state]),
    [
      ["a", "running"],
      ["b", "scored"],
    ],
  );
});
