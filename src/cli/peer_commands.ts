/** What `peer` can do. */

import {
  DOCTOR_FLAGS,
  FETCH_FLAGS,
  INDEX_FLAGS,
  MENU_FLAGS,
  PEER_BROADCAST_FLAGS,
  PEERS_FLAGS,
  SEND_FLAGS,
  SERVE_FLAGS,
  STATUS_FLAGS,
} from "./commands/peer_flags.ts";
import { broadcastHelp } from "./broadcast_help.ts";
import { command, type ProgramSpec } from "./spec.ts";
import { wiresharkHelp } from "./wireshark_help.ts";

/** The program `peer`. */
export const PEER: ProgramSpec = {
  name: "peer",
  summary: "shares a folder in a computer lab, and fetches files from whoever has them",
  folders: { share: "./share", data: "./peer-data" },
  examples: [
    ["peer serve --rs 192.168.1.10", "share ./share, and stay registered"],
    ["peer fetch report.pdf", "get a file from whoever has it"],
    ["peer menu", "choose from a menu; peer alone, or a double click, does the same"],
  ],
  alone: "menu",
  commands: [
    command({
      name: "serve",
      summary: "share a folder and stay registered",
      description:
        "Shares a folder, keeps its index in index.csv, answers other peers, and stays registered at the " +
        "registration server until it is interrupted or peer leave ends it.",
      flags: SERVE_FLAGS,
      logLevel: "info",
      serves: true,
      examples: [
        [
          "peer serve --join CODE",
          "the first time on this PC, with the code that rs serve or rs invite printed; later peer serve alone",
        ],
        ["peer serve --rs 192.168.1.10", "share ./share under this PC's host name"],
        [
          "peer serve --name pc7 --rate 50MB/s",
          "another name, and at most 50 MB/s out; the server is remembered",
        ],
      ],
      run: () => import("./commands/peer_serve.ts"),
    }),
    command({
      name: "fetch",
      summary: "get files from whoever has them",
      description:
        "Names, folders or globs; quote globs. What is here already is not fetched again, and an interrupted " +
        "fetch goes on where it was when it is run again. Nothing that is here is overwritten.",
      positionals: [{
        name: "NAME|GLOB",
        help: "file, folder, or pattern such as '*.pdf'",
        indexed: true,
        required: true,
        many: true,
        unless: "all",
      }],
      flags: FETCH_FLAGS,
      examples: [
        ["peer fetch report.pdf", "one file"],
        ["peer fetch 'rfc/*.txt' notes", "all that match, and a folder"],
        ["peer fetch --all --from pc7", "everything that pc7 holds"],
        ["peer fetch 'report*' --from all --out share/reports", "everybody's, a folder for each peer"],
      ],
      run: () => import("./commands/peer_fetch.ts"),
    }),
    command({
      name: "send",
      summary: "send files or folders to one peer, or to the registration server",
      description:
        "To a peer that is there; into its share, or the server's rs-data/inbox. Nothing is overwritten: where " +
        "another file has the name, the receiver saves it as NAME (SENDER).EXT. A receiver to whom many send takes " +
        "8 at once; the next ones wait, for half an hour at most.",
      positionals: [{ name: "PATH", help: "file or folder", required: true, many: true }],
      flags: SEND_FLAGS,
      examples: [
        ["peer send share/report.pdf --to pc7", "to a peer's share"],
        ["peer send share/homework --to rs", "a folder, to the registration server's inbox"],
      ],
      run: () => import("./commands/peer_send.ts"),
    }),
    command({
      ...broadcastHelp("peer"),
      flags: PEER_BROADCAST_FLAGS,
      run: () => import("./commands/peer_broadcast.ts"),
    }),
    command({
      name: "index",
      summary: "list the network's files and who has them, or the own ones",
      positionals: [{
        name: "QUERY",
        help: "words of name or title, or a glob",
        indexed: true,
        required: false,
        many: true,
      }],
      flags: INDEX_FLAGS,
      examples: [
        ["peer index", "all files of the others"],
        ["peer index transmission control", "files with these words in name or title"],
        ["peer index --local --csv", "the own index"],
      ],
      run: () => import("./commands/peer_index.ts"),
    }),
    command({
      name: "peers",
      summary: "list the active peers",
      flags: PEERS_FLAGS,
      examples: [["peer peers", "who is there"]],
      run: () => import("./commands/peer_peers.ts"),
    }),
    command({
      name: "status",
      summary: "show how the running peer serve is doing",
      flags: STATUS_FLAGS,
      examples: [["peer status", "registered? what was sent?"]],
      run: () => import("./commands/peer_status.ts"),
    }),
    command({
      name: "leave",
      summary: "leave the lab: ends the running peer serve",
      flags: STATUS_FLAGS,
      examples: [["peer leave", "leave"]],
      run: () => import("./commands/peer_status.ts"),
    }),
    command({
      name: "doctor",
      summary: "find out what is wrong, and what mends it",
      description:
        "Looks at name, network cards, clock, folders, free space and the registration server, has the server and other " +
        "peers dial back, and fetches a few bytes from them. Exit code 0 when nothing is wrong.",
      flags: DOCTOR_FLAGS,
      examples: [
        ["peer doctor", "is all well with this PC?"],
        ["peer doctor --sandbox", "what the program can't get at"],
      ],
      run: () => import("./commands/peer_doctor.ts"),
    }),
    command({ ...wiresharkHelp("peer"), run: () => import("./commands/wireshark.ts") }),
    command({
      name: "menu",
      summary: "choose what to do from a menu",
      description:
        "Register, see peers and files, request and send files, leave; with the keyboard alone. Uses the peer serve " +
        "that runs on this data folder; where none runs, registering starts one inside the menu, and quitting ends it.",
      flags: MENU_FLAGS,
      serves: true,
      examples: [["peer menu", "everything from here"], ["peer menu --rs 192.168.1.10", "with this server"]],
      run: () => import("./commands/peer_menu.ts"),
    }),
  ],
};
