/** What happens when an entry of the menu is chosen. Questions throw `WentBack`; errors are told by who calls. */

import { basename, join } from "@std/path";
import { codeOf } from "../../../base/errors.ts";
import { formatCount, formatHostPort, type HostPort } from "../../../base/units.ts";
import { printable } from "../../../catalog/names.ts";
import { MAX_PATTERNS } from "../../../catalog/search.ts";
import type { NetworkRow } from "../../../peer/fetch/select.ts";
import { explain } from "../../failure.ts";
import { indexedName } from "../../values.ts";
import type { Prompts } from "./prompts.ts";
import { joinLab } from "./join_lab.ts";
import { carryOut, watchTransfers } from "./work.ts";
import { askAddress, chooseLab, type FoundLab } from "./find_lab.ts";
import { addressText, type Session } from "./session.ts";
import {
  byName,
  contentChoices,
  type Entry,
  fileQuestion,
  logText,
  nameTextFault,
  receiverChoices,
  registeredText,
  sumText,
  unquoted,
} from "./texts.ts";

/** What an action works with. */
export interface Menu {
  session: Session;
  prompts: Prompts;
  /** Where the share is, as the person knows it. */
  share: string;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Looks for labs on the network; none are found unless given. */
  labs?: (signal: AbortSignal) => Promise<readonly FoundLab[]>;
}

/** Who isn't done by then has failed, milliseconds; as the command has it. */
const BROADCAST_TIME = 600_000;

/** How long those who come late get it, milliseconds; as the command has it. */
const BROADCAST_KEPT = 24 * 3600_000;

/** Lines of the log that `status` shows. */
const STATUS_LINES = 6;

/** The actions; `quit` ends the menu itself. */
export const ACTIONS: Record<Exclude<Entry, "quit">, (menu: Menu) => Promise<void>> = {
  register,
  peers: listPeers,
  files: listFiles,
  fetch: requestFile,
  fetchAll: requestAll,
  send,
  broadcast,
  transfers: watchTransfers,
  status: showStatus,
  leave,
};

async function register(menu: Menu): Promise<void> {
  const { session, prompts } = menu;
  const running = await session.status();
  if (running) return prompts.tell("info", registeredText(running));
  const rs = await reachRs(menu);
  // A member has the name that it joined with.
  const name = await session.isMember() ? undefined : await prompts.text({
    message: "Your name in the network",
    initial: await session.likelyName(),
    fault: nameTextFault,
  });
  await prompts.busy((signal) => session.register(name, rs, signal));
  const status = await session.status();
  if (status) prompts.tell(status.registered ? "good" : "warn", registeredText(status));
}

/** Finds out which registration server to use, and that it answers; asks again until it does, or the person goes back. */
async function reachRs(menu: Menu): Promise<HostPort> {
  const { session, prompts } = menu;
  let rs = await session.rs() ?? await chooseLab(menu);
  while (true) {
    try {
      await prompts.busy((signal) => session.useRs(rs, signal));
      return rs;
    } catch (thrown) {
      if (codeOf(thrown) === "interrupted") throw thrown;
      // It answers, but to members only.
      if (codeOf(thrown) === "not_permitted" && !await session.isMember()) {
        await joinLab(menu, rs);
        continue;
      }
      prompts.tell(
        "error",
        `Cannot use the registration server at ${formatHostPort(rs)}: ${hintFor(thrown)}`,
      );
      rs = await askAddress(prompts, addressText(rs));
    }
  }
}

function hintFor(thrown: unknown): string {
  return codeOf(thrown) === "unreachable"
    ? "nothing answers there. Is rs serve running, is the address right, is the network cable in?"
    : printable(explain(thrown).message, 500);
}

/** What needs a registration server asks for one first, when none is known. */
async function knowRs(menu: Menu): Promise<void> {
  if (!await menu.session.rs()) await reachRs(menu);
}

async function listPeers(menu: Menu): Promise<void> {
  await knowRs(menu);
  const command = await import("../peer_peers.ts");
  await menu.prompts.busy((signal) => menu.session.run(command, "peers", { signal }));
}

async function listFiles(menu: Menu): Promise<void> {
  await knowRs(menu);
  const query = await menu.prompts.text({
    message: "Search for which words? (Enter alone lists all)",
    placeholder: "words of name or title, or a pattern such as *.pdf",
  });
  const command = await import("../peer_index.ts");
  const args = query === "" ? [] : [indexedName(query)];
  await menu.prompts.busy((signal) => menu.session.run(command, "index", { args, signal }));
}

async function requestFile(menu: Menu): Promise<void> {
  const { session, prompts } = menu;
  await knowRs(menu);
  const how = await prompts.select({
    message: "Which file?",
    choices: [
      { value: "list", label: "Pick it from a list", hint: "type to search in it" },
      { value: "name", label: "Type its name", hint: "or a folder's, or a pattern such as *.pdf" },
    ],
  });
  if (how === "name") {
    const pattern = indexedName(
      await prompts.text({
        message: "Name, folder or pattern",
        placeholder: "report.pdf, notes/ or *.pdf",
        fault: (text) => text === "" ? "Type a name, or go back with Ctrl-C" : undefined,
      }),
    );
    const rows = await prompts.busy((signal) => session.files([pattern], signal));
    return await fetchRows(menu, rows, [pattern]);
  }
  const groups = byName(await prompts.busy((signal) => session.files([], signal)));
  if (groups.size === 0) return prompts.tell("info", NO_FILES);
  const name = await prompts.search(fileQuestion("Which file? Enter takes the marked one", groups));
  await fetchRows(menu, groups.get(name) ?? [], [name]);
}

const NO_FILES = "The others share no file at the moment";

async function requestAll(menu: Menu): Promise<void> {
  const { session, prompts } = menu;
  await knowRs(menu);
  const rows = await prompts.busy((signal) => session.files([], signal));
  if (rows.length === 0) return prompts.tell("info", NO_FILES);
  const go = await prompts.confirm({
    message: `The others share ${
      sumText(rows)
    }. Fetch them into ${menu.share}? What is here already stays as it is`,
    yes: "Yes",
    no: "No",
    first: true,
  });
  if (go) await fetchRows(menu, rows, []);
}

/**
 * Fetches; where holders have different contents under a name, asks whose is meant.
 *
 * @param rows what the patterns match.
 * @param patterns as `peer fetch` takes them; none for everything.
 */
async function fetchRows(
  menu: Menu,
  rows: readonly NetworkRow[],
  patterns: readonly string[],
): Promise<void> {
  const groups = [...byName(rows)];
  const differing = groups.filter(([, same]) => same.length > 1);
  if (differing.length === 0) return await fetchNow(menu, patterns);
  const chosen = await chooseContents(menu, differing);
  const plain = groups.filter(([, same]) => same.length === 1).map(([name]) => name);
  for (let at = 0; at < plain.length; at += MAX_PATTERNS) {
    await fetchNow(menu, plain.slice(at, at + MAX_PATTERNS));
  }
  for (const { name, from } of chosen) await fetchNow(menu, [name], from);
}

async function chooseContents(
  { prompts }: Menu,
  differing: readonly [string, NetworkRow[]][],
): Promise<{ name: string; from: string }[]> {
  if (differing.length > 3) {
    const each = await prompts.confirm({
      message: `Under ${differing.length} names different peers have different contents`,
      yes: "Choose for each",
      no: "Leave these out",
      first: true,
    });
    if (!each) return [];
  }
  const chosen = [];
  for (const [name, rows] of differing) {
    const message = `${printable(name)}: different peers have different contents. Whose?`;
    chosen.push({ name, from: await prompts.select({ message, choices: contentChoices(rows) }) });
  }
  return chosen;
}

async function fetchNow(menu: Menu, args: readonly string[], from?: string): Promise<void> {
  const command = await import("../peer_fetch.ts");
  const flags = { all: args.length === 0, from };
  const title = args.length === 0
    ? "All files"
    : args.length === 1
    ? args[0]!
    : formatCount(args.length, "file");
  await carryOut(menu, { title, direction: "in", command, name: "fetch", args, flags });
}

async function send(menu: Menu): Promise<void> {
  const { session, prompts } = menu;
  await knowRs(menu);
  const path = await askPath(menu);
  // Only here may the runtime ask: it needs the keyboard for itself.
  await session.mayRead(path);
  const peers = await prompts.busy((signal) => session.peers(signal));
  const message = peers.length === 0 ? "To whom? No other peer is here at the moment" : "To whom?";
  const to = await prompts.search({ message, choices: receiverChoices(peers) });
  const command = await import("../peer_send.ts");
  const title = `${basename(path)} to ${to}`;
  await carryOut(menu, { title, direction: "out", command, name: "send", args: [path], flags: { to } });
}

async function askPath({ session, prompts, share }: Menu): Promise<string> {
  const own = await session.ownFiles();
  const how = own.length === 0 ? "path" : await prompts.select({
    message: "Send what?",
    choices: [
      { value: "share", label: "A file of my share", hint: `${own.length} files in ${share}` },
      { value: "path", label: "Type a path", hint: "a file or a folder" },
    ],
  });
  if (how === "path") {
    const text = await prompts.text({
      message: "Path of the file or folder",
      placeholder: `such as ${join(share, "report.pdf")}`,
      fault: (typed) => unquoted(typed) === "" ? "Type a path, or go back with Ctrl-C" : undefined,
    });
    return unquoted(text);
  }
  const name = await prompts.search({
    message: "Which file? Enter takes the marked one",
    choices: own.map((row) => ({ value: row.name, label: printable(row.name) })),
  });
  return join(share, name);
}

async function broadcast(menu: Menu): Promise<void> {
  const { session, prompts } = menu;
  await knowRs(menu);
  const path = await askPath(menu);
  await session.mayRead(path);
  const peers = await prompts.busy((signal) => session.peers(signal));
  if (peers.length === 0) return prompts.tell("info", "No other peer is here at the moment");
  const command = await import("../peer_broadcast.ts");
  const flags = { to: [], timeout: BROADCAST_TIME, expires: BROADCAST_KEPT };
  const title = `${basename(path)} to all`;
  await carryOut(menu, { title, direction: "out", command, name: "broadcast", args: [path], flags });
}

async function showStatus({ session, prompts, now }: Menu): Promise<void> {
  if (!await session.status()) {
    const rs = await session.rs();
    const server = rs ? `; the registration server is ${formatHostPort(rs)}` : "";
    return prompts.tell("info", `Not registered: nothing is shared${server}`);
  }
  const command = await import("../peer_status.ts");
  await prompts.busy((signal) => session.run(command, "status", { signal }));
  const lines = session.log.entries.slice(-STATUS_LINES);
  if (lines.length > 0) prompts.tell("info", logText(lines, now()));
}

async function leave({ session, prompts }: Menu): Promise<void> {
  const status = await session.status();
  if (!status) return prompts.tell("info", "You are not registered: there is nothing to leave");
  const where = session.serves ? "" : " This ends the peer serve that runs in another window.";
  const sure = await prompts.confirm({
    message: `Leave the lab? The others won't get your files any more.${where}`,
    yes: "Leave",
    no: "Stay",
    first: true,
  });
  if (!sure) return;
  await prompts.busy(async (signal) => {
    if (await session.leaveOwn()) return;
    await session.run(await import("../peer_status.ts"), "leave", { signal });
  });
  prompts.tell("good", `${printable(status.peer)} has left`);
}
