/** Transfers to this PC, and what happens as the log says it. */

import { byId, h, keyed, setText } from "./dom.js";
import { percent, plain, sentence, size, time } from "./format.js";

const KINDS = { received: "Received", collect: "Collect", broadcast: "Broadcast" };

/** @param {import("./state.js").LabState} lab */
export function transfersView(lab) {
  const place = byId("view-transfers");
  const nothing = h(
    "p.nothing",
    {},
    "No transfers. What PCs send here, and what is collected from them, shows up here.",
  );
  const list = h("ul.transfers", { "aria-label": "Transfers" });
  place.append(nothing, list);
  const kept = new Map();
  let query = "";
  function update() {
    const rows = [...lab.transfers.values()]
      .filter((row) => query === "" || `${row.name} ${row.peer}`.toLowerCase().includes(query))
      .sort((a, b) => b.at - a.at);
    nothing.hidden = rows.length > 0;
    list.hidden = rows.length === 0;
    keyed(list, kept, rows.map((row) => [row.id, row]), transfer);
  }
  return {
    parts: ["transfers"],
    update,
    search(text) {
      query = text.toLowerCase();
      update();
    },
  };
}

function transfer() {
  const parts = {
    kind: h("span.kind"),
    name: h("span.what"),
    peer: h("span.peer"),
    bytes: h("span.bytes"),
    at: h("span.at"),
    note: h("span.why"),
  };
  const element = h("li.transfer", {}, ...Object.values(parts));
  element.update = (row) => {
    element.dataset.state = row.state;
    setText(parts.kind, KINDS[row.kind]);
    setText(parts.name, plain(row.name));
    setText(parts.peer, row.peer ? `${row.kind === "broadcast" ? "to" : "from"} ${plain(row.peer)}` : "");
    const share = row.total > 0 && row.state === "running"
      ? `${percent(row.bytes, row.total)} % of ${size(row.total)}`
      : size(row.bytes);
    setText(parts.bytes, row.bytes || row.total ? share : "");
    setText(parts.at, time(row.at));
    setText(parts.note, row.state === "running" ? "under way" : plain(row.note ?? row.state));
  };
  return element;
}

/** Events shown: the last ones; the log has all. */
const EVENTS = 120;

/** The events, in the tab and beside the lists: only where they are seen. */
export function eventsView(lab) {
  const lists = [byId("view-events"), byId("side-events")].map((place) => ({
    place,
    list: place.appendChild(h("ol.events", { "aria-label": "Events, the latest first" })),
    last: 0,
    began: 0,
  }));
  let query = "";
  const element = ({ at, level, text }) =>
    h("li", { "data-level": level }, h("time", {}, time(at)), h("span", {}, sentence(text)));
  const fits = ({ text }) => query === "" || text.toLowerCase().includes(query);
  function draw(each, isSearched) {
    if (each.place.offsetParent === null) return;
    const newest = lab.events.at(-1)?.n ?? 0;
    if (newest < each.last || each.began !== lab.began) {
      each.list.replaceChildren();
      each.last = 0;
      each.began = lab.began;
    }
    const fresh = lab.events.filter(({ n }) => n > each.last);
    each.last = newest;
    each.list.prepend(...(isSearched ? fresh.filter(fits) : fresh).slice(-EVENTS).map(element).reverse());
    while (each.list.children.length > EVENTS) each.list.lastChild.remove();
  }
  const update = () => lists.forEach((each, i) => draw(each, i === 0));
  addEventListener("resize", update);
  return {
    parts: ["events"],
    update,
    search(text) {
      query = text.toLowerCase();
      lists[0].last = Infinity;
      update();
    },
  };
}
