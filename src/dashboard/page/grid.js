/**
 * A table of any length of which only the rows in sight exist. One stop for the keyboard: arrows, Page Up and Down, Home and
 * End move in it, Enter opens a row; screen readers are told how many rows there are and which one it is.
 */

import { h, setText } from "./dom.js";

/** Rows made beyond the edges, so that scrolling finds them there. */
const BEYOND = 6;
let grids = 0;

/**
 * @typedef {{ key: string, title: string, sort?: string, text?: (row: any) => string,
 *   show?: (row: any, cell: HTMLElement) => void }} Column `text` for plain cells, `show` for others.
 */

export class Grid {
  #o;
  #body;
  #head;
  #rows = new Map();
  #spare = [];
  #count = 0;
  #active = -1;
  #height = 34;
  #waiting = false;
  #id = `grid${++grids}`;

  /**
   * @param {{ label: string, className: string, columns: Column[], row: (at: number) => any,
   *   open: (row: any) => void, sort?: (by: string) => void, empty: () => string }} options `row` gives undefined while a
   *   row is on its way.
   */
  constructor(options) {
    this.#o = options;
    this.#head = h("div.grid-row.grid-head", { role: "row" }, ...options.columns.map((c) => this.#header(c)));
    this.#body = h("div.grid-body", { role: "rowgroup" });
    this.nothing = h("p.nothing", { hidden: true });
    this.element = h(
      `div.grid.${options.className}`,
      {
        ...{ role: "grid", tabindex: "0", "aria-label": options.label, "aria-readonly": "true" },
        ...{ "aria-colcount": String(options.columns.length), tabIndex: 0 },
        on: {
          scroll: () => this.refresh(),
          keydown: (event) => this.#key(event),
          click: (event) => this.#click(event),
        },
      },
      h("div.grid-top", { role: "rowgroup" }, this.#head),
      this.#body,
    );
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  /** So many rows there are, and their contents may be others than before. */
  update(count) {
    this.#count = count;
    this.element.setAttribute("aria-rowcount", String(count + 1));
    this.#body.style.height = `${count * this.#height}px`;
    this.nothing.hidden = count > 0;
    if (count === 0) setText(this.nothing, this.#o.empty());
    if (this.#active >= count) this.#active = count - 1;
    this.#render();
  }

  /** Shows in the head what the rows are sorted by. */
  sortedBy(key) {
    this.#o.columns.forEach(({ sort }, i) => {
      if (sort) this.#head.children[i].setAttribute("aria-sort", sort === key ? "ascending" : "none");
    });
  }

  /** Draws what is in sight, once per frame. */
  refresh() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#render();
    });
  }

  /** Scrolls to the first row, and forgets which one had the focus. */
  toTop() {
    this.element.scrollTop = 0;
    this.#active = -1;
  }

  /** The rows in sight, from and up to. */
  get range() {
    const { scrollTop, clientHeight } = this.element;
    const from = Math.max(0, Math.floor(scrollTop / this.#height) - BEYOND);
    return [from, Math.min(this.#count, Math.ceil((scrollTop + clientHeight) / this.#height) + BEYOND)];
  }

  #header({ title, key, sort }) {
    const inside = sort && this.#o.sort
      ? h("button", { type: "button", on: { click: () => this.#o.sort(sort) } }, title)
      : title;
    return h(`span.c-${key}`, { role: "columnheader" }, inside);
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 34;
    if (height !== this.#height) {
      this.#height = height;
      this.#body.style.height = `${this.#count * height}px`;
    }
    this.refresh();
  }

  #render() {
    if (this.element.clientHeight === 0) return;
    const [from, to] = this.range;
    for (const [at, element] of this.#rows) {
      if (at >= from && at < to) continue;
      this.#rows.delete(at);
      this.#spare.push(element);
    }
    for (let at = from; at < to; at++) this.#draw(at);
    for (const element of this.#spare.splice(8)) element.remove();
    for (const element of this.#spare) element.hidden = true;
    const active = this.#rows.get(this.#active);
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #draw(at) {
    let element = this.#rows.get(at);
    if (!element) {
      element = this.#spare.pop() ?? this.#make();
      this.#rows.set(at, element);
      element.hidden = false;
      element.at = at;
      element.id = `${this.#id}-${at}`;
      element.setAttribute("aria-rowindex", String(at + 2));
      element.style.transform = `translateY(${at * this.#height}px)`;
    } else if (element.height !== this.#height) {
      element.style.transform = `translateY(${at * this.#height}px)`;
    }
    element.height = this.#height;
    element.classList.toggle("is-active", at === this.#active);
    const row = this.#o.row(at);
    element.classList.toggle("is-coming", row === undefined);
    if (row === undefined) return;
    this.#o.columns.forEach(({ text, show }, i) => {
      const cell = element.children[i];
      if (text) setText(cell, text(row));
      else show(row, cell);
    });
  }

  #make() {
    const cells = this.#o.columns.map(({ key }) => h(`span.c-${key}`, { role: "gridcell" }));
    return this.#body.appendChild(h("div.grid-row", { role: "row" }, ...cells));
  }

  #click(event) {
    const element = event.target.closest(".grid-row");
    if (!element || element.at === undefined) return;
    this.#active = element.at;
    this.#open();
  }

  #open() {
    const row = this.#o.row(this.#active);
    this.#render();
    if (row) this.#o.open(row);
  }

  #key(event) {
    if (event.target !== this.element) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 2);
    const moves = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key === "Enter" && this.#active >= 0) this.#open();
    else if (moves[event.key] === undefined) return;
    else this.#move(moves[event.key]);
    event.preventDefault();
  }

  #move(by) {
    if (this.#count === 0) return;
    this.#active = Math.min(this.#count - 1, Math.max(0, this.#active < 0 && by < 2 ? 0 : this.#active + by));
    const top = this.#active * this.#height;
    const room = this.element.clientHeight - this.#head.offsetHeight - this.#height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + room) this.element.scrollTop = top - room;
    this.#render();
  }
}
