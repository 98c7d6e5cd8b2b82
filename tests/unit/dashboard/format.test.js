// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  age,
  count,
  headAndTail,
  seconds,
  span,
  tick,
  visible,
  words,
} from "../../../function_app/dashboard/modules/format.js";

test("what nobody knows is a dash, and nought is nought", () => {
  assert.equal(count(null), "–");
  assert.equal(count(undefined), "–");
  assert.equal(count(0), "0");
});

test("numbers are exact below a million and compact from there on", () => {
  assert.equal(count(999_999), "999,999");
  assert.equal(count(1_234_567), "1.2M");
  assert.equal(tick(999), "999");
  assert.equal(tick(1_200), "1.2K");
});

test("a length of time is in the unit that reads best", () => {
  assert.equal(seconds(0.0421), "42 ms");
  assert.equal(seconds(0.9994), "999 ms");
  assert.equal(seconds(0.9996), "1.0 s");
  assert.equal(seconds(99.94), "99.9 s");
  assert.equal(seconds(100), "2 min");
  assert.equal(seconds(Number.NaN), "–");
  assert.equal(seconds(-1), "0 ms"); // two computers' clocks
});

test("long lengths of time are whole minutes, hours and, from two days on, days", () => {
  assert.equal(span(59.4), "59 s");
  assert.equal(span(60), "1 min");
  assert.equal(span(3_600), "1 h");
  assert.equal(span(172_799), "48 h");
  assert.equal(span(172_800), "2 d");
});

test("an age counts from now, and is a dash where there is no moment", () => {
  assert.equal(age("2026-03-04T12:00:00Z", Date.parse("2026-03-04T12:05:00Z")), "5 min");
  assert.equal(age(null), "–");
  assert.equal(age("no moment"), "–");
});

test("codes of the API become words", () => {
  assert.equal(words("not_a_png"), "not a png");
  assert.equal(words(null), "");
});

test("characters that hide or reorder text are named instead of obeyed", () => {
  assert.equal(visible("a\u202egnp.exe"), "a‹U+202E›gnp.exe");
  assert.equal(visible("\u0000\u200b\ufeff\n"), "‹U+0000›‹U+200B›‹U+FEFF›‹U+000A›");
  assert.equal(visible("<b>é 日本 🙂</b>"), "<b>é 日本 🙂</b>"); // the page writes text, never markup
  assert.equal(visible(null), "");
});

test("every character without width is named, to the edges of each range", () => {
  const edges = [0x00, 0x1f, 0x7f, 0x9f, 0x200b, 0x200f, 0x2028, 0x202e, 0x2060, 0x2069, 0xfeff, 0x061c];
  for (const code of edges)
    assert.match(visible(String.fromCodePoint(code)), /^‹U\+[0-9A-F]{4}›$/, code.toString(16));
});

test("a long name keeps its last twelve characters, and no character is torn", () => {
  assert.deepEqual(headAndTail("short.png"), ["", "short.png"]);
  assert.deepEqual(headAndTail("long-name-🙂-000001.png"), ["long-name-", "🙂-000001.png"]);
});
