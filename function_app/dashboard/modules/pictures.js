// @ts-check
// Thumbnails: asked for when they come into sight, a few at a time, and kept for as long as the page is open.

import { getPicture, refusedWith } from "./api.js";
import { element, say } from "./elements.js";

/** @typedef {{ url: string } | { why: string, later?: true }} Picture  where it is, or why there is none */

const MOST_PIXELS = 4_194_304; // a larger picture is not drawn: decoding it could exhaust a browser
const KEPT = 400;
const AT_ONCE = 4;
const LATER_MS = 10_000;
const AHEAD = "120px"; // of what is in sight

/** @type {Map<string, Promise<Picture>>} */
const pictures = new Map(); // by run id
/** @type {(() => Promise<void>)[]} */
const queue = [];
let fetching = 0;
/** @type {IntersectionObserver | null} */
let observer = null;

/**
 * Draw the picture of the run that `data-picture` names, once the box comes into sight.
 * @param {HTMLElement} box
 */
export function watchPicture(box) {
  observer ??= new IntersectionObserver(fillInSight, { rootMargin: AHEAD });
  observer.observe(box);
}

/** Ask for all of them anew: there is another key. */
export const forgetPictures = () => pictures.clear();

/**
 * Why bytes are not drawn, or null if they are. Only the header is read: decoding is the browser's.
 * @param {string | null} type  as the API calls them
 * @param {ArrayBuffer} bytes
 */
export function whyNotDrawn(type, bytes) {
  if (type !== "image/png" || bytes.byteLength < 33) return "no PNG";
  const header = new DataView(bytes); // IHDR: width at byte 16, height at byte 20
  return header.getUint32(16) * header.getUint32(20) > MOST_PIXELS ? "too large" : null;
}

/** @param {IntersectionObserverEntry[]} entries */
function fillInSight(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting || !(target instanceof HTMLElement)) continue;
    observer?.unobserve(target);
    fill(target);
  }
}

/** @param {HTMLElement} box */
async function fill(box) {
  const id = box.dataset.picture;
  if (!id) return;
  const found = await pictureOf(id);
  if (box.dataset.picture !== id) return;
  if (!("url" in found)) {
    if (found.later) setTimeout(() => observer?.observe(box), LATER_MS);
    say(box, found.why);
    return;
  }
  const alt = box.hasAttribute("aria-hidden") ? "" : "The image of this run";
  const image = element("img", { alt, src: found.url, draggable: "false" });
  image.addEventListener("error", () => say(box, "unreadable"));
  box.replaceChildren(image);
}

/**
 * @param {string} id
 * @returns {Promise<Picture>}
 */
function pictureOf(id) {
  const known = pictures.get(id);
  if (known) return known;
  /** @type {Promise<Picture>} */
  const asked = new Promise((done) => {
    queue.push(() => fetchPicture(id).then(done));
  });
  pictures.set(id, asked);
  fetchNext();
  if (pictures.size > KEPT) dropOldest();
  return asked;
}

function dropOldest() {
  const [oldest] = pictures;
  if (!oldest) return;
  const [id, asked] = oldest;
  pictures.delete(id);
  asked.then((found) => {
    if (!("url" in found) || document.querySelector(`img[src="${found.url}"]`)) return;
    URL.revokeObjectURL(found.url);
  });
}

function fetchNext() {
  if (fetching >= AT_ONCE) return;
  const fetchOne = queue.shift();
  if (!fetchOne) return;
  fetching += 1;
  fetchOne().finally(() => {
    fetching -= 1;
    fetchNext();
  });
}

/**
 * @param {string} id
 * @returns {Promise<Picture>}
 */
async function fetchPicture(id) {
  try {
    const { type, bytes } = await getPicture(id);
    const why = whyNotDrawn(type, bytes);
    return why ? { why } : { url: URL.createObjectURL(new Blob([bytes], { type: "image/png" })) };
  } catch (error) {
    if (refusedWith(error, 404)) return { why: "gone" };
    pictures.delete(id); // the API was away or wants a key: nothing is known of the picture
    return { why: "later", later: true };
  }
}
