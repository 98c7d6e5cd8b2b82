// @ts-check
// Asking again and again: often while images move, less often when nothing does, rarely when nobody looks.

export const BUSY_MS = 2_000; // while images move
export const CALM_MS = 10_000; // at most, while nothing does
export const HIDDEN_MS = 60_000; // while nobody looks

/**
 * What is refreshed.
 * @typedef {object} Page
 * @property {() => Promise<boolean>} load  ask and show; answers whether anything moves
 * @property {() => void} loaded
 * @property {(error: unknown) => void} failed
 * @property {() => boolean} hidden  does nobody look?
 * @property {(ms: number) => void} waits  told how long until it is asked again
 */

/** @type {Page | null} */
let page = null;
let delay = BUSY_MS;
let asking = false;
let askAgain = false; // something changed while the API was being asked
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Begin to keep a page fresh.
 * @param {Page} which
 */
export function keepFresh(which) {
  page = which;
  refresh();
}

/** Ask now, or once more if it is being asked: what is on its way may be old. */
export function soon() {
  delay = BUSY_MS;
  askAgain = asking;
  if (!asking) refresh();
}

/** Wait anew from now on: whether anybody looks may have changed. */
export function schedule() {
  if (!page) return;
  clearTimeout(timer);
  const wait = page.hidden() ? HIDDEN_MS : delay;
  page.waits(wait);
  timer = setTimeout(refresh, wait);
}

async function refresh() {
  if (asking || !page) return;
  asking = true;
  clearTimeout(timer);
  try {
    delay = (await page.load()) ? BUSY_MS : Math.min(CALM_MS, delay * 1.5);
    page.loaded();
  } catch (error) {
    delay = Math.min(CALM_MS, Math.max(BUSY_MS, delay * 1.5));
    page.failed(error);
  } finally {
    asking = false;
    if (askAgain) soon();
    else schedule();
  }
}
