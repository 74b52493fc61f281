/** The demo's lab: PCs in folders of their own, on which the compiled executables run, with the narrator at hand. */

import { join } from "@std/path";
import { type Ended, Lab, type Launcher, type Running } from "../programs.ts";
import { bytesLeftBehind, hashAll, hashOf } from "./files.ts";
import type { Narrator } from "./narrator.ts";

/** Longest wait for something that should be there within a second, milliseconds. */
const PATIENCE_MS = 8_000;
const POLL_MS = 50;

type Program = "rs" | "peer";

/** Where the story is played. */
export class Stage {
  readonly lab: Lab;
  /** The `serve` of each PC. */
  readonly serves = new Map<string, Running>();
  #closed = false;

  constructor(programs: { rs: Launcher; peer: Launcher }, readonly tell: Narrator) {
    this.lab = new Lab(programs);
  }

  /** A path on a PC. */
  path(pc: string, ...parts: string[]): string {
    return join(this.lab.pc(pc), ...parts);
  }

  /** A path in the share of a PC. */
  share(pc: string, ...parts: string[]): string {
    return this.path(pc, "share", ...parts);
  }

  /** SHA-256 of a shared file; empty when there is none. */
  async hash(pc: string, name: string): Promise<string> {
    return await hashOf(this.share(pc, name)).catch(() => "");
  }

  /** All files of a PC's share with their SHA-256. */
  async hashes(pc: string): Promise<Map<string, string>> {
    return await hashAll(this.share(pc));
  }

  /** Bytes that an interrupted fetch of a file has left on a PC; the original is on another. */
  async leftBehind(pc: string, original: string): Promise<number> {
    return await bytesLeftBehind(this.lab.pc(pc), original);
  }

  /** Starts a `serve`; its command line is shown. It goes on until the demo ends it. */
  serve(program: Program, pc: string, args: readonly string[]): Running {
    this.tell.typed(pc, commandLine(program, args));
    const running = this.#start(program, pc, args);
    this.serves.set(pc, running);
    return running;
  }

  /** Starts a command that the demo won't let come to its end. */
  begin(pc: string, args: readonly string[]): Running {
    this.tell.typed(pc, commandLine("peer", args));
    return this.#start("peer", pc, args);
  }

  /** Runs a command, as a person would, and shows what it says. */
  async shows(program: Program, pc: string, args: readonly string[]): Promise<Ended> {
    this.tell.typed(pc, commandLine(program, args));
    const ended = await this.#start(program, pc, args).ended;
    this.tell.output(ended.stdout);
    this.tell.output(ended.stderr);
    return ended;
  }

  /** Runs a command, unseen, for the demo's own checks. */
  async asks(program: Program, pc: string, args: readonly string[]): Promise<Ended> {
    return await this.#start(program, pc, [...args, "--json"]).ended;
  }

  /** Shows a file as `cat` would, and gives its lines. */
  async cat(pc: string, path: string, shown: (line: string) => boolean = () => true): Promise<string[]> {
    const lines = (await Deno.readTextFile(this.path(pc, path))).trimEnd().split(/\r?\n/);
    this.tell.output(lines.filter(shown).join("\n"));
    return lines;
  }

  /** Waits until something holds. False: it didn't within a few seconds. */
  async comes(look: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!await look()) {
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return true;
  }

  /** The rows of a PC's index.csv. */
  async indexRows(pc: string): Promise<string[]> {
    const text = await Deno.readTextFile(this.path(pc, "peer-data", "index.csv")).catch(() => "");
    return text.trimEnd().split(/\r?\n/).slice(1);
  }

  /** Ends everything, and removes the folder. Nothing can be started any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.lab.close();
  }

  #start(program: Program, pc: string, args: readonly string[]): Running {
    if (this.#closed) throw new Error("The demo is over");
    return this.lab.start(program, pc, args);
  }
}

function commandLine(program: string, args: readonly string[]): string {
  return [program, ...args.map((arg) => /[\s*?]/.test(arg) ? `'${arg}'` : arg)].join(" ");
}
