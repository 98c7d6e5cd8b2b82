// @ts-check
// The dashboard begins here: asks the API what is going on and shows it, and nothing else. What is seen is in
// overview.js (with charts, lists, table and pictures) or run_page.js; refresh.js says when the API is asked.
// api, format, refresh, run, scales and state need no page, so tests/unit/dashboard runs them in Node.

import { forgetKey, keepKey, messageOf, Refused, refusedWith, whenKeyIsWanted } from "./api.js";
import { showScores } from "./charts.js";
import { $, say } from "./elements.js";
import { age, span, visible } from "./format.js";
import { showHealth } from "./lists.js";
import { loadOverview, setFilter, showOverview } from "./overview.js";
import { forgetPictures } from "./pictures.js";
import { keepFresh, schedule, soon } from "./refresh.js";
import { clearRun, loadRun } from "./run_page.js";
import { readAddress, state } from "./state.js";
import { lookUp, showRuns } from "./table.js";

const THEMES = ["auto", "light", "dark"];
const RESIZED_MS = 150;

const root = document.documentElement;
let updatedAt = 0;

// ── whether what is seen is fresh ──

/** @param {"live" | "away"} is */
function showPulse(is) {
  $("pulse").dataset.is = is;
  root.dataset.live = is;
  $("banner").hidden = is === "live";
}

function loaded() {
  updatedAt = Date.now();
  showPulse("live");
  tick();
}

/** @param {unknown} error */
function failed(error) {
  // A reason or a device that the API does not take, out of the address.
  if (refusedWith(error, 400) && (state.filter.reason || state.filter.device))
    setFilter({ reason: "", device: "" });
  showPulse("away");
  const why = error instanceof Refused ? error.message : `The API does not answer (${messageOf(error)}).`;
  say($("pulse-text"), refusedWith(error, 401) ? "Key needed" : "Not connected");
  say($("banner"), `${visible(why)} Trying again.`);
}

/** Every second: what is seen grows older. */
function tick() {
  if (updatedAt && $("pulse").dataset.is === "live") {
    const past = Math.round((Date.now() - updatedAt) / 1000);
    say($("pulse-text"), past < 15 ? "Live" : `Updated ${span(past)} ago`);
  }
  for (const one of document.querySelectorAll("[data-age]")) say(one, age(one.getAttribute("data-age")));
}

// ── where we are ──

function goToAddress() {
  const asked = readAddress(location.hash, state.filter.window);
  state.openRun = asked.run;
  $("overview").hidden = asked.run !== null;
  $("run").hidden = asked.run === null;
  $("windows").hidden = asked.run !== null;
  if (asked.run !== null) return;
  state.filter = asked.filter;
  document.title = "Image scoring";
  $("back", HTMLAnchorElement).href = location.hash || "#/";
  clearRun();
}

// ── the key and the theme ──

/** @param {boolean} wasWrong */
function askForKey(wasWrong) {
  const dialog = $("key-dialog", HTMLDialogElement);
  if (dialog.open) return;
  say(
    $("key-why"),
    wasWrong
      ? "The API did not accept this key. It needs a function key or a host key of this deployment."
      : "This deployment asks for a key. It is kept in this tab only, until the tab is closed, and travels in a header, never in an address.",
  );
  $("key-input", HTMLInputElement).value = "";
  dialog.showModal();
}

function useKey() {
  const input = $("key-input", HTMLInputElement);
  keepKey(input.value.trim());
  input.value = "";
  $("key-dialog", HTMLDialogElement).close();
  forgetPictures();
  soon();
  showHealth();
}

/** @param {string} theme */
function setTheme(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  say($("theme"), `Theme: ${theme}`);
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length] ?? "auto";
  localStorage.setItem("theme", next);
  setTheme(next);
}

// ── what is pressed and typed ──

/**
 * The data of the button that was pressed inside an element.
 * @param {string} id
 * @param {(dataset: DOMStringMap) => void} act
 */
function whenPressed(id, act) {
  $(id).addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (button) act(button.dataset);
  });
}

function listen() {
  whenPressed("theme", nextTheme);
  whenPressed("windows", (of) => setFilter({ window: of.window ?? "" }));
  whenPressed("states", (of) => setFilter({ state: of.state ?? "" }));
  whenPressed("flow", (of) => setFilter({ state: of.state === state.filter.state ? "" : (of.state ?? "") }));
  for (const name of /** @type {const} */ (["reason", "device"])) {
    const select = $(name, HTMLSelectElement);
    select.addEventListener("change", () => setFilter({ [name]: select.value }));
  }
  $("scorer").addEventListener("change", () => {
    if (state.stats?.window) showScores(state.stats.window);
  });
  $("more").addEventListener("click", () => {
    state.list.pages += 1;
    soon();
  });
  listenToSearch();
  listenToKeyDialog();
}

function listenToSearch() {
  const search = $("search", HTMLInputElement);
  search.addEventListener("input", () => {
    state.text = search.value;
    state.list.extra = [];
    showRuns();
  });
  $("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    if (state.text.trim()) lookUp(state.text);
  });
  $("clear").addEventListener("click", () => {
    search.value = state.text = "";
    setFilter({ state: "", reason: "", device: "" });
    search.focus();
  });
}

function listenToKeyDialog() {
  $("key").addEventListener("click", () => askForKey(false));
  $("key-forget").addEventListener("click", () => {
    forgetKey();
    $("key-dialog", HTMLDialogElement).close();
    soon();
  });
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey();
  });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.target instanceof Element && event.target.closest("input, select, dialog")) return;
  if (event.key === "/" && !state.openRun) {
    event.preventDefault();
    $("search").focus();
  }
  if (event.key === "Escape" && state.openRun) location.hash = $("back").getAttribute("href") ?? "";
}

function listenToWindow() {
  addEventListener("hashchange", () => {
    goToAddress();
    soon();
  });
  addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) schedule();
    else {
      soon();
      showHealth();
    }
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      if (!state.openRun) showOverview();
    }, RESIZED_MS);
  });
}

function begin() {
  const remembered = localStorage.getItem("theme") ?? "auto";
  setTheme(THEMES.includes(remembered) ? remembered : "auto");
  whenKeyIsWanted(askForKey);
  listen();
  listenToWindow();
  setInterval(tick, 1_000);
  goToAddress();
  keepFresh({
    load: () => (state.openRun ? loadRun(state.openRun) : loadOverview()),
    loaded,
    failed,
    hidden: () => document.hidden,
    waits: (wait) => {
      root.dataset.nextMs = String(Math.round(wait));
    },
  });
  showHealth();
}

begin();
