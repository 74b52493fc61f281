/** The page: logs in where it must, follows the lab, and shows one list at a time. */

import { eventsView, transfersView } from "./activity.js";
import { follow, get, post } from "./api.js";
import { broadcastsView } from "./broadcasts.js";
import { byId, setText, toast } from "./dom.js";
import { filesView } from "./files.js";
import { counted, number, plain } from "./format.js";
import { orderBroadcast, orderCollect, orderInvite, orderWithdraw, showFile, showPeer } from "./orders.js";
import { peersView } from "./peers.js";
import { LabState } from "./state.js";

const lab = new LabState();
const actions = { collect: false, invite: false };
const views = {
  broadcasts: broadcastsView(lab, orderWithdraw),
  peers: peersView(lab, (row) => showPeer(lab, actions, row)),
  files: filesView(lab, (row) => showFile(lab, actions, row)),
  transfers: transfersView(lab),
  events: eventsView(lab),
};
const names = Object.keys(views);
const searches = Object.fromEntries(names.map((name) => [name, ""]));
let shown = "broadcasts";

/** Takes a message in, and measures how long that takes. */
function take(message, how) {
  const began = performance.now();
  lab[how](message, began);
  performance.measure("update", { start: began });
}

lab.listen((changed) => {
  figures();
  for (const [name, view] of Object.entries(views)) {
    // The events stand beside the lists, too; the broadcasts say when they are done.
    const isSeen = name === shown || name === "events" || name === "broadcasts";
    if (isSeen && view.parts.some((part) => changed.has(part))) view.update();
  }
});

/** What a number is called: of one, and of any other. */
const labels = {
  "figure-peers": ["PC here", "PCs here"],
  "figure-broadcasts": ["broadcast under way", "broadcasts under way"],
  "figure-files": ["file", "files"],
  "figure-last": ["last copy", "last copies"],
};

function figures() {
  let here = 0;
  for (const { state } of lab.peers.values()) if (state !== "off") here++;
  const under = [...lab.broadcasts.values()].filter(({ state }) => state === "running").length;
  const { total, last, away } = lab.files;
  const set = (id, value, of) => {
    const label = labels[id];
    if (label) setText(byId(id).querySelector("span"), label[(of ?? value) === 1 ? 0 : 1]);
    setText(
      byId(id).querySelector("b"),
      of === undefined ? number(value) : `${number(value)} / ${number(of)}`,
    );
  };
  set("figure-peers", here, lab.peers.size);
  set("figure-broadcasts", under);
  set("figure-files", total);
  set("figure-last", last);
  set("figure-away", away);
  byId("figure-last").classList.toggle("is-warning", last > 0);
  byId("figure-away").classList.toggle("is-warning", away > 0);
  document.title = `LabSwarm: ${counted(here, "PC")} here`;
}

/** Shows one list. */
function show(name, focus = false) {
  shown = name;
  for (const each of names) {
    const tab = byId(`tab-${each}`);
    const isShown = each === name;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    if (isShown && focus) tab.focus();
    byId(`view-${each}`).hidden = !isShown;
  }
  byId("search").value = searches[name];
  views[name].update();
}

function tabs() {
  byId("tabs").addEventListener("click", (event) => {
    if (event.target.id?.startsWith("tab-")) show(event.target.id.slice(4));
  });
  byId("tabs").addEventListener("keydown", (event) => {
    const all = names.filter((name) => byId(`tab-${name}`).offsetParent);
    const at = all.indexOf(shown);
    const to =
      { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(all[to % all.length], true);
  });
  let timer = 0;
  byId("search").addEventListener("input", ({ target }) => {
    searches[shown] = target.value;
    clearTimeout(timer);
    timer = setTimeout((name) => views[name].search(searches[name]), 120, shown);
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, select, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || document.querySelector("dialog")) {
      return;
    }
    event.preventDefault();
    byId("search").focus();
  });
  const jump = (id, name, then) =>
    byId(id).addEventListener("click", () => {
      show(name);
      then?.();
    });
  jump("figure-peers", "peers");
  jump("figure-broadcasts", "broadcasts");
  jump("figure-files", "files", () => views.files.only("all"));
  jump("figure-last", "files", () => views.files.only("last"));
  jump("figure-away", "files", () => views.files.only("away"));
}

/** The system's choice, until somebody chooses. */
function theme() {
  const root = document.documentElement;
  try {
    root.dataset.theme = localStorage.getItem("theme") ?? "";
  } catch { /* storage may be off */ }
  byId("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch { /* as above */ }
  });
}

function link(state) {
  byId("link").dataset.state = state;
  setText(byId("link-text"), state === "on" ? "Live" : "Connecting");
}

let end = () => {};

/** Looks who we are, and follows the lab if we may. */
async function enter() {
  end();
  let session;
  try {
    session = await get("session");
  } catch (fault) {
    link("off");
    toast(fault.message, true);
    return void setTimeout(enter, 3000);
  }
  byId("login").hidden = session.may;
  byId("lab").hidden = !session.may;
  byId("do-broadcast").hidden = !session.may;
  byId("do-collect").hidden = !session.actions?.collect;
  byId("do-invite").hidden = !session.actions?.invite;
  byId("logout").hidden = !session.may || session.here;
  byId("link").hidden = !session.may;
  if (!session.may) return byId("login-key").focus();
  Object.assign(actions, session.actions);
  const { name, address, mode } = session.about;
  setText(byId("where"), `${plain(name)} at ${address}${mode === "open" ? ", open to everybody" : ""}`);
  byId("where").classList.toggle("is-open", mode === "open");
  end = follow({
    all: (message) => take(message, "all"),
    changes: (message) => take(message, "changes"),
    link,
    denied: () => setTimeout(enter, 2000),
  });
}

async function login(key) {
  try {
    await post("login", { key });
    setText(byId("login-fault"), "");
    byId("login-key").value = "";
    await enter();
  } catch (fault) {
    setText(byId("login-fault"), fault.message);
  }
}

function orders() {
  byId("do-broadcast").addEventListener("click", () => orderBroadcast(lab));
  byId("do-collect").addEventListener("click", () => orderCollect(lab));
  byId("do-invite").addEventListener("click", () => orderInvite());
  byId("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    login(byId("login-key").value);
  });
  byId("logout").addEventListener("click", async () => {
    await post("logout").catch((fault) => toast(fault.message, true));
    enter();
  });
}

theme();
tabs();
orders();
// A key may come in the address, after the #, which no server sees; it doesn't stay in the history.
const [, key] = /^#key=(.+)$/.exec(location.hash) ?? [];
if (key) history.replaceState(null, "", "/");
if (key) await login(decodeURIComponent(key));
else await enter();
// What depends on the time alone.
setInterval(() => {
  if (shown === "broadcasts" || shown === "peers") views[shown].update();
}, 5000);
