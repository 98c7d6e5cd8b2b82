// @ts-check
// Numbers, times and foreign text, as the page writes them. Pure.

export const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** The reader's time zone, such as "CET". */
export const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" })
  .formatToParts()
  .find((part) => part.type === "timeZoneName")?.value;

/**
 * A number of things; a dash for what nobody knows, compact from a million on.
 * @param {number | null} [n]
 */
export function count(n) {
  if (n === null || n === undefined) return "–";
  return n < 1_000_000 ? whole.format(n) : short.format(n);
}

/**
 * A number beside an axis, where there is room for three digits.
 * @param {number} value
 */
export const tick = (value) => (value < 1000 ? whole.format(value) : short.format(value));

/**
 * Milliseconds since 1970 of an ISO 8601 moment; NaN if there is none.
 * @param {string | null} [text]
 */
export const ms = (text) => (text ? Date.parse(text) : Number.NaN);

/**
 * How long something took, given in seconds.
 * @param {number} value
 */
export function seconds(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 0.9995) return `${Math.max(0, Math.round(value * 1000))} ms`;
  if (value < 100) return `${value.toFixed(1)} s`;
  return span(value);
}

/**
 * A length of time in its largest unit, given in seconds.
 * @param {number} value
 */
export function span(value) {
  const s = Math.max(0, Math.round(value));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/**
 * How long ago that was.
 * @param {string | null} [text]
 * @param {number} [now]
 */
export function age(text, now = Date.now()) {
  return Number.isFinite(ms(text)) ? span((now - ms(text)) / 1000) : "–";
}

/**
 * A code of the API as words: "not_png" is "not png".
 * @param {string | null} [code]
 */
export const words = (code) => String(code ?? "").replaceAll("_", " ");

// Control characters, and those without width or that turn the direction of what follows.
const UNSEEN = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u061c]/gu;

/**
 * Text from outside in which characters that would hide or reorder text are named instead of obeyed.
 * @param {string | null} [text]
 */
export function visible(text) {
  return String(text ?? "").replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `‹U+${code.toString(16).toUpperCase().padStart(4, "0")}›`;
  });
}

/**
 * A name in two parts; where it does not fit the first is cut, as the last characters tell one from another.
 * @param {string} text
 */
export function headAndTail(text) {
  const characters = [...text];
  const cut = Math.max(0, characters.length - 12);
  return [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
}
