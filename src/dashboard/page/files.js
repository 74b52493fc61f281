/** The list of files: only the window in sight is asked for, and again when something has changed. */

import { get } from "./api.js";
import { byId, h, setText, toast } from "./dom.js";
import { counted, plain, size, time } from "./format.js";
import { Grid } from "./grid.js";

const PAGE = 100;
/** Between two looks at a list that changes all the time, milliseconds. */
const PAUSE = 1000;

/** @param {import("./state.js").LabState} lab @param {(row: any) => void} open */
export function filesView(lab, open) {
  const view = new Files(lab, open);
  return {
    parts: ["files"],
    update: () => view.update(),
    search: (text) => view.want({ query: text }),
    only: (only) => view.want({ only }),
  };
}

class Files {
  #lab;
  #grid;
  #wanted = { query: "", sort: "rarity", only: "all" };
  #pages = new Map();
  #asked = new Map();
  #total = 0;
  #generation = 0;
  #filter;
  #note;

  constructor(lab, open) {
    this.#lab = lab;
    this.#grid = new Grid({
      label: "Files",
      className: "grid-files",
      columns: [
        { key: "name", title: "File", sort: "name", show: showName },
        { key: "holders", title: "Copies", sort: "rarity", show: showHolders },
        { key: "size", title: "Size", sort: "size", text: (row) => size(row.size) },
        { key: "modified", title: "Changed", text: (row) => time(Date.parse(row.modified)) },
      ],
      row: (at) => this.#row(at),
      open,
      sort: (sort) => this.want({ sort }),
      empty: () =>
        this.#total === 0 && this.#wanted.query === "" && this.#wanted.only === "all"
          ? "No file yet: what peers put into their share shows up here"
          : "No file matches",
    });
    this.#note = h("p.note", { hidden: true }, "More files than this list takes: search, or use rs index.");
    const choices = [["all", "All"], ["last", "Last copies"], ["away", "Only on PCs that are off"]];
    this.#filter = h(
      "div.filter",
      { role: "group", "aria-label": "Which files" },
      ...choices.map(([only, text]) =>
        h("button", {
          type: "button",
          "data-only": only,
          "aria-pressed": only === "all",
          on: {
            click: () => this.want({ only }),
          },
        }, text)
      ),
    );
    byId("view-files").append(this.#filter, this.#note, this.#grid.element, this.#grid.nothing);
    this.#grid.sortedBy("rarity");
  }

  /** Something has changed in the lab. */
  update() {
    const { version, cut } = this.#lab.files;
    this.#note.hidden = !cut;
    if (version !== this.#seen) this.#look();
  }
  #seen = -2;
  #lookAt = 0;
  #timer = 0;

  /** Others are wanted. */
  want(change) {
    Object.assign(this.#wanted, change);
    for (const button of this.#filter.children) {
      button.setAttribute("aria-pressed", String(button.dataset.only === this.#wanted.only));
    }
    this.#grid.sortedBy(this.#wanted.sort);
    this.#grid.toTop();
    this.#pages.clear();
    this.#ask(0, ++this.#generation);
  }

  #look() {
    clearTimeout(this.#timer);
    const wait = this.#lookAt + PAUSE - performance.now();
    if (wait > 0) return void (this.#timer = setTimeout(() => this.#look(), wait));
    this.#lookAt = performance.now();
    this.#seen = this.#lab.files.version;
    const [from, to] = this.#grid.range;
    const first = Math.floor(from / PAGE);
    const last = Math.max(first, Math.floor((to - 1) / PAGE));
    for (const page of [...this.#pages.keys()]) if (page < first || page > last) this.#pages.delete(page);
    const generation = ++this.#generation;
    for (let page = first; page <= last; page++) this.#ask(page, generation);
  }

  #row(at) {
    const page = Math.floor(at / PAGE);
    const rows = this.#pages.get(page);
    if (!rows && this.#asked.get(page) !== this.#generation) this.#ask(page, this.#generation);
    return rows?.[at - page * PAGE];
  }

  async #ask(page, generation) {
    this.#asked.set(page, generation);
    try {
      const answer = await get("files", { ...this.#wanted, offset: page * PAGE, limit: PAGE });
      if (generation !== this.#generation) return;
      const began = performance.now();
      this.#pages.set(page, answer.rows);
      this.#total = answer.total;
      this.#grid.update(answer.total);
      performance.measure("files", { start: began });
    } catch (fault) {
      if (this.#asked.get(page) === generation) toast(fault.message, true);
    }
  }
}

function showName(row, cell) {
  if (!cell.firstChild) cell.append(h("span.file"), h("span.title"));
  setText(cell.firstChild, plain(row.name));
  setText(cell.lastChild, plain(row.title));
}

function showHolders(row, cell) {
  const rarity = row.holders === 0 ? "away" : row.holders === 1 ? "last" : "some";
  if (cell.dataset.rarity !== rarity) cell.dataset.rarity = rarity;
  if (!cell.firstChild) cell.append(h("span"), h("span.holder"));
  setText(
    cell.firstChild,
    rarity === "away" ? "none here" : rarity === "last" ? "last copy" : counted(row.holders, "PC"),
  );
  setText(cell.lastChild, row.holder === undefined ? "" : `: ${plain(row.holder)}`);
}
