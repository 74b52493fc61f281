/**
 * Elements without markup: whatever a peer calls itself or its files is text and stays text. Nothing in this page sets
 * innerHTML; the server's policy forbids it, too.
 */

/**
 * Makes an element.
 *
 * @param {string} tag its name, with classes after dots: "p.fault".
 * @param {Record<string, unknown>} [given] properties; `on` holds listeners, `data-` and `aria-` names are attributes.
 * @param {...(Node | string | undefined)} children
 * @returns {any}
 */
export function h(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, String(value));
    else element[key] = value;
  }
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Sets a text only where it is another: what doesn't change isn't laid out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let toastTimer = 0;
/** Shows a sentence for a while, and a fault for longer; screen readers say it. */
export function toast(text, isFault = false) {
  const place = byId("toast");
  place.textContent = text;
  place.classList.toggle("is-fault", isFault);
  place.classList.add("is-shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.classList.remove("is-shown"), isFault ? 9000 : 5000);
}

/**
 * Keeps elements in step with rows: one for each key, in the rows' order; those that stay aren't touched.
 *
 * @param {HTMLElement} parent
 * @param {Map<string, any>} kept elements by key; belongs to the caller.
 * @param {Iterable<[string, any]>} rows
 * @param {(row: any) => HTMLElement & { update?: (row: any) => void }} make
 */
export function keyed(parent, kept, rows, make) {
  const seen = new Set();
  let before = null;
  for (const [key, row] of rows) {
    seen.add(key);
    let element = kept.get(key);
    if (!element) kept.set(key, element = make(row));
    element.update?.(row);
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== element) parent.insertBefore(element, place);
    before = element;
  }
  for (const [key, element] of kept) {
    if (seen.has(key)) continue;
    element.remove();
    kept.delete(key);
  }
}
