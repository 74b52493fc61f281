/** What can happen in the middle of a broadcast of ours, and what must come of it. */

import { fromFileUrl, join } from "@std/path";
import { PROGRAMS } from "../bench.ts";
import { run } from "../measure.ts";
import { ROOT } from "../results.ts";
import type { Attempt, Contender } from "./contender.ts";
import { Held } from "./held.ts";
import { inside } from "../../netns.ts";
import { BAD_PIECE, type OurAttempt, OURS, prepareOurs } from "./ours.ts";
import { SOURCE, type Stage, SwarmFailed } from "./stage.ts";

/** Something that happens. */
export interface Fault {
  name: string;
  /** For --help. */
  summary: string;
  /** What the makespan of the others may be at most, by F/B. */
  atMost?: number;
  /** What other figures may be at most. */
  notesAtMost?: Readonly<Record<string, number>>;
  prepare(stage: Stage, victim: number): Promise<Attempt>;
}

/** How long a killed receiver stays away, milliseconds. */
const AWAY_MS = 1000;
/** The share of the link that a slow one has. */
const SLOW = 0.1;

/** Does something once, as soon as the time has come. */
function once(due: () => boolean, act: () => void | Promise<void>) {
  let state: "waiting" | "acting" | "done" = "waiting";
  return {
    step: async () => {
      if (state !== "waiting" || !due()) return;
      state = "acting";
      await act();
      state = "done";
    },
    check: () => {
      if (state !== "done") throw new SwarmFailed("All were done before it could happen");
    },
  };
}

/** A fault that happens when the file has come so far. */
async function midway(
  stage: Stage,
  due: (held: Held) => boolean,
  act: (attempt: OurAttempt) => void | Promise<void>,
  more: Partial<Attempt> = {},
): Promise<Attempt> {
  const attempt = await prepareOurs(stage);
  const held = new Held(stage);
  const event = once(() => due(held), () => act(attempt));
  const notes = async () => {
    event.check();
    return await more.notes?.() ?? {};
  };
  return { ...attempt, step: event.step, ...more, notes };
}

const SEED_KILLED: Fault = {
  name: "seed-killed",
  summary: "everything on host 1 is killed once the others together have each piece",
  atMost: 1.5,
  prepare: (stage) => midway(stage, (held) => held.together(stage.receivers) === 1, () => stage.kill(SOURCE)),
};

const RS_KILLED: Fault = {
  name: "rs-killed",
  summary: "the registration server is killed at half",
  atMost: 1.3,
  prepare: (stage) => {
    const half = (held: Held) => held.share(stage.receivers.at(-1)!) >= 0.5;
    return midway(stage, half, ({ server }) => Deno.kill(server.pid, "SIGKILL"));
  },
};

const RECEIVER_RESTART: Fault = {
  name: "receiver-restart",
  summary: "a receiver is killed at half and started again a second later",
  notesAtMost: { "fetched again / lacked": 1.05 },
  prepare: async (stage, victim) => {
    let lacked = 1;
    let look: Held | undefined;
    const due = (held: Held) => (look = held).share(victim) >= 0.5;
    const act = async ({ peer }: OurAttempt) => {
      await stage.kill(victim);
      lacked = 1 - look!.share(victim);
      await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
      await peer(victim);
    };
    return await midway(stage, due, act, {
      notes: async () => ({
        "held when killed": 1 - lacked,
        "fetched again / lacked": await receivedBy(stage, victim) / stage.size / lacked,
      }),
    });
  },
};

/** Bytes of pieces that a running peer has taken from the network. */
async function receivedBy(stage: Stage, host: number): Promise<number> {
  const { namespace } = stage.lan.host(host);
  const text = await run(
    "env",
    `--chdir=${stage.home(host)}`,
    ...inside(namespace, PROGRAMS.peer[0], "status", "--json"),
  );
  const line = text.split("\n").find((one) => one.includes(`"received"`));
  if (line === undefined) throw new SwarmFailed(`peer status told nothing on host ${host}`);
  return Number(JSON.parse(line).received);
}

/** One of the receivers is a bad peer. */
async function withBadPeer(stage: Stage, victim: number, mode: "corrupt" | "stop"): Promise<Attempt> {
  const script = fromFileUrl(new URL("bad_peer.ts", import.meta.url));
  const pinned = [`--config=${join(ROOT, "deno.json")}`, `--lock=${join(ROOT, "deno.lock")}`, "--frozen"];
  // From inside the LAN no registry can be reached: what it imports has to be there before.
  await run(Deno.execPath(), "cache", ...pinned, script);
  const program = ["env", `LABSWARM_BAD=${mode}`, Deno.execPath(), "run", "-A", ...pinned, script];
  // By multicast nobody asks it for anything, and it could spoil nothing.
  const attempt = await prepareOurs(stage, {
    programs: new Map([[victim, program]]),
    flags: ["--no-multicast"],
  });
  const notes = () => {
    const bad = stage.log(victim).split(BAD_PIECE).length - 1;
    if (bad === 0) throw new SwarmFailed("It was asked for nothing that it could spoil");
    return Promise.resolve({ "bad pieces sent": bad });
  };
  return { ...attempt, excused: [victim], notes };
}

const BAD_PIECES: Fault = {
  name: "bad-pieces",
  summary: "one receiver spoils every 20th piece that it sends",
  atMost: 1.3,
  prepare: (stage, victim) => withBadPeer(stage, victim, "corrupt"),
};

const STOPS: Fault = {
  name: "stops",
  summary: "one receiver stops sending in the middle of a piece",
  atMost: 1.3,
  prepare: (stage, victim) => withBadPeer(stage, victim, "stop"),
};

const FREEZES: Fault = {
  name: "freezes",
  summary: "one receiver's process is stopped at half, its connections stay open",
  atMost: 1.3,
  prepare: async (stage, victim) => {
    const due = (held: Held) => held.share(victim) >= 0.5;
    const act = (attempt: OurAttempt) => Deno.kill(attempt.peers.get(victim)!.pid, "SIGSTOP");
    return await midway(stage, due, act, { excused: [victim] });
  },
};

const SLOW_PEER: Fault = {
  name: "slow",
  summary: "one receiver's link has a tenth of the rate",
  atMost: 1.3,
  prepare: async (stage, victim) => {
    const attempt = await prepareOurs(stage);
    const { rate } = stage.lan.host(victim);
    await stage.lan.setRate(victim, rate * SLOW);
    const notes = async () => {
      await stage.lan.setRate(victim, rate);
      return {};
    };
    return { ...attempt, excused: [victim], notes };
  },
};

/** All of them. */
export const FAULTS: readonly Fault[] = [
  SEED_KILLED,
  RECEIVER_RESTART,
  RS_KILLED,
  BAD_PIECES,
  STOPS,
  FREEZES,
  SLOW_PEER,
];

/** Us, with something happening. */
export function oursWith(fault: Fault, victim: number): Contender {
  const name = `${OURS}, ${fault.name}`;
  return { name, verifies: true, programs: [], prepare: (stage) => fault.prepare(stage, victim) };
}
