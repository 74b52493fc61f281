/** Dialogs: what a lead may have done, and what is known of one PC or one file. */

import { get, post } from "./api.js";
import { byId, h, toast } from "./dom.js";
import { byName, counted, number, plain, size, span, STATES, time } from "./format.js";

/** PCs to choose from at once; a search finds the others. */
const CHOICES = 400;
let dialogs = 0;

/**
 * Opens a dialog; the browser keeps the focus inside and gives it back.
 *
 * @param {string} title
 * @param {Node[]} content
 * @param {{ act?: string, run?: () => Promise<string | undefined> }} [order] what its button does; the text is said at the end.
 */
function openDialog(title, content, { act, run } = {}) {
  const id = `dialog${++dialogs}`;
  const fault = h("p.fault", { role: "alert" });
  const button = act ? h("button.primary", { type: "submit" }, act) : undefined;
  const close = h(
    "button",
    { type: "button", on: { click: () => dialog.close() } },
    act ? "Cancel" : "Close",
  );
  const form = h("form", {}, h("h2", { id }, title), ...content, fault, h("div.buttons", {}, close, button));
  const dialog = h("dialog", { "aria-labelledby": id, on: { close: () => dialog.remove() } }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!run) return dialog.close();
    button.disabled = true;
    fault.textContent = "";
    try {
      const said = await run();
      if (said === undefined) return;
      dialog.close();
      toast(said);
    } catch (thrown) {
      fault.textContent = thrown.message;
    } finally {
      button.disabled = false;
    }
  });
  byId("dialogs").append(dialog);
  dialog.showModal();
  return dialog;
}

const demand = (isThere, sentence) => {
  if (!isThere) throw new Error(sentence);
};

/** Starts a broadcast out of this PC's share. @param {string[]} [to] PCs that are chosen already */
export function orderBroadcast(lab, to = []) {
  const chosen = new Set();
  const picked = h("p.picked", { role: "status" }, "Nothing chosen yet");
  const say = () =>
    picked.textContent = chosen.size === 0
      ? "Nothing chosen yet"
      : `Chosen: ${[...chosen].map(plain).join(", ")}`;
  const receivers = pcChoice(lab, to);
  openDialog("Broadcast", [shareChoice(chosen, say), picked, receivers.element], {
    act: "Start",
    async run() {
      demand(chosen.size > 0, "Choose a file or a folder first");
      const names = receivers.names();
      demand(!names || names.length > 0, "Choose at least one PC, or all");
      await post("broadcast", { paths: [...chosen], ...(names ? { to: names } : {}) });
      return "The broadcast begins";
    },
  });
}

/** The share of the registration server's PC, folder by folder. */
function shareChoice(chosen, changed) {
  const where = h("p.crumbs");
  const list = h("ul.choice", { "aria-label": "This PC's share" });
  const fault = h("p.fault", { role: "alert" });
  async function enter(folder) {
    try {
      const entries = await get("share", { folder });
      fault.textContent = "";
      const crumb = (text, path) =>
        h("button.plain", { type: "button", on: { click: () => enter(path) } }, text);
      const parts = folder === "" ? [] : folder.split("/");
      where.replaceChildren(
        crumb("share", ""),
        ...parts.flatMap((part, i) => [" / ", crumb(plain(part), parts.slice(0, i + 1).join("/"))]),
      );
      list.replaceChildren(...entries.map((entry) => shareEntry(entry, folder)));
      if (entries.length === 0) list.append(h("li.note", {}, "Nothing in this folder"));
    } catch (thrown) {
      fault.textContent = thrown.message;
    }
  }
  function shareEntry({ name, isFolder, size: bytes }, folder) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const box = h("input", {
      type: "checkbox",
      checked: chosen.has(path),
      on: {
        change: () => {
          if (box.checked) chosen.add(path);
          else chosen.delete(path);
          changed();
        },
      },
    });
    return h(
      "li",
      {},
      h("label", {}, box, h("span", {}, plain(name) + (isFolder ? "/" : ""))),
      isFolder
        ? h("button.plain", {
          type: "button",
          "aria-label": `Open the folder ${plain(name)}`,
          on: { click: () => enter(path) },
        }, "open")
        : h("span.bytes", {}, size(bytes)),
    );
  }
  enter("");
  return h("fieldset", {}, h("legend", {}, "What"), where, list, fault);
}

/** All PCs, or some of them. */
function pcChoice(lab, to) {
  const chosen = new Set(to);
  const peers = [...lab.peers.values()].sort((a, b) => byName(a.name, b.name));
  const here = peers.filter(({ state }) => state !== "off").length;
  const list = h("ul.choice", { "aria-label": "PCs" });
  const search = h("input", {
    type: "search",
    placeholder: "Search PCs",
    "aria-label": "Search PCs",
    on: { input: () => draw() },
  });
  const some = h("div", { hidden: to.length === 0 }, search, list);
  const radio = (value, text) =>
    h(
      "label.line",
      {},
      h("input", {
        type: "radio",
        name: "to",
        value,
        checked: (value === "some") === (to.length > 0),
        on: {
          change: () => some.hidden = value === "all",
        },
      }),
      text,
    );
  function draw() {
    const fits = peers.filter(({ name }) => name.toLowerCase().includes(search.value.toLowerCase())).slice(
      0,
      CHOICES,
    );
    list.replaceChildren(...fits.map(({ name, state }) => {
      const box = h("input", {
        type: "checkbox",
        checked: chosen.has(name),
        on: {
          change: () => box.checked ? chosen.add(name) : chosen.delete(name),
        },
      });
      return h(
        "li",
        {},
        h("label", {}, box, h("span", {}, plain(name))),
        h("span.bytes", {}, state === "off" ? "off" : ""),
      );
    }));
  }
  draw();
  const off = peers.length - here;
  const all = `All PCs: ${here} here${off ? `, ${off} off get it when they register` : ""}`;
  const element = h(
    "fieldset",
    {},
    h("legend", {}, "To"),
    radio("all", all),
    radio("some", "Only some"),
    some,
  );
  return { element, names: () => some.hidden ? undefined : [...chosen] };
}

/** Fetches files from PCs. */
export function orderCollect(lab, { pattern = "", from = "" } = {}) {
  const what = h("input", {
    id: "collect-what",
    value: pattern,
    placeholder: "report.pdf, homework/*.odt",
    required: true,
    spellcheck: false,
  });
  const names = [...lab.peers.values()].filter(({ state }) => state !== "off").map(({ name }) => name).sort(
    byName,
  );
  const whom = h(
    "select",
    { id: "collect-from" },
    h("option", { value: "" }, "every PC, a folder for each"),
    ...names.map((name) => h("option", { value: name, selected: name === from }, plain(name))),
  );
  openDialog("Collect files", [
    h("p", {}, "Files are saved in rs-data/collected, in a folder for each PC."),
    h("label", { for: "collect-what" }, "Names, folders or globs, with commas between"),
    what,
    h("label", { for: "collect-from" }, "From"),
    whom,
  ], {
    act: "Collect",
    async run() {
      const patterns = what.value.split(",").map((each) => each.trim()).filter((each) => each !== "");
      demand(patterns.length > 0, "Say which files");
      await post("collect", { patterns, ...(whom.value ? { from: whom.value } : {}) });
      return "Collecting; see Transfers";
    },
  });
}

/** Makes a join code. */
export function orderInvite() {
  const role = h(
    "select",
    { id: "invite-role" },
    h("option", { value: "member" }, "a PC (member)"),
    h("option", { value: "lead" }, "a lead"),
  );
  const hours = h(
    "select",
    { id: "invite-hours" },
    ...[[2, "2 hours"], [8, "8 hours"], [24, "a day"], [168, "a week"]].map(([value, text]) =>
      h("option", { value: String(value) }, text)
    ),
  );
  const code = h("output.code", { "aria-live": "polite" });
  openDialog("Invite", [
    h("label", { for: "invite-role" }, "For"),
    role,
    h("label", { for: "invite-hours" }, "Good for"),
    hours,
    code,
  ], {
    act: "Make a code",
    async run() {
      const { code: text, expires, join: [line, ...more] } = await post("invite", {
        role: role.value,
        hours: Number(hours.value),
      });
      code.replaceChildren(
        h("code", {}, text),
        h("p", {}, `On the PC, until ${time(Date.parse(expires))}: ${line}`),
        ...more.map((each) => h("p", {}, each)),
      );
      return undefined;
    },
  });
}

/** Asks, and withdraws. */
export function orderWithdraw(row) {
  openDialog("Withdraw this broadcast?", [
    h("p", {}, `${plain(row.name)}: who has it keeps it, nobody else gets it. This can't be undone.`),
  ], {
    act: "Withdraw",
    async run() {
      await post("withdraw", { id: row.id });
      return `Withdrawn: ${plain(row.name)}`;
    },
  });
}

const facts = (pairs) =>
  h(
    "dl.facts",
    {},
    ...pairs.filter(([, value]) => value !== "").flatMap((
      [term, value],
    ) => [h("dt", {}, term), h("dd", {}, value)]),
  );

/** What is known of a PC. */
export function showPeer(lab, actions, row) {
  const act = (text, run) =>
    h("button", {
      type: "button",
      on: {
        click() {
          dialog.close();
          run();
        },
      },
    }, text);
  const dialog = openDialog(plain(row.name), [
    facts([
      ["State", STATES[row.state]],
      ["Address", `${plain(row.address)}:${row.port}`],
      ["Host name", plain(row.host)],
      ["Files", number(row.files)],
      ["Registration lasts", row.until ? span((row.until - Date.now()) / 1000) : ""],
      ["Registrations", `${counted(row.times, "time")} in 30 days`],
      ["Latest", row.registered ? time(row.registered) : ""],
    ]),
    h(
      "div.buttons",
      {},
      act("Broadcast to it", () => orderBroadcast(lab, [row.name])),
      actions.collect && row.state !== "off"
        ? act("Collect from it", () => orderCollect(lab, { from: row.name }))
        : undefined,
    ),
  ]);
}

/** What is known of a file. */
export async function showFile(lab, actions, row) {
  const holders = h("ul.holders", { "aria-label": "Who has it" });
  const collect = actions.collect && row.holders > 0
    ? h("button", {
      type: "button",
      on: {
        click() {
          dialog.close();
          orderCollect(lab, { pattern: row.name });
        },
      },
    }, "Collect it")
    : undefined;
  const dialog = openDialog(plain(row.name), [
    facts([
      ["Title", plain(row.title)],
      ["Size", `${size(row.size)} (${number(row.size)} bytes)`],
      ["Changed", time(Date.parse(row.modified))],
      ["SHA-256", row.sha256],
      [
        "Copies",
        row.holders === 1 ? "1: the last copy that is here" : `${row.holders} here, ${row.known} in all`,
      ],
    ]),
    holders,
    h("div.buttons", {}, collect),
  ]);
  try {
    const names = await get("holders", { name: row.name, sha256: row.sha256, size: row.size });
    names.sort((a, b) => byName(a.name, b.name));
    holders.replaceChildren(
      ...names.map(({ name, active }) =>
        h("li", { "data-state": active ? "here" : "off" }, plain(name) + (active ? "" : " (off)"))
      ),
    );
  } catch (fault) {
    holders.replaceChildren(h("li", {}, fault.message));
  }
}
