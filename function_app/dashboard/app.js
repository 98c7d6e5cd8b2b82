// The dashboard: asks the API what is going on and shows it, and nothing else.
//
// Whatever comes from outside (a blob's name, a reason, an error) becomes a text node, never markup.
// The function key lives in sessionStorage and travels in a header. In order: words and numbers, elements,
// the API, when it is asked; then what is seen: overview, charts, table, pictures, one run; replay; the address.

const API = "/api/";
const PAGE = 50;
const BUSY_MS = 2_000;      // while images move
const CALM_MS = 10_000;     // at most, while nothing does
const HIDDEN_MS = 60_000;   // while nobody looks
const HEALTH_MS = 30_000;
const LIVE = ["running", "retrying", "waiting"];
const ENDED = ["scored", "rejected", "failed"];
const WINDOW_WORDS = { "15m": "last 15 min", "1h": "last hour", "24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days" };
const MOST_PIXELS = 4_194_304;   // a larger picture is not drawn: decoding it could exhaust a browser
const PICTURES_KEPT = 400;
const PICTURES_AT_ONCE = 4;

const $ = (id) => document.getElementById(id);

const filter = { state: "", reason: "", device: "", window: "1h", text: "" };
let shown = { runs: [], extra: [], next: null, pages: 1 };
let stats = null;
let openRun = null;
let delay = BUSY_MS;
let timer = 0;
let healthTimer = 0;
let asking = false;
let askAgain = false;   // something changed while the API was being asked
let updatedAt = 0;
let seen = "";   // what was last told of the pipeline, to know whether anything moves

// ── words and numbers ───────────────────────────────────────────────────────────────────────────

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
});
const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName").value;

const count = (n) => (n === null || n === undefined ? "–" : n < 1_000_000 ? whole.format(n) : short.format(n));
const ms = (text) => (text ? Date.parse(text) : NaN);

function seconds(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 0.9995) return `${Math.max(0, Math.round(value * 1000))} ms`;
  if (value < 100) return `${value.toFixed(1)} s`;
  return span(value);
}

function span(value) {
  const s = Math.max(0, Math.round(value));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

const age = (text) => (Number.isFinite(ms(text)) ? span((Date.now() - ms(text)) / 1000) : "–");
const whenOf = (run) => run.committed_at ?? run.finished_at ?? run.started_at ?? run.uploaded_at;
const latencyOf = (run) => (ms(run.committed_at) - ms(run.captured_at)) / 1000;
const words = (code) => String(code ?? "").replaceAll("_", " ");

// Characters that would hide or reorder text are named instead of obeyed.
function visible(text) {
  return String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u061c]/gu,
    (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}

function sourceName(run) {
  if (!run.source_name) return null;
  try { return decodeURIComponent(run.source_name); } catch { return run.source_name; }
}

const title = (run) => visible(sourceName(run) ?? run.blob_name ?? run.run_id);

// ── elements ────────────────────────────────────────────────────────────────────────────────────

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawn(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function say(node, text) { if (node.textContent !== text) node.textContent = text; }

// A name whose middle is cut where it does not fit: the last characters tell one from another.
function sayCut(node, text) {
  if (node.textContent === text) return;
  const characters = [...text];
  const cut = Math.max(0, characters.length - 12);
  node.replaceChildren(element("span", { class: "head" }, characters.slice(0, cut).join("")), element("span", { class: "tail" }, characters.slice(cut).join("")));
}

function toast(text) {
  const note = element("p", {}, text);
  $("toasts").append(note);
  setTimeout(() => note.remove(), 6_000);
}

const chip = (state) => element("span", { class: "chip", "data-state": state }, state);

// ── the API ─────────────────────────────────────────────────────────────────────────────────────

class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail || `The API answered ${status}.`);
    this.status = status;
    this.problem = problem;
  }
}

async function call(path, { method = "GET", raw = false } = {}) {
  const key = sessionStorage.getItem("function-key");
  const answer = await fetch(API + path, {
    method, headers: key ? { "x-functions-key": key } : {}, credentials: "same-origin", redirect: "error",
  });
  if (answer.status === 401) {
    askForKey(Boolean(key));
    throw new Refused(401, { detail: "The API asks for a function key." });
  }
  if (raw && answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  if (!answer.ok && !(path.startsWith("health") && body)) throw new Refused(answer.status, body);
  return body;
}

function query(values) {
  const chosen = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return chosen.length ? `?${new URLSearchParams(chosen)}` : "";
}

const blobPath = (name) => name.split("/").map(encodeURIComponent).join("/");

function askForKey(wasWrong) {
  if ($("key-dialog").open) return;
  say($("key-why"), wasWrong
    ? "The API did not accept this key. It needs a function key or a host key of this deployment."
    : "This deployment asks for a key. It is kept in this tab only, until the tab is closed, and travels in a header, never in an address.");
  $("key-input").value = "";
  $("key-dialog").showModal();
}

// ── asking again and again, less often when nothing moves or nobody looks ─────────────────────────

async function refresh() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const moves = openRun ? await loadRun(openRun) : await loadOverview();
    delay = moves ? BUSY_MS : Math.min(CALM_MS, delay * 1.5);
    updatedAt = Date.now();
    showState("live");
  } catch (error) {
    delay = Math.min(CALM_MS, Math.max(BUSY_MS, delay * 1.5));
    if (error instanceof Refused && error.status === 400 && (filter.reason || filter.device)) setFilter({ reason: "", device: "" });
    showState("away", error);
  } finally {
    asking = false;
    if (askAgain) soon();
    else schedule();
  }
}

// Answers whether anything moves: images under way, or another picture than the last one.
async function loadOverview() {
  const [figures, runs] = await Promise.all([
    call(`stats${query({ window: filter.window })}`),
    listRuns().then((found) => {
      if (!stats) { shown.runs = found; showRuns(); }   // the first images need not wait for the figures
      return found;
    }),
  ]);
  if (openRun) return true;   // opened meanwhile: charts have no width while they are hidden
  stats = figures;
  shown.runs = runs;
  showOverview();
  const before = seen;
  seen = JSON.stringify([figures.counts, runs.map((run) => [run.run_id, run.state, run.attempt])]);
  return LIVE.some((state) => figures.counts[state] > 0) || seen !== before;
}

function schedule() {
  clearTimeout(timer);
  const wait = document.hidden ? HIDDEN_MS : delay;
  document.documentElement.dataset.nextMs = String(Math.round(wait));
  timer = setTimeout(refresh, wait);
}

function soon() {
  delay = BUSY_MS;
  askAgain = asking;
  if (!asking) refresh();
}

async function listRuns() {
  const { state, reason, device } = filter;
  if (LIVE.includes(state)) {
    shown.next = null;
    const states = state === "running" ? LIVE : [state];
    return (await Promise.all(states.map((one) => call(`runs${query({ state: one, device, limit: PAGE })}`)))).flatMap((page) => page.runs);
  }
  const moving = !state && !reason && stats ? LIVE.filter((one) => stats.counts[one] > 0) : [];
  const limit = Math.min(1_000, PAGE * shown.pages);
  const [page, ...others] = await Promise.all([
    call(`runs${query({ state, reason, device, limit })}`),
    ...moving.map((one) => call(`runs${query({ state: one, device, limit: 20 })}`)),
  ]);
  shown.next = page.next_cursor;
  const live = others.flatMap((other) => other.runs);
  const alive = new Set(live.map((run) => run.run_id));   // a replay: its old row waits to be replaced
  return [...live, ...page.runs.filter((run) => !alive.has(run.run_id))];
}

function showState(is, error) {
  $("pulse").dataset.is = is;
  document.documentElement.dataset.live = is;
  $("banner").hidden = is === "live";
  if (is === "live") return tick();
  const why = error instanceof Refused ? error.message : `The API does not answer (${error.message}).`;
  say($("pulse-text"), error.status === 401 ? "Key needed" : "Not connected");
  say($("banner"), `${visible(why)} Trying again.`);
  return undefined;
}

function tick() {
  if (updatedAt && $("pulse").dataset.is === "live") {
    const past = Math.round((Date.now() - updatedAt) / 1000);
    say($("pulse-text"), past < 15 ? "Live" : `Updated ${span(past)} ago`);
  }
  for (const cell of document.querySelectorAll("[data-age]")) say(cell, age(cell.dataset.age));
}

// ── overview ────────────────────────────────────────────────────────────────────────────────────

function showOverview() {
  const { counts, window: recent } = stats;
  for (const state of [...LIVE, ...ENDED]) say($(`n-${state}`), count(counts[state]));
  const devices = Object.keys(recent?.devices ?? {}).filter((name) => name);
  say($("n-devices"), count(devices.length));
  const period = WINDOW_WORDS[filter.window];
  say($("t-devices"), `seen in the ${period}`);
  for (const state of ENDED) say($(`t-${state}`), `${count(recent?.counts[state])} in the ${period}`);
  document.querySelector(".flow").classList.toggle("moving", LIVE.some((state) => counts[state] > 0));
  for (const button of document.querySelectorAll("#flow button, #states button")) {
    button.setAttribute("aria-pressed", String(button.dataset.state === filter.state));
  }
  for (const button of document.querySelectorAll("#windows button")) {
    button.setAttribute("aria-pressed", String(button.dataset.window === filter.window));
  }
  if (recent) {
    showThroughput(recent);
    showLatency(recent);
    showScores(recent);
    showReasons(recent);
    showDevices(recent);
    options($("reason"), [...Object.keys(recent.rejections), ...Object.keys(recent.failures)], filter.reason, words);
    options($("device"), devices, filter.device, visible);
  }
  showRuns();
}

function options(select, values, chosen, wording) {
  const wanted = [...new Set([...values, ...(chosen ? [chosen] : [])])].filter((value) => value).sort();
  const present = [...select.options].slice(1).map((option) => option.value);
  if (JSON.stringify(wanted) !== JSON.stringify(present)) {
    select.replaceChildren(select.options[0], ...wanted.map((value) => element("option", { value }, wording(value))));
  }
  select.value = chosen;
}

function showReasons(recent) {
  const found = [
    ...Object.entries(recent.rejections).map(([reason, runs]) => ({ reason, runs, state: "rejected" })),
    ...Object.entries(recent.failures).map(([reason, runs]) => ({ reason, runs, state: "failed" })),
  ].sort((a, b) => b.runs - a.runs);
  const most = Math.max(1, ...found.map((one) => one.runs));
  keepList($("reasons"), found, (one) => `${one.state}/${one.reason}/${one.runs}/${most}`, (one) => {
    const bar = element("i", { "data-state": one.state });
    bar.style.width = `${(100 * one.runs) / most}%`;
    return element("li", {},
      element("div", { class: "row" },
        element("button", { type: "button", class: "pickit", title: `Show the images ${one.state} as ${words(one.reason)}`, on: { click: () => setFilter({ state: one.state, reason: one.reason }) } }, words(one.reason)),
        element("span", { class: "count" }, count(one.runs)),
        element("button", { type: "button", class: "small", "aria-label": `Replay images ${one.state} as ${words(one.reason)}`, on: { click: () => replayReason(one.state, one.reason) } }, "Replay")),
      element("div", { class: "track", "aria-hidden": "true" }, bar));
  }, `Nothing was set aside in the ${WINDOW_WORDS[filter.window]}.`);
}

function showDevices(recent) {
  const found = Object.entries(recent.devices).map(([name, c]) => ({ name, c, total: c.scored + c.rejected + c.failed }))
    .sort((a, b) => b.total - a.total).slice(0, 12);
  const most = Math.max(1, ...found.map((one) => one.total));
  keepList($("devices"), found, (one) => JSON.stringify([one, most]), (one) => {
    const label = one.name ? visible(one.name) : "(no device named)";
    const bars = ENDED.map((state) => {
      const bar = element("i", { "data-state": state });
      bar.style.width = `${(100 * one.c[state]) / most}%`;
      return bar;
    });
    return element("li", {},
      element("div", { class: "row" },
        one.name
          ? element("button", { type: "button", class: "pickit", title: `Show the images of ${label}`, on: { click: () => setFilter({ device: one.name }) } }, label)
          : element("span", { class: "pickit" }, label),
        element("span", { class: "quietly" }, one.total > one.c.scored ? `${count(one.total - one.c.scored)} set aside` : ""),
        element("span", { class: "count" }, count(one.total))),
      element("div", { class: "track", "aria-hidden": "true" }, ...bars));
  }, `No image came in the ${WINDOW_WORDS[filter.window]}.`);
}

// Remake a list only when it changed, so that focus and hover survive a refresh.
function keepList(list, items, keyOf, make, nothing) {
  const key = JSON.stringify(items.map(keyOf)) + nothing;
  if (list.dataset.key === key) return;
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") ?? document.activeElement.title : null;
  list.dataset.key = key;
  list.replaceChildren(...(items.length ? items.map(make) : [element("li", { class: "quietly" }, nothing)]));
  if (focused) [...list.querySelectorAll("button")].find((button) => (button.getAttribute("aria-label") ?? button.title) === focused)?.focus();
}

async function showHealth() {
  try {
    const health = await call("health");
    keepList($("health"), Object.entries(health.checks ?? {}), ([name, check]) => `${name}${check.ok}${check.reason}${Math.round(check.milliseconds / 5)}`, ([name, check]) =>
      element("li", {}, element("span", {}, words(name)),
        check.ok ? element("span", { class: "quietly" }, `well, ${seconds(Math.max(check.milliseconds, 1) / 1000)}`) : element("span", { class: "chip", "data-state": "failed", title: visible(check.reason) }, visible(check.reason ?? "unavailable"))),
      "Nothing is known.");
  } catch { /* the banner says it */ }
  clearTimeout(healthTimer);
  if (!document.hidden) healthTimer = setTimeout(showHealth, HEALTH_MS);
}

// ── charts ──────────────────────────────────────────────────────────────────────────────────────

const MARGIN = { left: 40, right: 6, top: 8, bottom: 22 };

function canvas(box, label) {
  const width = Math.max(220, box.clientWidth), height = Math.max(120, box.clientHeight);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" });
  return { svg, width, height, w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
}

// The next round number; of counts an even one, so that the middle of the axis is a whole number too.
function roundUp(value, steps = [1, 2, 2.5, 5, 10]) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return steps.map((step) => step * power).find((step) => step >= value * 0.999);
}

const roundCount = (value) => roundUp(Math.max(4, value), [2, 4, 6, 8, 10]);

function yAxis(c, most, wording) {
  for (const share of [0, 0.5, 1]) {
    const y = MARGIN.top + c.h * (1 - share);
    c.svg.append(drawn("line", { class: "grid", x1: MARGIN.left, x2: c.width - MARGIN.right, y1: y, y2: y }));
    c.svg.append(drawn("text", { x: MARGIN.left - 7, y: y + 4, "text-anchor": "end" }, wording(most * share)));
  }
}

function xLabels(c, texts) {
  texts.forEach((text, index) => {
    const share = texts.length === 1 ? 0 : index / (texts.length - 1);
    c.svg.append(drawn("text", { x: MARGIN.left + c.w * share, y: c.height - 5, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" }, text));
  });
}

function place(box, c, nothing) {
  const old = box.querySelector(".tip");
  box.replaceChildren(c.svg, ...(nothing ? [element("p", { class: "nothing" }, nothing)] : []));
  if (old) box.append(old);
}

function hoverable(box, c, x, width, text) {
  const hit = drawn("rect", { class: "hit", x, y: MARGIN.top, width, height: c.h });
  hit.addEventListener("pointerenter", () => {
    box.querySelector(".tip")?.remove();
    const tip = element("div", { class: "tip", "aria-hidden": "true" }, text);
    box.append(tip);
    tip.style.left = `${Math.max(0, Math.min(c.width - tip.offsetWidth, x + width / 2 - tip.offsetWidth / 2))}px`;
  });
  hit.addEventListener("pointerleave", () => box.querySelector(".tip")?.remove());
  c.svg.append(hit);
}

function bucketsOf(recent) {
  const step = recent.bucket_seconds * 1000;
  const first = Math.floor(ms(recent.since) / step) * step;
  const known = new Map(recent.timeline.map((bucket) => [ms(bucket.start), bucket]));
  const buckets = [];
  for (let start = first; start <= Date.now() && buckets.length < 800; start += step) {
    buckets.push({ start, counts: known.get(start)?.counts ?? { scored: 0, rejected: 0, failed: 0 }, latency: known.get(start)?.latency ?? null });
  }
  return buckets;
}

// A moment of a chart: a day where buckets are days (of UTC, as the API makes them), else a time, with its day in a long window.
function clock(time, step, precise = false) {
  const daily = step >= 86_400_000, long = stats.window.seconds > 172_800;
  const day = new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(daily ? { timeZone: "UTC" } : {}) });
  const hour = new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (daily || (long && !precise)) return day;
  return long ? `${day} ${hour}` : hour;
}

const perWord = (recent) => (recent.bucket_seconds === 60 ? "minute" : recent.bucket_seconds === 3600 ? "hour" : "day");

function timeLabels(buckets, step) {
  const middle = buckets[Math.floor(buckets.length / 2)];
  return [clock(buckets[0].start, step), clock(middle.start, step), "now"];
}

function showThroughput(recent) {
  const box = $("throughput"), buckets = bucketsOf(recent), step = recent.bucket_seconds * 1000;
  const totals = buckets.map(({ counts: n }) => n.scored + n.rejected + n.failed);
  const sum = totals.reduce((a, b) => a + b, 0), per = perWord(recent);
  const most = roundCount(Math.max(...totals));
  const c = canvas(box, `Images per ${per} in the ${WINDOW_WORDS[filter.window]}: ${sum} in all, at most ${Math.max(0, ...totals)} in one ${per}.`);
  yAxis(c, most, (value) => (value < 1000 ? whole.format(value) : short.format(value)));
  const slot = c.w / buckets.length, bar = Math.max(1, Math.min(28, slot * 0.72));
  buckets.forEach((bucket, index) => {
    let y = MARGIN.top + c.h;
    const x = MARGIN.left + slot * index;
    for (const state of ENDED) {
      const height = (c.h * bucket.counts[state]) / most;
      if (height > 0) {
        y -= height;
        c.svg.append(drawn("rect", { class: `bar-${state}`, x: x + (slot - bar) / 2, y, width: bar, height, rx: Math.min(2, bar / 3) }));
      }
    }
    hoverable(box, c, x, slot, `${clock(bucket.start, step, true)}  ${whole.format(totals[index])} images\n${ENDED.map((state) => `${whole.format(bucket.counts[state])} ${state}`).join(" · ")}`);
  });
  xLabels(c, timeLabels(buckets, step));
  place(box, c, sum ? "" : "No image ended in this time.");
  $("throughput-figure").replaceChildren(element("b", {}, count(sum)), ` images in the ${WINDOW_WORDS[filter.window]}, per ${per}`);
}

function showLatency(recent) {
  const box = $("latency"), buckets = bucketsOf(recent), step = recent.bucket_seconds * 1000;
  const all = recent.latency;
  say($("latency-figure"), "");
  if (all) $("latency-figure").replaceChildren("median ", element("b", {}, seconds(all.p50)), ` · p95 ${seconds(all.p95)} · p99 ${seconds(all.p99)}`);
  const points = buckets.map((bucket, index) => ({ ...bucket, index })).filter((bucket) => bucket.latency);
  const highest = Math.max(...points.map((bucket) => bucket.latency.p95), all && !points.length ? all.p99 : 0);
  const most = roundUp(Math.max(0.1, highest));
  const c = canvas(box, all ? `Seconds from the file to its row: median ${all.p50.toFixed(2)}, 95 of 100 under ${all.p95.toFixed(2)}.` : "No latency is known.");
  yAxis(c, most, (value) => (value === 0 ? "0" : seconds(value)));
  const slot = c.w / buckets.length;
  const at = (bucket, rank) => [MARGIN.left + slot * (bucket.index + 0.5), MARGIN.top + c.h * (1 - Math.min(1, bucket.latency[rank] / most))];
  for (const rank of ["p95", "p50"]) {
    let path = "", last = -2;
    for (const bucket of points) {
      const [x, y] = at(bucket, rank);
      path += `${bucket.index === last + 1 ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      last = bucket.index;
    }
    c.svg.append(drawn("path", { class: `line ${rank}`, d: path || "M0 0" }));
    if (points.length < 40) for (const bucket of points) {
      const [x, y] = at(bucket, rank);
      c.svg.append(drawn("circle", { class: rank, cx: x, cy: y, r: 2.6 }));
    }
  }
  for (const bucket of points) {
    hoverable(box, c, MARGIN.left + slot * bucket.index, slot, `${clock(bucket.start, step, true)}  median ${seconds(bucket.latency.p50)}\np95 ${seconds(bucket.latency.p95)} of ${whole.format(bucket.latency.runs)} images`);
  }
  xLabels(c, timeLabels(buckets, step));
  place(box, c, all ? "" : "No scored image of this time tells when it was captured.");
  if (!$("latency-legend").childElementCount) $("latency-legend").append(element("span", {}, "median"), element("span", { class: "l95" }, "95th percentile"));
}

function showScores(recent) {
  const select = $("scorer"), found = recent.histograms;
  const names = found.map((one) => `${one.scorer} ${one.scorer_version}`);
  if (JSON.stringify(names) !== select.dataset.names) {
    select.dataset.names = JSON.stringify(names);
    const before = select.value;
    select.replaceChildren(...names.map((name) => element("option", { value: name }, words(name))));
    if (names.includes(before)) select.value = before;
    select.hidden = names.length < 2;
  }
  const chosen = found[Math.max(0, names.indexOf(select.value))];
  say($("scorer-name"), chosen && names.length < 2 ? `by ${words(chosen.scorer)}, version ${chosen.scorer_version}` : "");
  const box = $("scores");
  const bins = chosen?.bins ?? [];
  const sum = bins.reduce((a, b) => a + b, 0);
  const most = roundCount(Math.max(...bins));
  const c = canvas(box, chosen ? `Histogram of ${sum} scores from ${chosen.lowest} to ${chosen.highest}.` : "No scores.");
  yAxis(c, most, (value) => (value < 1000 ? whole.format(value) : short.format(value)));
  const slot = c.w / Math.max(1, bins.length);
  const edge = (index) => Math.round(chosen.lowest + ((chosen.highest - chosen.lowest + 1) * index) / bins.length);
  bins.forEach((n, index) => {
    const height = (c.h * n) / most, x = MARGIN.left + slot * index;
    if (n) c.svg.append(drawn("rect", { class: "bar-score", x: x + slot * 0.08, y: MARGIN.top + c.h - height, width: Math.max(1, slot * 0.84), height, rx: 1.5 }));
    hoverable(box, c, x, slot, `${whole.format(edge(index))} to ${whole.format(Math.max(edge(index), edge(index + 1) - 1))}\n${whole.format(n)} images`);
  });
  if (chosen) xLabels(c, [whole.format(chosen.lowest), whole.format(Math.round((chosen.lowest + chosen.highest) / 2)), whole.format(chosen.highest)]);
  place(box, c, chosen ? "" : "No image was scored in this time.");
  $("scores-figure").replaceChildren(...(chosen ? [element("b", {}, count(sum)), " newest scores"] : [""]));
}

// ── the table of images ─────────────────────────────────────────────────────────────────────────

const rows = new Map();   // run id -> table row, kept so that pictures and focus survive

function showRuns() {
  const text = filter.text.trim().toLowerCase();
  const all = text ? [...shown.runs, ...shown.extra.filter((run) => !shown.runs.some((other) => other.run_id === run.run_id))] : shown.runs;
  const chosen = text ? all.filter((run) => shown.extra.includes(run) || haystack(run).includes(text)) : all;
  const firstTime = rows.size === 0;
  const wanted = chosen.map((run) => {
    let row = rows.get(run.run_id);
    if (!row) {
      row = makeRow(run);
      rows.set(run.run_id, row);
      if (!firstTime) row.classList.add("fresh");
    }
    fillRow(row, run);
    return row;
  });
  const body = $("rows");
  const ids = new Set(chosen.map((run) => run.run_id));
  for (const [id, row] of rows) if (!ids.has(id)) { row.remove(); rows.delete(id); }
  wanted.forEach((row, index) => { if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null); });
  $("empty").hidden = chosen.length > 0;
  say($("empty"), text ? "No image in this list matches. Enter looks through all images for this exact blob name or run id."
    : filter.state || filter.reason || filter.device ? "No image matches these filters." : "No image yet. The first one shows here as soon as it arrives.");
  $("more").hidden = !shown.next || Boolean(text) || shown.pages * PAGE >= 1_000;
  $("clear").hidden = !(filter.state || filter.reason || filter.device || filter.text);
  say($("runs-figure"), chosen.length ? `${count(chosen.length)} newest${shown.next ? ", and more" : ""}` : "");
}

const haystack = (run) => [title(run), run.blob_name, run.run_id, run.reason, words(run.reason), run.device_id, run.state].join("\n").toLowerCase();

function makeRow(run) {
  const part = (name, ...children) => element("td", { class: name }, ...children);
  const go = () => { location.hash = `#/runs/${run.run_id}`; };
  const row = element("tr", { "data-run": run.run_id, on: { click: (event) => { if (!event.target.closest("a")) go(); } } },
    part("c-image", element("div", { class: "thumb", "data-picture": run.run_id, "aria-hidden": "true" })),
    part("c-name", element("a", { class: "name", href: `#/runs/${run.run_id}` }), element("span", { class: "under" })),
    part("c-state"), part("c-score num"), part("c-attempt num"), part("c-latency num"), part("c-age num", element("span")));
  watchPicture(row.querySelector(".thumb"));
  return row;
}

function fillRow(row, run) {
  const key = JSON.stringify([run.state, run.reason, run.attempt, run.scores, run.committed_at, run.cause, run.step]);
  if (row.dataset.key === key) return;
  row.dataset.key = key;
  const [, name, state, score, attempt, latency, ageCell] = row.children;
  sayCut(name.children[0], title(run));
  name.children[0].title = visible(run.blob_name);
  const blob = sourceName(run) ? visible(run.blob_name) : "";
  say(name.children[1], blob.startsWith(`${run.device_id}/`) ? blob : [run.device_id, blob].filter(Boolean).join(" · "));
  const note = run.state === "retrying" ? run.cause : run.state === "running" ? run.step : run.reason;
  state.replaceChildren(chip(run.state), ...(note ? [element("span", { class: "under", title: visible(run.detail ?? note) }, visible(words(note)))] : []));
  say(score, run.scores?.length ? whole.format(run.scores[0].value) : "");
  say(attempt, String(run.attempt ?? 1));
  say(latency, Number.isFinite(latencyOf(run)) ? seconds(latencyOf(run)) : "");
  const when = whenOf(run);
  if (when) ageCell.firstChild.dataset.age = when;
  ageCell.title = when ? moment.format(ms(when)) : "";
  say(ageCell.firstChild, age(when));
}

async function lookUp(text) {
  shown.extra = [];
  const found = [];
  const id = text.trim().toLowerCase();
  try {
    if (/^[0-9a-f]{32}$/.test(id)) found.push(await call(`runs/${id}`));
    else if (text) found.push(...(await call(`images/${blobPath(text)}`)).runs);
  } catch (error) {
    if (error.status !== 404) toast(visible(error.message));
  }
  if (filter.text !== text) return;
  shown.extra = found;
  showRuns();
  if (!found.length && !$("rows").childElementCount) toast("No image has exactly this blob name or run id.");
}

// ── pictures ────────────────────────────────────────────────────────────────────────────────────

const pictures = new Map();   // run id -> promise of an object URL, or of the reason for none
const queue = [];
let fetching = 0;

const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { observer.unobserve(entry.target); fillPicture(entry.target); }
}, { rootMargin: "120px" });

function watchPicture(box) { observer.observe(box); }

async function fillPicture(box) {
  const id = box.dataset.picture;
  const found = await pictureOf(id);
  if (box.dataset.picture !== id) return;
  if (found.later) setTimeout(() => observer.observe(box), CALM_MS);
  if (!found.url) { say(box, found.why); return; }
  const image = element("img", { alt: box.hasAttribute("aria-hidden") ? "" : "The image of this run", src: found.url, draggable: "false" });
  image.addEventListener("error", () => say(box, "unreadable"));
  box.replaceChildren(image);
}

function pictureOf(id) {
  if (!pictures.has(id)) {
    pictures.set(id, new Promise((done) => { queue.push(() => fetchPicture(id).then(done)); nextPicture(); }));
    if (pictures.size > PICTURES_KEPT) {
      const [oldest, promise] = pictures.entries().next().value;
      pictures.delete(oldest);
      promise.then((found) => { if (found.url && !document.querySelector(`img[src="${found.url}"]`)) URL.revokeObjectURL(found.url); });
    }
  }
  return pictures.get(id);
}

function nextPicture() {
  if (fetching >= PICTURES_AT_ONCE || !queue.length) return;
  fetching += 1;
  queue.shift()().finally(() => { fetching -= 1; nextPicture(); });
}

async function fetchPicture(id) {
  try {
    const answer = await call(`runs/${id}/image`, { raw: true });
    const bytes = await answer.arrayBuffer();
    if (answer.headers.get("content-type") !== "image/png" || bytes.byteLength < 33) return { why: "no PNG" };
    const header = new DataView(bytes);   // IHDR: width at byte 16, height at byte 20
    if (header.getUint32(16) * header.getUint32(20) > MOST_PIXELS) return { why: "too large" };
    return { url: URL.createObjectURL(new Blob([bytes], { type: "image/png" })) };
  } catch (error) {
    if (error.status === 404) return { why: "gone" };
    pictures.delete(id);   // the API was away or wants a key: nothing is known of the picture
    return { why: "later", later: true };
  }
}

// ── one run ─────────────────────────────────────────────────────────────────────────────────────

// Answers whether it moves: it has not ended, or looks other than before.
async function loadRun(id) {
  try {
    const run = await call(`runs/${id}`);
    if (openRun !== id) return true;
    const before = $("run-body").dataset.key;
    showRun(run);
    return LIVE.includes(run.state) || $("run-body").dataset.key !== before;
  } catch (error) {
    if (openRun !== id) return true;
    if (error.status !== 404) throw error;
    $("run-body").dataset.key = "";
    $("run-body").replaceChildren(element("h1", { tabindex: "-1" }, "No such run"), element("p", {}, "The API knows no run of this id."));
    return false;
  }
}

function showRun(run) {
  const body = $("run-body");
  const key = JSON.stringify(run);
  if (body.dataset.key === key) return;
  const again = body.dataset.run === run.run_id;
  const focused = again && body.contains(document.activeElement) ? document.activeElement.id : "";
  body.dataset.key = key;
  body.dataset.run = run.run_id;
  const thumb = (again && body.querySelector(".thumb")) || element("div", { class: "thumb", "data-picture": run.run_id });
  const heading = element("h1", { tabindex: "-1", id: "run-title" }, title(run));
  const replay = ["rejected", "failed"].includes(run.state)
    ? element("button", { type: "button", class: "primary", id: "replay", on: { click: () => replayRun(run) } }, "Replay this image") : null;
  body.replaceChildren(
    element("div", { class: "card run-head" }, thumb,
      element("div", { class: "about" }, chip(run.state), heading,
        run.detail ? element("p", {}, `${words(run.reason)}: ${visible(run.detail)}`) : run.reason ? element("p", {}, words(run.reason)) : null,
        run.cause ? element("p", {}, visible(run.cause)) : null,
        run.scores?.length ? element("div", { class: "score-line" }, ...run.scores.flatMap((score) => [element("div", {}, element("b", {}, whole.format(score.value)), element("span", {}, ` ${words(score.scorer)}, version ${score.scorer_version}`))])) : null,
        replay)),
    element("div", { class: "run-grid" },
      element("section", { class: "card", "aria-labelledby": "timeline-title" }, element("header", {}, element("h2", { id: "timeline-title" }, "From the file to the row"), element("p", { class: "figure" }, `times in ${zone}`)), timelineOf(run)),
      element("section", { class: "card", "aria-labelledby": "facts-title" }, element("header", {}, element("h2", { id: "facts-title" }, "Lineage")), factsOf(run))));
  if (!again) { watchPicture(thumb); heading.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  else if (focused) $(focused)?.focus();
}

function timelineOf(run) {
  const events = [];
  const add = (when, what, state, why) => { if (Number.isFinite(ms(when))) events.push({ when, what, state, why, order: events.length }); };
  add(run.captured_at, "File complete on the device", "waiting", sourceName(run));
  // Storage tells whole seconds, cut off: a blob can seem older than its file by a part of one.
  const cutOff = ms(run.captured_at) - ms(run.uploaded_at);
  add(cutOff > 0 && cutOff < 1000 ? run.captured_at : run.uploaded_at, "Blob stored", "waiting", run.blob_name);
  for (const past of run.earlier ?? []) add(past.finished_at, `Attempt ${past.attempt}: ${past.outcome}`, past.outcome, [words(past.reason), past.detail].filter(Boolean).join(": "));
  add(run.started_at, run.attempt > 1 ? `Attempt ${run.attempt} began` : "Run began", "running");
  for (const failure of run.attempts ?? []) add(failure.at, `Try ${failure.number} of ${words(failure.step)} failed`, "retrying", failure.error);
  if (ENDED.includes(run.state)) {
    add(run.finished_at, run.attempt > 1 ? `Attempt ${run.attempt}: ${run.state}` : run.state[0].toUpperCase() + run.state.slice(1), run.state, run.reason ? [words(run.reason), run.detail].filter(Boolean).join(": ") : null);
    add(run.committed_at, "Row committed", run.state);
  } else if (run.next_attempt_at) add(run.next_attempt_at, "Next try", "retrying");
  events.sort((a, b) => ms(a.when) - ms(b.when) || a.order - b.order);
  const items = events.map((event, index) => {
    const gap = index ? (ms(event.when) - ms(events[index - 1].when)) / 1000 : NaN;
    return element("li", { "data-state": event.state },
      element("p", { class: "what" }, event.what, Number.isFinite(gap) ? element("span", { class: "gap" }, `+${seconds(gap)}`) : null),
      event.why ? element("p", { class: "why" }, visible(event.why)) : null,
      element("p", { class: "when" }, element("time", { datetime: event.when }, moment.format(ms(event.when)))));
  });
  if (LIVE.includes(run.state) && !run.next_attempt_at) items.push(element("li", { "data-state": run.state }, element("p", { class: "what" }, run.step ? `Now: ${words(run.step)}` : "Now: waiting for its turn")));
  return element("ol", { class: "timeline" }, ...items);
}

function factsOf(run) {
  const facts = [
    ["Run id", run.run_id, true], ["Device", run.device_id], ["Source name", sourceName(run)], ["Container", run.container], ["Blob", run.blob_name, true],
    ["ETag", run.etag, true], ["SHA-256", run.sha256, true], ["Size", run.size_bytes === null ? null : `${whole.format(run.size_bytes)} bytes`],
    ["Attempt", String(run.attempt ?? 1)], ["Failed tries", run.failed_attempts ? String(run.failed_attempts) : null],
    ["File to row", Number.isFinite(latencyOf(run)) ? seconds(latencyOf(run)) : null],
  ];
  return element("dl", { class: "facts" }, ...facts.filter(([, value]) => value).flatMap(([name, value, mono]) => [element("dt", {}, name), element("dd", { class: mono ? "mono" : null }, visible(value))]));
}

// ── replay ──────────────────────────────────────────────────────────────────────────────────────

async function replayRun(run) {
  const button = $("replay");
  if (button) button.disabled = true;
  try {
    await call(`runs/${run.run_id}/replay`, { method: "POST" });
    toast("Replayed: the image is judged again.");
  } catch (error) {
    toast(`Not replayed: ${visible(error.message)}`);
    if (button) button.disabled = false;
  }
  soon();
}

async function replayReason(state, reason) {
  try {
    const which = { state, reason, limit: 100 };
    const { matched } = await call(`runs/replay${query({ ...which, dry_run: "true" })}`, { method: "POST" });
    if (!matched) return toast("There is none left.");
    if (!(await confirmed(`Replay ${matched === 100 ? "the 100 newest" : matched} ${state} as ${words(reason)}?`, "Each image is judged again from its blob. The earlier outcome stays in its history."))) return undefined;
    const done = await call(`runs/replay${query(which)}`, { method: "POST" });
    toast(`${done.started} of ${done.matched} replayed${done.already_running ? `, ${done.already_running} already under way` : ""}.`);
    soon();
  } catch (error) {
    toast(`Not replayed: ${visible(error.message)}`);
  }
  return undefined;
}

function confirmed(question, consequence) {
  const dialog = $("confirm");
  say($("confirm-title"), question);
  say($("confirm-text"), consequence);
  return new Promise((answer) => {
    $("confirm-yes").onclick = () => dialog.close("yes");
    $("confirm-no").onclick = () => dialog.close("no");
    dialog.onclose = () => answer(dialog.returnValue === "yes");
    dialog.returnValue = "no";
    dialog.showModal();
  });
}

// ── where we are: the address holds the view and its filters, never a key ─────────────────────────

function readAddress() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const run = /^runs\/([0-9a-f]{32})$/.exec(path);
  openRun = run ? run[1] : null;
  $("overview").hidden = Boolean(openRun);
  $("run").hidden = !openRun;
  $("windows").hidden = Boolean(openRun);
  if (openRun) return;
  const told = new URLSearchParams(search);
  const state = told.get("state") ?? "";
  filter.state = [...LIVE, ...ENDED].includes(state) ? state : "";
  filter.reason = told.get("reason") ?? "";
  filter.device = told.get("device") ?? "";
  filter.window = told.get("window") in WINDOW_WORDS ? told.get("window") : filter.window;
  document.title = "Image scoring";
  $("back").href = location.hash || "#/";
  $("run-body").replaceChildren();
  $("run-body").dataset.key = $("run-body").dataset.run = "";
}

function setFilter(change) {
  Object.assign(filter, change);
  if ("state" in change && !("reason" in change)) filter.reason = "";
  if (change.reason && LIVE.includes(filter.state)) filter.state = "";   // what has not ended has no reason yet
  shown.pages = 1;
  const { state, reason, device, window: period } = filter;
  history.replaceState(null, "", `#/${query({ state, reason, device, window: period === "1h" ? "" : period })}`);
  $("back").href = location.hash;
  if (stats) showOverview();
  soon();
}

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  say($("theme"), `Theme: ${theme}`);
}

function begin() {
  const remembered = localStorage.getItem("theme");
  setTheme(["light", "dark"].includes(remembered) ? remembered : "auto");
  $("theme").addEventListener("click", () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[document.documentElement.dataset.theme ?? "auto"];
    localStorage.setItem("theme", next);
    setTheme(next);
  });
  $("windows").addEventListener("click", (event) => { if (event.target.dataset.window) setFilter({ window: event.target.dataset.window }); });
  $("states").addEventListener("click", (event) => { if (event.target.dataset.state !== undefined) setFilter({ state: event.target.dataset.state }); });
  $("flow").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) setFilter({ state: filter.state === button.dataset.state ? "" : button.dataset.state });
  });
  $("reason").addEventListener("change", (event) => setFilter({ reason: event.target.value }));
  $("device").addEventListener("change", (event) => setFilter({ device: event.target.value }));
  $("scorer").addEventListener("change", () => { if (stats?.window) showScores(stats.window); });
  $("search").addEventListener("input", (event) => { filter.text = event.target.value; shown.extra = []; showRuns(); });
  $("filters").addEventListener("submit", (event) => { event.preventDefault(); if (filter.text.trim()) lookUp(filter.text); });
  $("clear").addEventListener("click", () => { $("search").value = ""; setFilter({ state: "", reason: "", device: "", text: "" }); $("search").focus(); });
  $("more").addEventListener("click", () => { shown.pages += 1; soon(); });
  $("key").addEventListener("click", () => askForKey(false));
  $("key-forget").addEventListener("click", () => { sessionStorage.removeItem("function-key"); $("key-dialog").close(); soon(); });
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("function-key", $("key-input").value.trim());
    $("key-input").value = "";
    $("key-dialog").close();
    pictures.clear();
    soon();
    showHealth();
  });
  addEventListener("hashchange", () => { readAddress(); soon(); });
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, dialog")) return;
    if (event.key === "/" && !openRun) { event.preventDefault(); $("search").focus(); }
    if (event.key === "Escape" && openRun) location.hash = $("back").getAttribute("href");
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) schedule(); else { soon(); showHealth(); } });
  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { if (stats && !openRun) showOverview(); }, 150); });
  setInterval(tick, 1_000);
  readAddress();
  refresh();
  showHealth();
}

begin();
