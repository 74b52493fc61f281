/** Numbers, sizes and times for people, as the programs write them: MB = 10^6 bytes. Pure. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** "1.34 MB" @param {number} bytes */
export function size(bytes) {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  return `${value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${
    UNITS[unit]
  }`;
}

/** "12.3 MB/s" @param {number} bytesPerSecond */
export const rate = (bytesPerSecond) => `${size(bytesPerSecond)}/s`;

/** "1 file", "2,000 files" */
export const counted = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;

/** "20,000" @param {number} n */
export const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** "43 %"; only what is whole is 100 %. */
export function percent(part, whole) {
  if (whole <= 0) return 100;
  return Math.min(part >= whole ? 100 : 99, Math.floor(100 * part / whole));
}

/** How a PC's state is called. */
export const STATES = { here: "here", awaited: "lost, may come back", off: "off" };

/** "12 s", "3 min", "2 h", "4 days" @param {number} seconds */
export function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 99.5) return `${Math.round(s)} s`;
  if (s < 99.5 * 60) return `${Math.round(s / 60)} min`;
  if (s < 47.5 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

const two = (n) => String(n).padStart(2, "0");

/** "14:03:22" on this PC's clock, with the day before it when that isn't today. */
export function time(ms, now = Date.now()) {
  const at = new Date(ms);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === new Date(now).toDateString() ? clock : `${day(at)} ${clock.slice(0, 5)}`;
}

/** "2026-11-22" */
const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

/** What an eye wouldn't see or be led astray by: shown as a code, like the programs do. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Co}]|(?![\u200c\u200d])\p{Cf}/gu;

/** A text from the network as it may be shown: one line, in its own direction, nothing hidden. */
export function plain(text) {
  return String(text).replace(UNPRINTABLE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

/** A piece that is read from the right, up to its last such letter; what belongs to the sentence around it isn't in it. */
const FROM_THE_RIGHT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}](?:[^\p{Script=Latin},;:()]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}])?/gu;

/**
 * A sentence with names from the network in it, as `plain` shows it. A name that is read from the right doesn't turn what
 * stands beside it: "מעבדה: 44 files" isn't shown as "44 :מעבדה files".
 */
export function sentence(text) {
  return plain(text).replace(FROM_THE_RIGHT, "\u2068$&\u2069");
}

/** Orders names as people do: "PC-2" before "PC-10". */
export const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
