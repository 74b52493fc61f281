/** What the menu offers and says, apart from who asks and tells: everything here is pure. */

import { formatBytes, formatSeconds, parseHostPort } from "../../../base/units.ts";
import { messageOf } from "../../../base/errors.ts";
import { peerNameFault, printable } from "../../../catalog/names.ts";
import { searcher } from "../../../catalog/search.ts";
import type { NetworkRow } from "../../../peer/fetch/select.ts";
import type { Transfer } from "../../../peer/serve/transfers.ts";
import type { WirePeer } from "../../../protocol/messages.ts";
import { minuteText } from "../lists.ts";
import { RS_PORT } from "../common_flags.ts";
import type { LogEntry } from "./menu_log.ts";
import type { Choice, SearchQuestion } from "./prompts.ts";

/** What `status` of a running serve says, as far as the menu looks at it. */
export interface ServeStatus {
  peer: string;
  registered: boolean;
  fault?: string;
  rs: string;
  port: number;
  share: string;
  /** What is under way. */
  transfers: Transfer[];
}

/** What the person can do. */
export const ENTRIES = [
  "register",
  "peers",
  "files",
  "fetch",
  "fetchAll",
  "send",
  "broadcast",
  "transfers",
  "status",
  "leave",
  "quit",
] as const;

/** One of them. */
export type Entry = typeof ENTRIES[number];

const LABELS: Record<Entry, string> = {
  register: "Register",
  peers: "List peers",
  files: "List files",
  fetch: "Request a file",
  fetchAll: "Request all files",
  send: "Send",
  broadcast: "Broadcast",
  transfers: "Transfers",
  status: "Status",
  leave: "Leave",
  quit: "Quit",
};

const HINTS: Record<Entry, string> = {
  register: "share your folder and be seen by the others",
  peers: "who is there",
  files: "who has what",
  fetch: "pick it from a list, or type its name",
  fetchAll: "everything that the others have",
  send: "a file or folder, to a peer or to the registration server",
  broadcast: "to every PC at once",
  transfers: "what is under way, in and out",
  status: "registered? what was sent?",
  leave: "stop sharing",
  quit: "end this menu",
};

/** The menu, in an order that never changes. */
export function menuChoices(status: ServeStatus | undefined): Choice<Entry>[] {
  return ENTRIES.map((value) => {
    const hint = value === "register" && status
      ? `done: ${printable(status.peer)}`
      : value === "leave" && !status
      ? "you are not registered"
      : HINTS[value];
    return { value, label: LABELS[value], hint };
  });
}

/** Said once, at the beginning. */
export const KEYS_TEXT =
  "Arrow keys, or j and k, choose; Enter takes; Ctrl-C goes back. Commands: peer --help";

/** The line above the menu: where things stand. */
export function heading(status: ServeStatus | undefined): string {
  if (!status) return "Not registered. What next?";
  const name = printable(status.peer);
  return status.registered
    ? `${name}, registered at ${printable(status.rs)}. What next?`
    : `${name}, not registered at the moment, but trying. What next?`;
}

/** Said once a registration is under way. */
export function registeredText(status: ServeStatus): string {
  const share = `Sharing ${printable(status.share, 1000)} on port ${status.port}.`;
  if (status.registered) {
    return `Registered as ${printable(status.peer)} at ${printable(status.rs)}. ${share}`;
  }
  const why = status.fault === undefined ? "" : ` (${printable(status.fault, 500)})`;
  return `Not registered yet${why}; this PC keeps trying. ${share}`;
}

/** Why a text isn't the address of a registration server. */
export function addressFault(text: string): string | undefined {
  if (text === "") return "Type its address, such as 192.168.1.10; whoever runs rs serve knows it";
  try {
    parseHostPort(text, RS_PORT);
  } catch (thrown) {
    return printable(messageOf(thrown));
  }
  return undefined;
}

/** Why a text isn't the name of a peer. */
export function nameTextFault(text: string): string | undefined {
  if (text === "") return "Type a name, such as pc7";
  const fault = peerNameFault(text);
  return fault === undefined ? undefined : `This name can't be used: ${fault}`;
}

/** A path as people paste it: Windows copies paths with quotes around them. */
export function unquoted(text: string): string {
  const trimmed = text.trim();
  return /^(["']).+\1$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
}

/** "pc7, pc9 and 3 more". */
export function holdersText(row: NetworkRow): string {
  const names = row.holders.map((holder) => printable(holder.peer, 64));
  return names.length <= 3
    ? names.join(", ")
    : `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}

/** Rows of the network's index by name, in the order of names; a name with several rows stands for several contents. */
export function byName(rows: readonly NetworkRow[]): Map<string, NetworkRow[]> {
  const groups = new Map<string, NetworkRow[]>();
  for (const row of rows) groups.set(row.name, [...groups.get(row.name) ?? [], row]);
  return new Map([...groups].sort(([a], [b]) => a < b ? -1 : 1));
}

/** The question for one of many files; words of name or title find it, or a glob. */
export function fileQuestion(
  message: string,
  groups: ReadonlyMap<string, readonly NetworkRow[]>,
): SearchQuestion {
  const choices = [...groups].map(([name, rows]): Choice => ({
    value: name,
    label: printable(name),
    hint: rows.length > 1
      ? `${rows.length} different contents`
      : [formatBytes(rows[0]!.size), printable(rows[0]!.title, 60), holdersText(rows[0]!)]
        .filter((part) => part !== "").join(", "),
  }));
  const matcher = (typed: string) => {
    const finds = searcher(typed.slice(0, 200));
    return (name: string) => finds({ name, title: groups.get(name)?.[0]?.title ?? "" });
  };
  return { message, choices, matcher };
}

/** The contents under one name to choose among; each stands for its first holder. */
export function contentChoices(rows: readonly NetworkRow[]): Choice[] {
  return rows.flatMap((row) => {
    const [holder] = row.holders;
    if (!holder) return [];
    const when = minuteText(row.modified);
    return [{
      value: holder.peer,
      label: `${holdersText(row)}: ${formatBytes(row.size)}, changed ${printable(when)}`,
      hint: `SHA-256 ${printable(row.sha256.slice(0, 8))}`,
    }];
  });
}

/** Receivers to choose among: the registration server first, whose name `rs` no peer can have. */
export function receiverChoices(peers: readonly WirePeer[]): Choice[] {
  return [
    { value: "rs", label: "The registration server", hint: "lands in its inbox, for the instructor" },
    ...peers.filter((peer) => peer.active).map((peer) => ({
      value: peer.name,
      label: printable(peer.name),
      hint: `${printable(peer.host)}, ${printable(peer.address)}`,
    })),
  ];
}

/** "3 files, 12 MB". */
export function sumText(rows: readonly NetworkRow[]): string {
  const bytes = rows.reduce((sum, row) => sum + row.size, 0);
  return `${rows.length === 1 ? "1 file" : `${rows.length} files`}, ${formatBytes(bytes)}`;
}

/** Lines of the log, with how long ago they came. */
export function logText(entries: readonly LogEntry[], now: number): string {
  return entries.map(({ time, message }) => {
    const ago = formatSeconds(Math.max(0, Math.round((now - time) / 1000)));
    return `${ago} ago: ${printable(message, 300)}`;
  }).join("\n");
}
