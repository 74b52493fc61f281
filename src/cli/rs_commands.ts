/** What `rs` can do. */

import {
  BACKUP_FLAGS,
  COPY_FLAGS,
  EXPERIMENT_FLAGS,
  INVITE_FLAGS,
  LAB_FLAGS,
  MEMBERS_FLAGS,
  RS_BROADCAST_FLAGS,
  RS_BROADCASTS_FLAGS,
  RS_DOCTOR_FLAGS,
  RS_FETCH_FLAGS,
  RS_INDEX_FLAGS,
  RS_PEERS_FLAGS,
  RS_SERVE_FLAGS,
  STATUS_FLAGS,
} from "./commands/rs_flags.ts";
import { broadcastHelp } from "./broadcast_help.ts";
import { command, type CommandModule, type ProgramSpec } from "./spec.ts";
import { wiresharkHelp } from "./wireshark_help.ts";

/** The program `rs`. */
export const RS: ProgramSpec = {
  name: "rs",
  summary: "the registration server of a computer lab: knows which peers live and who has what",
  folders: { share: "./share", data: "./rs-data" },
  examples: [
    ["rs serve", "start the registration server; at first it makes a lab and prints a join code"],
    ["rs invite", "another join code"],
    ["rs peers", "who is registered"],
    ["rs index", "who has what"],
  ],
  commands: [
    command({
      name: "serve",
      summary: "run the registration server",
      description:
        "Knows the active peers and who has what, and takes in what peers send to it: rs-data/inbox/PEER. " +
        "Its database survives a restart.",
      flags: RS_SERVE_FLAGS,
      logLevel: "info",
      serves: true,
      examples: [
        ["rs serve", "PCs join with a code, and all traffic is encrypted"],
        ["rs serve --open", "for a demonstration: anybody may take part"],
        ["rs serve --open --port 4000 --ttl 600", "another port, and registrations that last 10 minutes"],
        [
          "rs serve --store nats://10.0.0.1:4222,10.0.0.2:4222,10.0.0.3:4222",
          "one of several servers that share a registry; see the README",
        ],
        [
          "rs serve --store tls://10.0.0.1:4222 --nats-ca rs-data/nats-ca.pem",
          "the same over an encrypted connection, to servers that this authority certified and no others",
        ],
        ["rs serve --open --classic 23485", "students' own clients may register on port 23485"],
      ],
      run: () => import("./commands/rs_serve.ts"),
    }),
    command({
      name: "peers",
      summary: "list all peers, active or not",
      flags: RS_PEERS_FLAGS,
      examples: [["rs peers", "the database"], [
        "rs peers --csv --rs 192.168.1.10",
        "as CSV, from another PC",
      ]],
      run: () => import("./commands/rs_peers.ts"),
    }),
    command({
      name: "invite",
      summary: "print a join code",
      description:
        "A PC joins with it once: peer serve --join CODE, and --rs HOST:PORT where it doesn't find this server by " +
        "itself (:PORT only where that isn't the usual one). The code tells the PC whom to trust, and this server " +
        "whom to let in.",
      flags: INVITE_FLAGS,
      examples: [
        ["rs invite", "for any number of PCs, for two hours"],
        ["rs invite --role lead --uses 1", "for the PC of somebody who may broadcast"],
      ],
      run: () => import("./commands/rs_lab.ts") as Promise<CommandModule<typeof INVITE_FLAGS>>,
    }),
    command({
      name: "members",
      summary: "list who has joined",
      flags: MEMBERS_FLAGS,
      examples: [["rs members", "who has joined, with which role"]],
      run: () => import("./commands/rs_lab.ts") as Promise<CommandModule<typeof MEMBERS_FLAGS>>,
    }),
    command({
      name: "revoke",
      summary: "put a member out",
      description:
        "Its connections end at once, the other peers hear of it, and nothing waits for it. To come back, under its name, " +
        "it has to join anew.",
      positionals: [{ name: "PEER", help: "name or id, see rs members", required: true }],
      flags: LAB_FLAGS,
      examples: [["rs revoke pc7", "pc7 is a member no longer"]],
      run: () => import("./commands/rs_lab.ts") as Promise<CommandModule<typeof LAB_FLAGS>>,
    }),
    command({
      ...broadcastHelp("rs"),
      flags: RS_BROADCAST_FLAGS,
      run: () => import("./commands/rs_broadcast.ts"),
    }),
    command({
      name: "fetch",
      summary: "get files from peers, or collect them from all",
      description:
        "Names, folders or globs; quote globs. Into the share unless --out says otherwise; nothing that is there is " +
        "overwritten. With --from all each peer's files go to a folder of their own, and a table tells of each peer.",
      positionals: [{
        name: "NAME|GLOB",
        help: "file, folder, or pattern such as '*.pdf'",
        indexed: true,
        required: true,
        many: true,
      }],
      flags: RS_FETCH_FLAGS,
      examples: [
        ["rs fetch 'report*.pdf' --from all --out share/reports", "everybody's reports, a folder for each"],
        ["rs fetch notes --from pc7", "a folder of one peer"],
      ],
      run: () => import("./commands/rs_fetch.ts"),
    }),
    command({
      name: "broadcasts",
      summary: "list the broadcasts that run, and those that wait for PCs that are off",
      flags: RS_BROADCASTS_FLAGS,
      examples: [
        ["rs broadcasts", "how it stands with each"],
        ["rs broadcasts --id 5f1d7c0a", "each PC of one"],
        ["rs broadcasts --withdraw 5f1d7c0a", "nobody else is to get it"],
      ],
      run: () => import("./commands/rs_broadcasts.ts"),
    }),
    command({
      name: "index",
      summary: "list who has what",
      positionals: [{
        name: "QUERY",
        help: "words of name or title, or a glob",
        indexed: true,
        required: false,
        many: true,
      }],
      flags: RS_INDEX_FLAGS,
      examples: [
        ["rs index", "all files"],
        ["rs index '*.pdf'", "those that match"],
        ["rs index --last-copy", "what is lost when one PC is"],
        ["rs index --at 2026-11-20T10:30 report", "who had a file of that name then"],
      ],
      run: () => import("./commands/rs_index.ts"),
    }),
    command({
      name: "experiment",
      summary: "measure central against peer to peer",
      description:
        "Each peer fetches all files that it doesn't hold, one after the other: from one peer that holds them all, then " +
        "from each other, at best and at worst. Writes a page with the curves, and a CSV file beside it.\n\n" +
        "On PCs it takes what a broadcast takes, and the files stay in their shares, in a folder experiment-...; with " +
        "--local nothing stays.",
      flags: EXPERIMENT_FLAGS,
      examples: [
        ["rs experiment --local", "six peers at 20 Mbit/s each on this PC, half a minute"],
        ["rs experiment --peers pc1,pc2,pc3,pc4,pc5,pc6 --size 2MB", "six PCs of the lab"],
      ],
      run: () => import("./commands/rs_experiment.ts"),
    }),
    command({
      name: "doctor",
      summary: "find out which PC or cable is slow",
      description:
        "Has every active peer fetch a few bytes from every other: a minute or so for 40 PCs. On the PC of rs serve. " +
        "Exit code 0 when nothing is wrong.",
      flags: RS_DOCTOR_FLAGS,
      examples: [["rs doctor", "everybody against everybody"]],
      run: () => import("./commands/rs_doctor.ts"),
    }),
    command({
      name: "status",
      summary: "tell how the running registration server does",
      description:
        "Uptime, peers, members, broadcasts, connections, messages per second, memory, database, last backup. On the PC " +
        "of rs serve, in its folder. Exit code 3 when none runs.",
      flags: STATUS_FLAGS,
      examples: [["rs status", "as a table"], ["rs status --json", "as one JSON object"]],
      run: () => import("./commands/rs_status.ts"),
    }),
    command({
      name: "backup",
      summary: "copy the database and the lab's keys, while the server runs or not",
      description:
        "Into a new folder, DATA/backups/TIME unless another is named. In a secured lab the backup holds the lab's private " +
        "keys: whoever can read it owns the lab, so keep it where only you can. Files of the share and of the inbox are not " +
        "in it.",
      positionals: [{ name: "DIR", help: "a folder that isn't there yet, or an empty one", required: false }],
      flags: BACKUP_FLAGS,
      examples: [
        ["rs backup", "into rs-data/backups"],
        [
          "rs backup /media/usb/lab-monday",
          "onto a memory stick; on a terminal the runtime asks whether it may",
        ],
      ],
      run: () => import("./commands/rs_backup.ts"),
    }),
    command({
      name: "restore",
      summary: "put a backup back; the server must not run",
      description:
        "Checks the backup first. What is there now is moved to DATA/replaced/TIME, not deleted. PCs come back by " +
        "themselves, with the cookies that they had when the backup was made.",
      positionals: [{ name: "DIR", help: "the folder that rs backup made", required: true }],
      flags: BACKUP_FLAGS,
      examples: [["rs restore rs-data/backups/20261126T060000Z", "as it was then"]],
      run: () => import("./commands/rs_backup.ts"),
    }),
    command({
      name: "copy",
      summary: "copy the registry to a NATS that several servers share",
      description:
        "Peers with their cookies, who has what, broadcasts with receipts, members and join codes; the lab's private key " +
        "stays in DATA. The server must not run meanwhile. Its database stays as it is; the next rs serve goes on with the " +
        "copy, rs serve --store sqlite goes back.",
      positionals: [{
        name: "NATS",
        help: "nats://HOST:PORT,HOST:PORT,HOST:PORT, or tls://...",
        required: true,
      }],
      flags: COPY_FLAGS,
      examples: [
        [
          "rs copy nats://10.0.0.1:4222,10.0.0.2:4222,10.0.0.3:4222",
          "then rs serve, which goes on with it",
        ],
      ],
      run: () => import("./commands/rs_copy.ts"),
    }),
    command({ ...wiresharkHelp("rs"), run: () => import("./commands/wireshark.ts") }),
  ],
};
