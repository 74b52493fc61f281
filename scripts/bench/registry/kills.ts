/**
 * A registration server that is killed at random moments under load: whatever it has acknowledged must be there when it
 * runs again. Peers join and come back, a broadcaster hands in receipts; each writes down what it was told, and nothing
 * else is asked for.
 */

import type { Lab } from "../../programs.ts";
import { LoadPeer } from "./client.ts";

/** Peers that join or come back at once, and broadcasters with receipts. */
const LOAD = { joining: 12, returning: 12, broadcasting: 4 };

/** Peers that join in all: far fewer than the server keeps, for it forgets the oldest when there is no room. */
const PEERS_MAX = 3_000;

/** Receipts in one message. */
const RECEIPTS = 5;

/** Who is to get a broadcast: nobody who registers here, so that the server offers it to nobody. */
const RECEIVERS = Array.from({ length: 1_000 }, (_, n) => `done${n}`);

/** What the server has said that it keeps. */
export interface Acknowledged {
  /** Registrations by cookie: name, and how often it registered. */
  peers: Map<string, { name: string; times: number }>;
  /** Names of PCs that are done, by broadcast. */
  receipts: Map<string, Set<string>>;
}

/** How a round ended: what had been acknowledged in it, and what is missing now. */
export interface Round {
  acknowledged: number;
  lost: string[];
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A lab's server that is killed again and again. */
export class Victim {
  readonly acknowledged: Acknowledged = { peers: new Map(), receipts: new Map() };
  #count = 0;
  #names = 0;

  constructor(private lab: Lab, private random: () => number) {}

  /**
   * Starts the server, lets it work for a while, kills it, starts it again and compares.
   *
   * @param most the longest time under load, milliseconds; the moment is a random one.
   */
  async round(most: number): Promise<Round> {
    const { running, port } = await this.lab.rs("rs", "--host", "127.0.0.1", "--log-level", "error");
    const before = this.#count;
    const over = new AbortController();
    const load = this.#load(port, over.signal);
    // On a busy machine the first answer may take longer than the whole round should.
    const limit = performance.now() + 30_000;
    while (this.#count === before && performance.now() < limit) await pause(5);
    await pause(this.random() * most);
    await running.kill("SIGKILL");
    over.abort();
    await load;
    const again = await this.lab.rs("rs", "--host", "127.0.0.1", "--log-level", "error");
    const lost = await this.#missing(again.port);
    await again.running.kill("SIGKILL");
    return { acknowledged: this.#count - before, lost };
  }

  /** Ends when the server does. */
  async #load(port: number, over: AbortSignal): Promise<void> {
    const repeat = async (work: () => Promise<void>) => {
      while (!over.aborted) {
        try {
          await work();
        } catch {
          // It was killed, or two came back as the same peer: one of them is sent away.
          await pause(1);
        }
      }
    };
    const times = (count: number, work: () => Promise<void>) =>
      Array.from({ length: count }, () => repeat(work));
    const known = [...this.acknowledged.peers.keys()];
    const someone = () => known[Math.floor(this.random() * known.length)];
    const newcomer = () => this.acknowledged.peers.size < PEERS_MAX ? undefined : someone();
    await Promise.all([
      ...times(LOAD.joining, () => this.#register(port, newcomer())),
      ...times(LOAD.returning, () => this.#register(port, someone())),
      ...times(LOAD.broadcasting, () => this.#broadcast(port)),
    ]);
  }

  async #register(port: number, cookie: string | undefined): Promise<void> {
    const peer = await LoadPeer.dial({ hostname: "127.0.0.1", port }, `pc${this.#names++}`);
    try {
      peer.cookie = cookie ?? "";
      const { peer: name } = await peer.register(20_000);
      const { peers } = this.acknowledged;
      const times = (peers.get(peer.cookie)?.times ?? 0) + 1;
      peers.set(peer.cookie, { name, times });
      this.#count++;
    } finally {
      peer.close();
    }
  }

  async #broadcast(port: number): Promise<void> {
    const peer = await LoadPeer.dial({ hostname: "127.0.0.1", port }, "lead");
    try {
      const id = `b${this.#names++}`;
      const files: [string, number, string][] = [[`${id}.iso`, 5, "a".repeat(64)]];
      const head = { id, name: `${id}.iso`, peer: "rs", at: 0, files, to: RECEIVERS, lasts: 3600 };
      await peer.ask({ kind: "Broadcast", ...head }, "Noted");
      const done = new Set<string>();
      this.acknowledged.receipts.set(id, done);
      this.#count++;
      for (let n = 0; n < RECEIVERS.length; n += RECEIPTS) {
        const names = RECEIVERS.slice(n, n + RECEIPTS);
        const peers = names.map((name) => ({ name, state: "done" as const }));
        await peer.ask({ kind: "Receipts", id, peers }, "Noted");
        for (const name of names) done.add(name);
        this.#count++;
      }
    } finally {
      peer.close();
    }
  }

  async #missing(port: number): Promise<string[]> {
    const asker = await LoadPeer.dial({ hostname: "127.0.0.1", port }, "asker");
    const lost: string[] = [];
    const registered = new Map<string, number>();
    let after: string | undefined;
    do {
      const page = await asker.ask({ kind: "PQuery", all: true, ...(after ? { after } : {}) }, "Peers");
      for (const { name, registrations30d } of page.peers) registered.set(name, registrations30d);
      after = page.next;
    } while (after !== undefined);
    for (const { name, times } of this.acknowledged.peers.values()) {
      const seen = registered.get(name) ?? 0;
      if (seen < times) lost.push(`${name} registered ${times} times, and the server knows of ${seen}`);
    }
    for (const [id, done] of this.acknowledged.receipts) {
      const known = await doneIn(asker, id);
      for (const name of done) if (!known.has(name)) lost.push(`the receipt of ${name} for ${id}`);
    }
    asker.close();
    return lost;
  }
}

/** The PCs that a broadcast is done on, as the server says. */
async function doneIn(asker: LoadPeer, id: string): Promise<Set<string>> {
  const done = new Set<string>();
  let after: string | undefined;
  do {
    const page = await asker.ask({ kind: "BQuery", id, ...(after ? { after } : {}) }, "Broadcasts");
    for (const { name, state } of page.peers) if (state === "done") done.add(name);
    after = page.next;
  } while (after !== undefined);
  return done;
}
