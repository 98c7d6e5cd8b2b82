// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  factsOf,
  haystack,
  latencyOf,
  momentsOf,
  noteOf,
  presentOf,
  sourceName,
  subtitle,
  title,
  whenOf,
} from "../../../function_app/dashboard/modules/run.js";
import { runWith } from "./runs.js";

/** @param {Parameters<typeof runWith>[0]} change */
const whatHappened = (change) => momentsOf(runWith(change)).map((moment) => moment.what);

test("a run is called as its file was, decoded, else as its blob, else by its id", () => {
  assert.equal(title(runWith({ source_name: "a%20b%C3%A9.png" })), "a bé.png");
  assert.equal(title(runWith()), "cam-1/a.png");
  assert.equal(title(runWith({ blob_name: null })), "0".repeat(32));
});

test("a source name that is no percent-encoding is shown as it is", () => {
  assert.equal(sourceName(runWith({ source_name: "100%zz.png" })), "100%zz.png");
});

test("a hostile name is spelled out in the title", () => {
  assert.equal(title(runWith({ source_name: "%E2%80%AEgnp" })), "‹U+202E›gnp");
});

test("below a title that is not the blob's name stands that name, and the device once", () => {
  assert.equal(subtitle(runWith({ source_name: "b.png" })), "cam-1/a.png");
  assert.equal(subtitle(runWith({ source_name: "b.png", blob_name: "a.png" })), "cam-1 · a.png");
  assert.equal(subtitle(runWith()), "cam-1");
});

test("a run says why it waits, what it does, or why it ended so", () => {
  const all = { cause: "the cause", step: "score_image", reason: "not_png" };
  assert.equal(noteOf(runWith({ ...all, state: "retrying" })), "the cause");
  assert.equal(noteOf(runWith({ ...all, state: "running" })), "score_image");
  assert.equal(noteOf(runWith({ ...all, state: "rejected" })), "not_png");
});

test("the way of an image is told from the file to the row", () => {
  assert.deepEqual(whatHappened({}), [
    "File complete on the device",
    "Blob stored",
    "Run began",
    "Scored",
    "Row committed",
  ]);
});

test("a blob never seems older than its file because storage cuts off the parts of a second", () => {
  const [file, blob] = momentsOf(runWith({ captured_at: "2026-03-04T12:00:01.900Z" }));
  assert.equal(file?.what, "File complete on the device");
  assert.equal(blob?.what, "Blob stored");
  assert.equal(blob?.when, "2026-03-04T12:00:01.900Z");
});

test("a blob that is older than its file by a second or more is shown so: a clock is wrong", () => {
  assert.equal(whatHappened({ captured_at: "2026-03-04T12:00:02Z" })[0], "Blob stored");
});

test("failed tries and earlier outcomes stand where they happened", () => {
  const told = whatHappened({
    state: "failed",
    reason: "store_unavailable",
    attempt: 2,
    failed_tries: [{ step: "save_result", number: 1, at: "2026-03-04T12:00:02.500Z", error: "timeout" }],
    earlier_attempts: [
      {
        attempt: 1,
        outcome: "rejected",
        finished_at: "2026-03-03T00:00:00Z",
        reason: "too_large",
        detail: null,
      },
    ],
  });
  assert.deepEqual(told, [
    "Attempt 1: rejected",
    "File complete on the device",
    "Blob stored",
    "Attempt 2 began",
    "Try 1 of save result failed",
    "Attempt 2: failed",
    "Row committed",
  ]);
});

test("a rejected run tells the reason and the detail", () => {
  const moments = momentsOf(runWith({ state: "rejected", reason: "not_png", detail: "begins with GIF" }));
  assert.equal(moments.find((moment) => moment.what === "Rejected")?.why, "not png: begins with GIF");
});

test("a live run says what it does now, and a retrying one when it tries next", () => {
  const live = { finished_at: null, committed_at: null };
  assert.equal(presentOf(runWith({ ...live, state: "running", step: "score_image" })), "Now: score image");
  assert.equal(presentOf(runWith({ ...live, state: "waiting" })), "Now: waiting for its turn");
  assert.equal(presentOf(runWith()), null);
  const retrying = runWith({ ...live, state: "retrying", next_try_at: "2026-03-04T12:01:00Z" });
  assert.equal(presentOf(retrying), null);
  assert.equal(momentsOf(retrying).at(-1)?.what, "Next try");
});

test("facts that are not known are left out", () => {
  const names = factsOf(runWith({ size_bytes: null, captured_at: null, etag: null })).map(
    (fact) => fact.name,
  );
  assert.deepEqual(names, ["Run id", "Device", "Container", "Blob", "Attempt"]);
  assert.deepEqual(
    factsOf(runWith()).find((fact) => fact.name === "Size"),
    { name: "Size", value: "1,234 bytes", mono: false },
  );
});

test("the time from file to row is known only when both are", () => {
  assert.equal(latencyOf(runWith()), "4.0 s");
  assert.equal(latencyOf(runWith({ captured_at: null })), "");
  assert.equal(whenOf(runWith({ committed_at: null, finished_at: null })), "2026-03-04T12:00:02Z");
});

test("a search finds a run by name, id, device, state, and a reason as code or words", () => {
  const found = haystack(runWith({ state: "rejected", reason: "not_png", source_name: "Front%20Door.png" }));
  for (const text of ["front door", "cam-1/a.png", "0000", "cam-1", "rejected", "not_png", "not png"]) {
    assert.ok(found.includes(text), text);
  }
});
