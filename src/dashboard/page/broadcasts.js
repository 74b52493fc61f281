/** Broadcasts: a card for each, with a bar per PC where it is open. */

import { get, post } from "./api.js";
import { byId, h, keyed, setText, toast } from "./dom.js";
import { byName, counted, number, percent, plain, rate, size, span, time } from "./format.js";

/** Between two looks at the PCs of a broadcast, milliseconds. */
const PAUSE = 900;
const STATES = {
  running: "running",
  waiting: "waits for PCs",
  done: "done",
  withdrawn: "withdrawn",
  expired: "expired",
};
/** PCs shown at once; the list of a larger lab is told in words. */
const PCS = 1000;

/** @param {import("./state.js").LabState} lab @param {(row: any) => void} withdraw asks, and withdraws */
export function broadcastsView(lab, withdraw) {
  const place = byId("view-broadcasts");
  const nothing = h(
    "div.nothing",
    {},
    h("p", {}, "No broadcast yet."),
    h("p", {}, "Choose Broadcast to put files from this PC's share on every PC, or: rs broadcast share/FILE"),
  );
  const list = h("div.cards");
  place.append(nothing, list);
  const kept = new Map();
  const ended = new Map();
  let query = "";
  const isOpen = ({ state }) => state === "running";
  function update() {
    const rows = [...lab.broadcasts.values()]
      .filter(({ name, from, id }) => query === "" || `${name} ${from} ${id}`.toLowerCase().includes(query))
      .sort((a, b) => isOpen(b) - isOpen(a) || b.began - a.began);
    nothing.hidden = rows.length > 0;
    keyed(list, kept, rows.map((row) => [row.id, row]), (row) => card(row, lab, withdraw));
    for (const row of lab.broadcasts.values()) {
      if (ended.get(row.id) === "running" && row.state !== "running" && row.state !== "withdrawn") {
        toast(
          `${plain(row.name)}: ${row.done} of ${counted(total(row), "PC")} done${
            row.failed ? `, ${row.failed} failed` : ""
          }`,
        );
      }
      ended.set(row.id, row.state);
    }
  }
  return {
    parts: ["broadcasts"],
    update,
    search(text) {
      query = text.toLowerCase();
      update();
    },
  };
}

/** Nobody else gets it. */
const isOver = ({ state }) => state === "withdrawn" || state === "expired";
const total = ({ done, waiting, failed }) => done + waiting + failed;

function card(first, lab, withdraw) {
  const { id } = first;
  const label = `b-${id}`;
  const parts = {
    name: h("h2", { id: label }),
    state: h("span.state"),
    about: h("p.about"),
    summary: h("p.summary"),
    bar: h(
      "div.meter",
      { role: "progressbar", "aria-labelledby": label, "aria-valuemin": "0", "aria-valuemax": "100" },
      h("i.done"),
      h("i.bytes"),
      h("i.failed"),
    ),
    retry: h("button", { type: "button", on: { click: () => retry(id, lab) } }, "Retry failed"),
    withdraw: h(
      "button",
      { type: "button", on: { click: () => withdraw(lab.broadcasts.get(id)) } },
      "Withdraw",
    ),
    toggle: h(
      "button",
      { type: "button", "aria-expanded": "false", "aria-controls": `pcs-${id}` },
      "Show PCs",
    ),
  };
  const pcs = new Pcs(id);
  parts.toggle.addEventListener("click", () => open(pcs.element.hidden));
  const element = h(
    "article.card",
    { "aria-labelledby": label },
    h("header", {}, h("div", {}, parts.name, parts.about), parts.state),
    parts.bar,
    h("footer", {}, parts.summary, h("div.buttons", {}, parts.retry, parts.withdraw, parts.toggle)),
    pcs.element,
  );
  function open(isOpen) {
    parts.toggle.setAttribute("aria-expanded", String(isOpen));
    setText(parts.toggle, isOpen ? "Hide PCs" : "Show PCs");
    pcs.show(isOpen);
  }
  let seen = "";
  element.update = (row) => {
    const text = JSON.stringify(row);
    if (row.state === "running") setText(parts.summary, summary(row, lab));
    if (text === seen) return;
    if (seen === "" && row.state === "running") open(true);
    seen = text;
    draw(parts, element, row, lab);
    pcs.changed(row);
  };
  return element;
}

function draw(parts, element, row, lab) {
  element.dataset.state = row.state;
  setText(parts.name, plain(row.name));
  setText(parts.state, STATES[row.state]);
  setText(
    parts.about,
    `${size(row.size)}, ${counted(row.files, "file")}, from ${plain(row.from)}, began ${time(row.began)}`,
  );
  setText(parts.summary, summary(row, lab));
  const whole = row.size * total(row);
  const share = total(row) > 0
    ? percent(row.size > 0 ? row.bytes : row.done, row.size > 0 ? whole : total(row))
    : 0;
  parts.bar.setAttribute("aria-valuenow", String(share));
  parts.bar.setAttribute("aria-valuetext", summary(row, lab));
  const [done, bytes, failed] = parts.bar.children;
  done.style.width = `${100 * row.done / Math.max(1, total(row))}%`;
  bytes.style.width = `${Math.max(0, share - 100 * row.done / Math.max(1, total(row)))}%`;
  failed.style.width = `${100 * row.failed / Math.max(1, total(row))}%`;
  parts.retry.hidden = row.failed === 0 || isOver(row);
  parts.withdraw.hidden = isOver(row);
}

function summary(row, lab) {
  const speed = row.state === "running" ? lab.meter(row.id).rate(performance.now()) : 0;
  const left = row.size * (total(row) - row.failed) - row.bytes;
  return [
    `${number(row.done)} of ${counted(total(row), "PC")} done`,
    ...row.failed > 0 ? [`${row.failed} failed`] : [],
    ...row.waiting > 0 && row.state !== "running"
      ? [`${row.waiting} ${isOver(row) ? "without it" : "to come"}`]
      : [],
    ...speed > 0 ? [`${rate(speed)} in all`] : [],
    ...row.reason ? [plain(row.reason)] : [],
    ...speed > 0 && left > 0 ? [`${span(left / speed)} left`] : [],
  ].join(", ");
}

async function retry(id, lab) {
  try {
    await post("retry", { id });
    toast(`Offered again to those that failed: ${plain(lab.broadcasts.get(id)?.name ?? id)}`);
  } catch (fault) {
    toast(fault.message, true);
  }
}

/** The PCs of a broadcast: asked for while they are shown. */
class Pcs {
  #kept = new Map();
  #list = h("ul.pcs", { "aria-label": "PCs" });
  #faults = h("ul.faults", { "aria-label": "Why PCs failed", hidden: true });
  #rest = h("p.note", { hidden: true });
  #size = 0;
  #lookAt = -Infinity;
  #timer = 0;
  #id;

  constructor(id) {
    this.#id = id;
    this.element = h("div.of-pcs", { id: `pcs-${id}`, hidden: true }, this.#faults, this.#list, this.#rest);
  }

  show(isShown) {
    this.element.hidden = !isShown;
    if (isShown) this.#look();
  }

  /** How it stands as a whole has changed. */
  changed(row) {
    this.#size = row.size;
    if (!this.element.hidden) this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    const wait = this.#lookAt + PAUSE - performance.now();
    if (wait > 0) return void (this.#timer = setTimeout(() => this.#look(), wait));
    this.#lookAt = performance.now();
    try {
      this.#draw(await get("pcs", { id: this.#id }));
    } catch (fault) {
      toast(fault.message, true);
    }
  }

  #draw(rows) {
    const began = performance.now();
    rows.sort((a, b) => byName(a.name, b.name));
    const shown = rows.slice(0, PCS);
    keyed(this.#list, this.#kept, shown.map((row) => [row.name, { ...row, size: this.#size }]), pcCell);
    this.#rest.hidden = rows.length <= PCS;
    setText(this.#rest, `and ${rows.length - PCS} more: rs broadcasts --id ${this.#id}`);
    const failed = rows.filter(({ state }) => state === "failed");
    this.#faults.hidden = failed.length === 0;
    const text = (row) => `${plain(row.name)}: ${plain(row.reason ?? "it failed")}`;
    this.#faults.replaceChildren(...failed.slice(0, 20).map((row) => h("li", {}, text(row))));
    performance.measure("pcs", { start: began });
  }
}

function pcCell() {
  const name = h("span.name");
  const value = h("span.value");
  const fill = h("i", { "aria-hidden": "true" });
  const element = h("li.pc", {}, fill, name, value);
  let seen = "";
  element.update = (row) => {
    const part = row.state === "done" ? 1 : row.size > 0 ? Math.min(1, row.bytes / row.size) : 0;
    const isUnderWay = row.active &&
      (row.state === "receiving" || (row.state === "waiting" && row.bytes > 0));
    const word = row.state === "done"
      ? "done"
      : row.state === "failed"
      ? "failed"
      : isUnderWay
      ? `${percent(row.bytes, row.size)} %`
      : row.active
      ? "waiting"
      : row.bytes > 0
      ? `off, ${percent(row.bytes, row.size)} %`
      : "off";
    const now = `${row.state} ${part} ${word}`;
    if (now === seen) return;
    seen = now;
    element.dataset.state = isUnderWay ? "receiving" : row.state === "receiving" ? "waiting" : row.state;
    setText(name, plain(row.name));
    setText(value, word);
    element.title = plain(row.name) + (row.reason ? `: ${plain(row.reason)}` : "");
    fill.style.transform = `scaleX(${part})`;
  };
  return element;
}
