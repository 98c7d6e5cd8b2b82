// @ts-check
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { keepFresh, schedule, soon } from "../../../function_app/dashboard/modules/refresh.js";

/** What the page would be told, and what its API answers next. */
const page = {
  asked: 0,
  moves: true,
  /** @type {Error | null} */
  fault: null,
  isHidden: false,
  /** @type {number[]} */
  waits: [],
  /** @type {unknown[]} */
  faults: [],
  loadedTimes: 0,
};

mock.timers.enable({ apis: ["setTimeout"] });

/** Let all that has been answered be shown. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

/** @param {number} ms */
const pass = async (ms) => {
  mock.timers.tick(ms);
  await settle();
};

beforeEach(async () => {
  Object.assign(page, {
    asked: 0,
    moves: true,
    fault: null,
    isHidden: false,
    waits: [],
    faults: [],
    loadedTimes: 0,
  });
  keepFresh({
    load: async () => {
      page.asked += 1;
      if (page.fault) throw page.fault;
      return page.moves;
    },
    loaded: () => {
      page.loadedTimes += 1;
    },
    failed: (error) => page.faults.push(error),
    hidden: () => page.isHidden,
    waits: (ms) => page.waits.push(ms),
  });
  await settle();
});

test("while images move the API is asked every two seconds", async () => {
  await pass(1_999);
  assert.equal(page.asked, 1);
  await pass(1);
  assert.equal(page.asked, 2);
  assert.deepEqual(page.waits, [2_000, 2_000]);
});

test("while nothing moves it is asked less and less often, at most every ten seconds", async () => {
  page.moves = false;
  for (const _ of Array(7)) await pass(10_000);
  assert.deepEqual(page.waits, [2_000, 3_000, 4_500, 6_750, 10_000, 10_000, 10_000, 10_000]);
});

test("as soon as something moves again it is asked often again", async () => {
  page.moves = false;
  for (const _ of Array(5)) await pass(10_000);
  page.moves = true;
  await pass(10_000);
  assert.equal(page.waits.at(-1), 2_000);
});

test("a page that nobody sees asks once a minute", async () => {
  page.isHidden = true;
  schedule();
  assert.equal(page.waits.at(-1), 60_000);
  await pass(59_999);
  assert.equal(page.asked, 1);
  await pass(1);
  assert.equal(page.asked, 2);
});

test("an API that does not answer is told to the page, and asked again less often", async () => {
  page.fault = new Error("away");
  await pass(2_000);
  await pass(10_000);
  assert.deepEqual(page.faults, [page.fault, page.fault]);
  assert.equal(page.loadedTimes, 1);
  assert.deepEqual(page.waits, [2_000, 3_000, 4_500]);
});

test("a change asks at once, and the wait begins anew", async () => {
  await pass(1_500);
  soon();
  await settle();
  assert.equal(page.asked, 2);
  await pass(1_999);
  assert.equal(page.asked, 2);
  await pass(1);
  assert.equal(page.asked, 3);
});

test("changes while the API is being asked make one more question, after its answer", async () => {
  mock.timers.tick(2_000); // asked, and not yet answered
  assert.equal(page.asked, 2);
  soon();
  soon();
  assert.equal(page.asked, 2);
  await settle();
  assert.equal(page.asked, 3);
  await settle();
  assert.equal(page.asked, 3);
});
