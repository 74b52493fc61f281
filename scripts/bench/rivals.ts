/**
 * Who takes part in the transfer bench, each with the flags that make it fastest here. All take from the same folder and
 * put their copy into the same one.
 */

import type { Target } from "./statistics.ts";

/** The two things that are copied. */
export type Work = "big" | "small";

/** What the participants are told. */
export interface Field {
  /** The folder that holds `big` and `small/`. */
  source: string;
  /** The folder for the copy, empty before each run. */
  target: string;
  nginx: number;
  rsync: number;
  /** HOST:PORT of the registration server. */
  rs: string;
  /** The compiled executable. */
  peer: string;
  /** SHA-256 of `big`. */
  digest: string;
  /** Files that list the small files for curl and for aria2c. */
  curlList: string;
  ariaList: string;
}

/** One participant. */
export interface Contender {
  work: Work;
  name: string;
  /** Checks a SHA-256 of all that it copies. */
  verifies: boolean;
  /** Which server it talks to. */
  server?: "nginx" | "rsync" | "holder";
  /** What our rate by its rate must be. */
  target?: Target;
  command(field: Field): string[];
}

/** The name of our own. */
export const OURS = "peer fetch";

const ARIA = ["aria2c", "--no-conf", "-q", "--file-allocation=none", "--allow-overwrite=true"];

/** One file of 1 GiB. */
const BIG: Contender[] = [
  {
    work: "big",
    name: OURS,
    verifies: true,
    server: "holder",
    command: ({ peer, rs }) => [peer, "fetch", "big", "--rs", rs],
  },
  {
    work: "big",
    name: "rsync daemon -W",
    verifies: false,
    server: "rsync",
    target: { atLeast: 0.75 },
    command: ({ rsync, target }) => ["rsync", "-W", `rsync://127.0.0.1:${rsync}/d/big`, `${target}/`],
  },
  {
    work: "big",
    name: "curl | tee | sha256",
    verifies: true,
    server: "nginx",
    target: { atLeast: 1.25 },
    command: ({ nginx, target }) => [
      "sh",
      "-c",
      `curl -sf http://127.0.0.1:${nginx}/big | tee ${target}/big | openssl sha256`,
    ],
  },
  {
    work: "big",
    name: "aria2c -x4 sha-256",
    verifies: true,
    server: "nginx",
    target: { atLeast: 2 },
    command: ({ nginx, target, digest }) => [
      ...ARIA,
      `--dir=${target}`,
      "--out=big",
      `--checksum=sha-256=${digest}`,
      "-x4",
      "-s4",
      `http://127.0.0.1:${nginx}/big`,
    ],
  },
  {
    work: "big",
    name: "curl from nginx",
    verifies: false,
    server: "nginx",
    command: ({ nginx, target }) => ["curl", "-sf", "-o", `${target}/big`, `http://127.0.0.1:${nginx}/big`],
  },
  {
    work: "big",
    name: "cp (limit)",
    verifies: false,
    command: ({ source, target }) => ["cp", `${source}/big`, `${target}/big`],
  },
];

/** 10,000 files of 4 KiB in 100 folders. */
const SMALL: Contender[] = [
  {
    work: "small",
    name: OURS,
    verifies: true,
    server: "holder",
    command: ({ peer, rs }) => [peer, "fetch", "small", "--rs", rs],
  },
  {
    work: "small",
    name: "rsync daemon -a -W",
    verifies: false,
    server: "rsync",
    target: { atLeast: 0.5 },
    command: ({ rsync, target }) => ["rsync", "-a", "-W", `rsync://127.0.0.1:${rsync}/d/small`, `${target}/`],
  },
  {
    work: "small",
    name: "curl --parallel",
    verifies: false,
    server: "nginx",
    command: ({ curlList }) => [
      "curl",
      "-sf",
      "--parallel",
      "--parallel-max",
      "50",
      "--create-dirs",
      "-K",
      curlList,
    ],
  },
  {
    work: "small",
    name: "aria2c -j16 sha-256",
    verifies: true,
    server: "nginx",
    command: ({ target, ariaList }) => [...ARIA, `--dir=${target}`, "-j16", "-i", ariaList],
  },
  {
    work: "small",
    name: "cp -r (limit)",
    verifies: false,
    command: ({ source, target }) => ["cp", "-r", `${source}/small`, `${target}/`],
  },
];

/** All of them, ours first. */
export const CONTENDERS: readonly Contender[] = [...BIG, ...SMALL];

/** Command and configuration of nginx, serving a folder; its own files lie in `work`. */
export function nginxServer(
  source: string,
  work: string,
  port: number,
  address = "127.0.0.1",
): { command: string[]; config: string } {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) =>
    `${kind}_temp_path ${work};`
  );
  const config = `daemon off; worker_processes 1; pid ${work}/pid; error_log ${work}/err; user root;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  ${temporary.join(" ")}
  server { listen ${address}:${port}; root ${source}; }
}
`;
  return { command: ["nginx", "-c", `${work}/nginx.conf`, "-e", `${work}/err`], config };
}

/** The same for the rsync daemon. */
export function rsyncServer(
  source: string,
  work: string,
  port: number,
): { command: string[]; config: string } {
  const config = `use chroot = no\nuid = 0\ngid = 0\n[d]\npath = ${source}\n`;
  const flags = [
    "--daemon",
    "--no-detach",
    `--config=${work}/rsyncd.conf`,
    `--port=${port}`,
    "--address=127.0.0.1",
  ];
  return { command: ["rsync", ...flags], config };
}
