// @ts-check
// One run: how it ended or where it is, its way from the file to the row, and its source.

import { getRun, messageOf, refusedWith, replay } from "./api.js";
import { $, button, chip, element, toast } from "./elements.js";
import { moment, ms, seconds, visible, whole, words, zone } from "./format.js";
import { watchPicture } from "./pictures.js";
import { soon } from "./refresh.js";
import { factsOf, isLive, momentsOf, presentOf, title } from "./run.js";
import { state } from "./state.js";

/** @import { RunView, Score } from "./api.js" */
/** @import { Moment } from "./run.js" */

/**
 * Ask for a run and show it. Answers whether it moves: it has not ended, or looks other than before.
 * @param {string} id
 */
export async function loadRun(id) {
  const body = $("run-body");
  try {
    const run = await getRun(id);
    if (state.openRun !== id) return true;
    const before = body.dataset.key;
    show(body, run);
    return isLive(run) || body.dataset.key !== before;
  } catch (error) {
    if (state.openRun !== id) return true;
    if (!refusedWith(error, 404)) throw error;
    body.dataset.key = "";
    const heading = element("h1", { tabindex: "-1" }, "No such run");
    body.replaceChildren(heading, element("p", {}, "The API knows no run of this id."));
    return false;
  }
}

/** Show nothing, so that no run is seen before it has been asked for. */
export function clearRun() {
  const body = $("run-body");
  body.replaceChildren();
  body.dataset.key = "";
  body.dataset.run = "";
}

/**
 * @param {HTMLElement} body
 * @param {RunView} run
 */
function show(body, run) {
  const key = JSON.stringify(run);
  if (body.dataset.key === key) return;
  const again = body.dataset.run === run.run_id;
  const focused = again && body.contains(document.activeElement) ? document.activeElement?.id : "";
  body.dataset.key = key;
  body.dataset.run = run.run_id;
  const drawn = again ? body.querySelector(".thumb") : null;
  const thumb = drawn ?? element("div", { class: "thumb", "data-picture": run.run_id });
  const heading = element("h1", { tabindex: "-1", id: "run-title" }, title(run));
  body.replaceChildren(
    element("div", { class: "card run-head" }, thumb, aboutOf(run, heading)),
    element(
      "div",
      { class: "run-grid" },
      section("timeline", "From the file to the row", `times in ${zone}`, timelineOf(run)),
      section("facts", "Source", "", listOfFacts(run)),
    ),
  );
  if (!again) {
    if (thumb instanceof HTMLElement) watchPicture(thumb);
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } else if (focused) document.getElementById(focused)?.focus();
}

/**
 * @param {RunView} run
 * @param {HTMLElement} heading
 */
function aboutOf(run, heading) {
  const reason = run.detail ? `${words(run.reason)}: ${visible(run.detail)}` : words(run.reason);
  return element(
    "div",
    { class: "about" },
    chip(run.state),
    heading,
    reason ? element("p", {}, reason) : null,
    run.cause ? element("p", {}, visible(run.cause)) : null,
    run.scores?.length ? element("div", { class: "score-line" }, ...run.scores.map(lineOfScore)) : null,
    ["rejected", "failed"].includes(run.state) ? replayButton(run) : null,
  );
}

/** @param {Score} score */
function lineOfScore({ scorer, scorer_version, value }) {
  const by = ` ${words(scorer)}, version ${scorer_version}`;
  return element("div", {}, element("b", {}, whole.format(value)), element("span", {}, by));
}

/** @param {RunView} run */
function replayButton(run) {
  const made = button({ class: "primary", id: "replay" }, "Replay this image", async () => {
    made.disabled = true;
    try {
      await replay(run.run_id);
      toast("Replayed: the image is processed again.");
    } catch (error) {
      toast(`Not replayed: ${visible(messageOf(error))}`);
      made.disabled = false;
    }
    soon();
  });
  return made;
}

/**
 * @param {string} id
 * @param {string} heading
 * @param {string} note  beside the heading; "" for none
 * @param {HTMLElement} content
 */
function section(id, heading, note, content) {
  const header = element(
    "header",
    {},
    element("h2", { id: `${id}-title` }, heading),
    note ? element("p", { class: "figure" }, note) : null,
  );
  return element("section", { class: "card", "aria-labelledby": `${id}-title` }, header, content);
}

/** @param {RunView} run */
function timelineOf(run) {
  const moments = momentsOf(run);
  const items = moments.map((one, index) => itemOf(one, moments[index - 1]));
  const present = presentOf(run);
  if (present)
    items.push(element("li", { "data-state": run.state }, element("p", { class: "what" }, present)));
  return element("ol", { class: "timeline" }, ...items);
}

/**
 * @param {Moment} one
 * @param {Moment} [before]
 */
function itemOf({ when, what, state, why }, before) {
  const gap = before ? `+${seconds((ms(when) - ms(before.when)) / 1000)}` : "";
  return element(
    "li",
    { "data-state": state },
    element("p", { class: "what" }, what, gap ? element("span", { class: "gap" }, gap) : null),
    why ? element("p", { class: "why" }, visible(why)) : null,
    element("p", { class: "when" }, element("time", { datetime: when }, moment.format(ms(when)))),
  );
}

/** @param {RunView} run */
function listOfFacts(run) {
  const pairs = factsOf(run).flatMap(({ name, value, mono }) => [
    element("dt", {}, name),
    element("dd", { class: mono ? "mono" : null }, value),
  ]);
  return element("dl", { class: "facts" }, ...pairs);
}
