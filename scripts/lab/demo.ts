/**
 * The demonstration: the whole product on the institution, each PC's programs in its own namespace. What it tells it has
 * checked; for every transfer it tells the end-to-end delay, from the command to the verified file, beside the time that the
 * slowest cable on the way takes for the bytes alone.
 */

import { join } from "@std/path";
import { formatBytes } from "../../src/base/units.ts";
import { type Ended, type JsonLine, Lab, type Launcher, type Running } from "../programs.ts";
import { on } from "./build.ts";
import { type Pc, pcOf, pcsOf, rateText, type Site, wayBetween } from "./site.ts";

/** What is demonstrated with. */
export interface Demonstration {
  site: Site;
  prefix: string;
  programs: { rs: Launcher; peer: Launcher };
  /** Bytes of each file that travels. */
  size: number;
  say: (line: string) => void;
}

/** One transfer, as it was measured. */
export interface Transfer {
  what: string;
  from: string;
  to: string;
  bytes: number;
  /** From the command to the verified file. */
  seconds: number;
  /** Routers on the way. */
  routers: string[];
  /** The slowest cable on the way, bits per second. */
  rate: number;
}

const RS = "rs";
const RS_PORT = 23475;

/** Of what goes over a cable, the share that is payload: 1,448 of the 1,514 bytes of a full frame. */
const PAYLOAD = 1448 / 1514;

/** Something did not hold. */
export class DemoFailed extends Error {
  override name = "DemoFailed";
}

/**
 * Plays it on an institution that is up.
 *
 * @returns the transfers, in order.
 * @throws {DemoFailed} when something did not hold.
 */
export async function demonstrate(demonstration: Demonstration): Promise<Transfer[]> {
  const lab = new Lab(demonstration.programs);
  try {
    return await new Play(demonstration, lab).play();
  } finally {
    await lab.close();
  }
}

class Play {
  #transfers: Transfer[] = [];
  #peers = new Map<string, Running>();
  #rs: string;

  constructor(private o: Demonstration, private lab: Lab) {
    this.#rs = `${pcOf(o.site, RS).address}:${RS_PORT}`;
  }

  async play(): Promise<Transfer[]> {
    await this.#open();
    await this.#listClients();
    await this.#send();
    await this.#fetch();
    await this.#broadcast();
    await this.#leave();
    return this.#transfers;
  }

  async #open(): Promise<void> {
    const { address } = pcOf(this.o.site, RS);
    const flags = ["--open", "--json", "--host", address, "--port", String(RS_PORT), "--no-http"];
    await this.#start("rs", RS, ["serve", ...flags]).event("listening");
    this.#file("store", "image.bin", 1);
    this.#file("lab1-pc1", "lecture.bin", 2);
    this.#file("lab2-pc1", "homework.bin", 3);
    for (const { name, address } of this.#pcs()) {
      const own = ["--rs", this.#rs, "--name", name, "--host", address, "--accept-open-broadcasts"];
      const peer = this.#start("peer", name, ["serve", "--json", ...own]);
      this.#peers.set(name, peer);
    }
    for (const [name, peer] of this.#peers) {
      const { peer: registered } = await peer.event("registered");
      this.#hold(`${name} registers under its own name`, registered === name);
    }
    this.o.say(`A registration server on ${address}, and ${this.#peers.size} peers behind four routers`);
  }

  /** The server sees every client at its own address: routers don't translate. */
  async #listClients(): Promise<void> {
    const { lines } = await this.#run("rs", RS, ["peers", "--rs", this.#rs, "--json"]);
    for (const { name, address } of this.#pcs()) {
      const row = lines.find((line) => line.event === "peer" && line.name === name);
      this.#hold(
        `the list of clients has ${name} at ${address}`,
        row?.address === address && row.active === true,
      );
      this.o.say(`  ${name.padEnd(10)} ${row?.address}:${row?.port}`);
    }
  }

  /** A student in lab 2 sends to the server, and to a PC in lab 1: the server receives, clients receive. */
  async #send(): Promise<void> {
    const path = join("share", "homework.bin");
    for (const to of [RS, "lab1-pc2"]) {
      const began = performance.now();
      await this.#run("peer", "lab2-pc1", ["send", path, "--to", to, "--rs", this.#rs, "--json"]);
      const seconds = (performance.now() - began) / 1000;
      const copy = to === RS ? join("rs-data", "inbox", "lab2-pc1", "homework.bin") : path;
      await this.#same("lab2-pc1", "homework.bin", to, copy);
      this.#note("send", "lab2-pc1", to, seconds);
    }
  }

  /** From the server room to the nearest lab; from lab 1 to lab 3, over four routers and the slow cable. */
  async #fetch(): Promise<void> {
    for (
      const [file, from, to] of [["image.bin", "store", "lab1-pc3"], ["lecture.bin", "lab1-pc1", "lab3-pc1"]]
    ) {
      const began = performance.now();
      const { lines } = await this.#run("peer", to!, ["fetch", file!, "--rs", this.#rs, "--json"]);
      const seconds = (performance.now() - began) / 1000;
      const fetched = lines.find((line) => line.event === "fetched");
      this.#hold(`${to} fetches ${file}`, fetched?.bytes === this.o.size);
      await this.#same(from!, file!, to!, join("share", file!));
      this.#note("fetch", from!, to!, seconds);
    }
  }

  /** To all PCs at once: over the slow cable the file goes once, not once for each PC behind it. */
  async #broadcast(): Promise<void> {
    this.#file(RS, "notice.bin", 4);
    const args = ["broadcast", join("share", "notice.bin"), "--rs", this.#rs, "--json"];
    const { lines } = await this.#run("rs", RS, args);
    const [end] = lines.filter((line) => line.event === "broadcast");
    const receipts = (end?.receipts ?? []) as { peer: string; state: string; seconds?: number }[];
    this.#hold("the broadcast reaches every PC", end?.done === this.#peers.size && end.failed === 0);
    for (const { name } of this.#pcs()) {
      await this.#same(RS, "notice.bin", name, join("share", "notice.bin"));
      this.#note("broadcast", RS, name, receipts.find(({ peer }) => peer === name)?.seconds ?? NaN);
    }
  }

  async #leave(): Promise<void> {
    await Promise.all(this.#pcs().map(({ name }) => this.#run("peer", name, ["leave"])));
    const { lines } = await this.#run("rs", RS, ["peers", "--active", "--rs", this.#rs, "--json"]);
    this.#hold("after all have left nobody is active", lines.every(({ event }) => event !== "peer"));
    this.o.say("All have left");
  }

  #pcs(): Pc[] {
    return pcsOf(this.o.site).filter(({ name }) => name !== RS);
  }

  #start(program: "rs" | "peer", pc: string, args: readonly string[]): Running {
    return this.lab.start(program, pc, args, on(pc, this.o.prefix, ...this.o.programs[program]));
  }

  async #run(
    program: "rs" | "peer",
    pc: string,
    args: readonly string[],
  ): Promise<Ended & { lines: JsonLine[] }> {
    const ended = await this.#start(program, pc, args).ended;
    this.#hold(
      `${program} ${args[0]} on ${pc} ends well: ${ended.stderr.trim().slice(-300)}`,
      ended.code === 0,
    );
    return ended;
  }

  /** Makes a file in a PC's share; every one is another. */
  #file(pc: string, name: string, seed: number): void {
    const words = new Uint32Array(Math.ceil(this.o.size / 4));
    for (let i = 0, state = seed; i < words.length; i++) {
      words[i] = state = Math.imul(state, 1664525) + 1013904223;
    }
    const bytes = new Uint8Array(words.buffer, 0, this.o.size);
    Deno.writeFileSync(join(this.lab.pc(pc), "share", name), bytes);
  }

  async #same(from: string, file: string, to: string, path: string): Promise<void> {
    const read = (pc: string, name: string) => Deno.readFile(join(this.lab.pc(pc), name));
    const [a, b] = await Promise.all([read(from, join("share", file)), read(to, path)]);
    this.#hold(
      `${file} on ${to} is the one of ${from}`,
      a.length === b.length && a.every((byte, i) => byte === b[i]),
    );
  }

  #note(what: string, from: string, to: string, seconds: number): void {
    const { site, size, say } = this.o;
    const way = wayBetween(site, pcOf(site, from), pcOf(site, to));
    const transfer = { what, from, to, bytes: size, seconds, ...way };
    this.#transfers.push(transfer);
    say(`  ${what} ${from} -> ${to}: ${seconds.toFixed(2)} s`);
  }

  #hold(what: string, holds: boolean): void {
    if (!holds) throw new DemoFailed(`This did not hold: ${what}`);
  }
}

/** Seconds that the slowest cable on the way takes for the bytes alone, headers included. */
export function leastSeconds({ bytes, rate }: Pick<Transfer, "bytes" | "rate">): number {
  return bytes * 8 / (rate * PAYLOAD);
}

/** The transfers as lines of a table. */
export function transferTable(transfers: readonly Transfer[]): string[] {
  const head = ["transfer", "from", "to", "bytes", "routers", "slowest cable", "cable alone", "delay"];
  const rows = transfers.map((transfer) => [
    ...[transfer.what, transfer.from, transfer.to, formatBytes(transfer.bytes)],
    transfer.routers.join(" ") || "-",
    rateText(transfer.rate),
    `${leastSeconds(transfer).toFixed(2)} s`,
    `${transfer.seconds.toFixed(2)} s`,
  ]);
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}
