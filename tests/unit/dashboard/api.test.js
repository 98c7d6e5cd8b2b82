// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as api from "../../../function_app/dashboard/modules/api.js";

/** @type {{ path: string, method: string, key: string | undefined, redirect: string }[]} */
let asked = [];
/** @type {() => Response} */
let answer = () => Response.json({});
/** @type {Map<string, string>} */
const storage = new Map();

Object.assign(globalThis, {
  sessionStorage: {
    getItem: (/** @type {string} */ name) => storage.get(name) ?? null,
    setItem: (/** @type {string} */ name, /** @type {string} */ value) => storage.set(name, value),
    removeItem: (/** @type {string} */ name) => storage.delete(name),
  },
  fetch: async (/** @type {string} */ path, /** @type {any} */ { method, headers, redirect }) => {
    asked.push({ path, method, key: headers["x-functions-key"], redirect });
    return answer();
  },
});

beforeEach(() => {
  asked = [];
  storage.clear();
  answer = () => Response.json({});
});

test("a query leaves out what is empty, and escapes the rest", () => {
  assert.equal(
    api.query({ state: "", device: "a&b=c", reason: null, window: undefined, limit: 0 }),
    "?device=a%26b%3Dc&limit=0",
  );
  assert.equal(api.query({ state: "" }), "");
});

test("a blob's name keeps its slashes in an address and nothing else of it means anything there", async () => {
  await api.getRunsOf("cam 1/a?b#c%2F.png");
  assert.equal(asked[0]?.path, "/api/images/cam%201/a%3Fb%23c%252F.png");
});

test("the key travels in a header and in no address", async () => {
  api.keepKey("a secret");
  await api.getStats("1h");
  assert.deepEqual(asked, [
    { path: "/api/stats?window=1h", method: "GET", key: "a secret", redirect: "error" },
  ]);
  api.forgetKey();
  await api.getStats("1h");
  assert.equal(asked[1]?.key, undefined);
});

test("a 401 asks for a key, and says whether there was a wrong one", async () => {
  /** @type {boolean[]} */
  const wanted = [];
  api.whenKeyIsWanted((wasWrong) => wanted.push(wasWrong));
  answer = () => new Response("", { status: 401 });
  await assert.rejects(api.getRun("1"), (error) => api.refusedWith(error, 401));
  api.keepKey("wrong");
  await assert.rejects(api.getPicture("1"), (error) => api.refusedWith(error, 401));
  assert.deepEqual(wanted, [false, true]);
});

test("a refusal says what the API said, and else its status", async () => {
  answer = () => Response.json({ detail: "limit is 1 to 1000" }, { status: 400 });
  await assert.rejects(api.getRuns({ limit: 0 }), { message: "limit is 1 to 1000", status: 400 });
  answer = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await assert.rejects(api.getRuns({ limit: 1 }), { message: "The API answered 502.", status: 502 });
});

test("what is not well is an answer though its status is 503, unless it says nothing", async () => {
  answer = () => Response.json({ checks: { database: { ok: false } } }, { status: 503 });
  assert.deepEqual(await api.getHealth(), { checks: { database: { ok: false } } });
  answer = () => new Response("", { status: 503 });
  await assert.rejects(api.getHealth(), { status: 503 });
});

test("a picture comes as its bytes and the type that the API gives it", async () => {
  answer = () => new Response(new Uint8Array([1, 2]), { headers: { "content-type": "image/png" } });
  const { type, bytes } = await api.getPicture("1");
  assert.equal(type, "image/png");
  assert.deepEqual([...new Uint8Array(bytes)], [1, 2]);
});

test("only what changes something is a POST", async () => {
  await api.replay("1");
  await api.replayAll({ state: "failed", reason: "store_unavailable", limit: 100, dry_run: "true" });
  assert.deepEqual(
    asked.map(({ method, path }) => `${method} ${path}`),
    [
      "POST /api/runs/1/replay",
      "POST /api/runs/replay?state=failed&reason=store_unavailable&limit=100&dry_run=true",
    ],
  );
});
