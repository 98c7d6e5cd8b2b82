// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { whyNotDrawn } from "../../../function_app/dashboard/modules/pictures.js";

/**
 * The header of a PNG, as far as the page reads it.
 * @param {number} width
 * @param {number} height
 */
function pngOf(width, height) {
  const bytes = new ArrayBuffer(33);
  const header = new DataView(bytes);
  header.setUint32(16, width);
  header.setUint32(20, height);
  return bytes;
}

test("a picture of the pipeline's size is drawn", () => {
  assert.equal(whyNotDrawn("image/png", pngOf(32, 32)), null);
  assert.equal(whyNotDrawn("image/png", pngOf(2_048, 2_048)), null);
});

test("a picture whose header says that it would exhaust the browser is not drawn", () => {
  assert.equal(whyNotDrawn("image/png", pngOf(2_048, 2_049)), "too large");
  assert.equal(whyNotDrawn("image/png", pngOf(0xffffffff, 0xffffffff)), "too large");
});

test("what the API does not call a PNG, or is too short for one, is not drawn", () => {
  assert.equal(whyNotDrawn("application/octet-stream", pngOf(32, 32)), "no PNG");
  assert.equal(whyNotDrawn(null, pngOf(32, 32)), "no PNG");
  assert.equal(whyNotDrawn("image/png", new ArrayBuffer(32)), "no PNG");
});
