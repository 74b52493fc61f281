/** The list of PCs. */

import { byName, counted, number, plain, span, STATES, time } from "./format.js";
import { Grid } from "./grid.js";
import { byId, setText } from "./dom.js";

/** @param {import("./state.js").LabState} lab @param {(row: any) => void} open */
export function peersView(lab, open) {
  let rows = [];
  let query = "";
  let sort = "name";
  const orders = {
    name: (a, b) => byName(a.name, b.name),
    state: (a, b) => (a.state === "off") - (b.state === "off") || byName(a.name, b.name),
    files: (a, b) => b.files - a.files || byName(a.name, b.name),
    registered: (a, b) => b.registered - a.registered,
  };
  const grid = new Grid({
    label: "PCs",
    className: "grid-peers",
    columns: [
      { key: "name", title: "PC", sort: "name", text: (row) => plain(row.name) },
      { key: "state", title: "State", sort: "state", show: showState },
      { key: "address", title: "Address", text: (row) => `${plain(row.address)}:${row.port}` },
      { key: "host", title: "Host name", text: (row) => plain(row.host) },
      { key: "files", title: "Files", sort: "files", text: (row) => number(row.files) },
      {
        key: "ttl",
        title: "Registration lasts",
        text: (row) => row.until ? span((row.until - Date.now()) / 1000) : "",
      },
      { key: "times", title: "In 30 days", text: (row) => counted(row.times, "time") },
      {
        key: "registered",
        title: "Latest",
        sort: "registered",
        text: (row) => row.registered ? time(row.registered) : "",
      },
    ],
    row: (at) => rows[at],
    open,
    sort: (by) => {
      sort = by;
      update();
    },
    empty: () =>
      query
        ? "No PC of that name or address"
        : "No PC has registered yet. On each: peer serve --join CODE; Invite gives the code",
  });
  byId("view-peers").append(grid.element, grid.nothing);
  function update() {
    rows = [...lab.peers.values()].filter((row) =>
      query === "" || `${row.name} ${row.host} ${row.address} ${row.state}`.toLowerCase().includes(query)
    ).sort(orders[sort]);
    grid.sortedBy(sort);
    grid.update(rows.length);
  }
  return {
    update,
    parts: ["peers"],
    search(text) {
      query = text.toLowerCase();
      grid.toTop();
      update();
    },
  };
}

function showState(row, cell) {
  if (cell.dataset.state !== row.state) cell.dataset.state = row.state;
  setText(cell, STATES[row.state]);
}
