/** Our own executables: `rs serve` on host 1, `peer serve` everywhere else, and the clock starts with `rs broadcast`. */

import { join } from "@std/path";
import { inside } from "../../netns.ts";
import { PROGRAMS } from "../bench.ts";
import { run } from "../measure.ts";
import { cpuOf, threadsOf, treeOf } from "../procfs.ts";
import type { Attempt, Contender } from "./contender.ts";
import { FILE, isNamed, type Program, SOURCE, type Stage, SwarmFailed } from "./stage.ts";

/** The name of our own, and in a secured lab. */
export const OURS = "ours";
export const SECURED = "ours, secured";

/** What `bad_peer.ts` says each time that it sends one. */
export const BAD_PIECE = "a bad piece";

const RS_PORT = 23475;
/** Longest wait for programs to come up, milliseconds. */
const UP_LIMIT_MS = 30_000;
/** Threads that scan and receive, which a peer starts some seconds after it was started. */
const WORKERS = 2;
/** Between two looks at how far they are, milliseconds; and CPU time between them, seconds, below which all wait for work. */
const STILL = { ms: 250, cpu: 0.02 };

/** What our run consists of, for what happens to it on the way. */
export interface OurAttempt extends Attempt {
  readonly server: Program;
  readonly broadcast: () => Program;
  /** The peer on each host. */
  readonly peers: ReadonlyMap<number, Program>;
  /** Starts a host's peer again. */
  peer(host: number): Promise<Program>;
}

/** Variations. */
export interface OurOptions {
  /** Of `rs broadcast`. */
  flags?: readonly string[];
  /** What is broadcast, below host 1's share. */
  name?: string;
  /** Another program than `peer`, on some hosts. */
  programs?: ReadonlyMap<number, readonly string[]>;
  /** In a secured lab that everybody has joined. */
  isSecured?: boolean;
}

/** Waits until a host's programs have said something in their log. */
async function heard(stage: Stage, program: Program, text: string, from = 0): Promise<void> {
  const deadline = performance.now() + UP_LIMIT_MS;
  while (!stage.log(program.host).slice(from).includes(text)) {
    if (program.end || performance.now() > deadline) {
      throw new SwarmFailed(`Host ${program.host} said no ${text}: ${stage.said(program.host)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a registration server on host 1 and waits until it listens. */
export async function startServer(stage: Stage, isSecured = false): Promise<Program> {
  const flags = [
    ...isSecured ? [] : ["--open"],
    "--json",
    "--log-level",
    "warn",
    "--host",
    stage.address(SOURCE),
    "--port",
    String(RS_PORT),
  ];
  const server = stage.start(SOURCE, PROGRAMS.rs[0], "serve", ...flags);
  await heard(stage, server, `"listening"`);
  return server;
}

/** A join code of the secured lab that runs on host 1. */
async function invite(stage: Stage): Promise<string> {
  const { namespace } = stage.lan.host(SOURCE);
  const ask = inside(namespace, PROGRAMS.rs[0], "invite", "--json");
  return JSON.parse(await run("env", `--chdir=${stage.home(SOURCE)}`, ...ask)).code;
}

/** Starts a peer, or another program with a peer's arguments, and waits until it is registered. */
export async function startPeer(
  stage: Stage,
  host: number,
  flags: readonly string[],
  command: readonly string[] = [PROGRAMS.peer[0]],
): Promise<Program> {
  const from = stage.log(host).length;
  const own = ["--rs", rsOf(stage), "--name", `h${host}`, "--host", stage.address(host)];
  const program = stage.start(host, ...command, "serve", "--json", ...own, ...flags);
  await heard(stage, program, `"registered"`, from);
  return program;
}

/** Address of our registration server. */
export function rsOf(stage: Stage): string {
  return `${stage.address(SOURCE)}:${RS_PORT}`;
}

/** Waits until all peers have started what they'll need, and do nothing. */
async function standStill(peers: readonly Program[]): Promise<void> {
  const deadline = performance.now() + UP_LIMIT_MS;
  const pids = peers.map(({ pid }) => pid);
  for (let before = -Infinity; performance.now() < deadline;) {
    const { total } = cpuOf(pids);
    const isUp = pids.every((pid) =>
      treeOf(pid).flatMap(threadsOf).filter((name) => /^worker-/.test(name)).length >= WORKERS
    );
    if (isUp && total - before < STILL.cpu) return;
    before = total;
    await new Promise((resolve) => setTimeout(resolve, STILL.ms));
  }
  throw new SwarmFailed("The peers don't come to rest");
}

/** Starts everything but the broadcast. */
export async function prepareOurs(stage: Stage, options: OurOptions = {}): Promise<OurAttempt> {
  const { flags = [], name = FILE, programs, isSecured = false } = options;
  const server = await startServer(stage, isSecured);
  const own = isSecured ? ["--join", await invite(stage)] : ["--accept-open-broadcasts"];
  const peers = new Map<number, Program>();
  const peer = async (host: number): Promise<Program> => {
    const program = await startPeer(stage, host, own, programs?.get(host));
    peers.set(host, program);
    return program;
  };
  await standStill(await Promise.all(stage.receivers.map(peer)));
  let broadcast: Program | undefined;
  return {
    server,
    peers,
    peer,
    broadcast: () => broadcast!,
    start: () => {
      broadcast = stage.start(
        SOURCE,
        ...[PROGRAMS.rs[0], "broadcast", join("share", name), "--json", "--rs", rsOf(stage), ...flags],
      );
    },
    marks: (host) => stage.file(host),
    finished: (host) => {
      const isThere = isNamed(stage.file(host), stage.size);
      if (!isThere && broadcast?.end && broadcast.end.code !== 0 && !isKilled(broadcast.end.code)) {
        throw new SwarmFailed(`rs broadcast ended with ${broadcast.end.code}: ${stage.said(SOURCE)}`);
      }
      return isThere;
    },
  };
}

function isKilled(code: number): boolean {
  return code === 137;
}

/** Us, in a secured lab. */
export const OURS_SECURED: Contender = {
  ...{ name: SECURED, verifies: true, programs: [] },
  prepare: (stage) => prepareOurs(stage, { isSecured: true }),
};

/** Us. */
export function ours(flags: readonly string[] = []): Contender {
  return { name: OURS, verifies: true, programs: [], prepare: (stage) => prepareOurs(stage, { flags }) };
}
